"""Functions only: the arithmetic that everything above is written in."""
