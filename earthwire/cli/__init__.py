"""The command line: one module a command; each parses and prints, the parts do the work."""
