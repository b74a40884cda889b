"""Clocks: absolute deadlines that are never early, the proxy's own lateness, and time that is not real."""
