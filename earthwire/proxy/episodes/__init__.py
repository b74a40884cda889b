"""Episodes that were declared: their own laws, clocks and accounts."""
