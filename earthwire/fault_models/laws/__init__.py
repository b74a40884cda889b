"""How tools behave, one law a file."""
