"""Exchanges that channels look into: texts reworded, tools and answers changed, calls refused on their way."""
