"""What a log says about who called: attempts, and what became of them in the end."""
