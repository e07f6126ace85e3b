"""A graph and settings -> a fitted value, judged on held-out edges."""
