"""Operators and algorithms on networks."""
