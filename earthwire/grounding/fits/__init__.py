"""One law each, fitted to recorded calls."""
