"""Reports: what a run found, in one HTML file that opens anywhere."""
