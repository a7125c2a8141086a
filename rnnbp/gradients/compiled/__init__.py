"""Recurrences laid out for the engine."""
