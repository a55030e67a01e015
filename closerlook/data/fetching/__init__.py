"""Data sets from their sources, verified."""
