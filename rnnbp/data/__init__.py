"""Data as networks take them: sequences without padding, batches that are gathered from them, memory for rows."""
