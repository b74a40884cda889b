"""One module a command: it parses and prints, the parts do the work."""
