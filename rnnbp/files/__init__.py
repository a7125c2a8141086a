"""Files: models and checkpoints, as plain data."""
