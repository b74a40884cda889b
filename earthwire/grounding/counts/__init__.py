"""Counts of calls that add up in any order: what is fitted from."""
