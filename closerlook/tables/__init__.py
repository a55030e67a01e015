"""Tidy tables, and the numbers that figures, claims and prose take of them."""
