"""From an outcome to the steps that bring it about on the wire."""
