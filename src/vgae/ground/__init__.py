"""What everything stands on: errors, files, settings."""
