"""What went wrong with a call, by what can be seen of it."""
