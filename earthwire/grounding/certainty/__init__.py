"""How sure a profile is of its parameters: intervals from calls that hang together."""
