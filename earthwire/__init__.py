"""earthwire: simulated tools that are as slow and as faulty as the recorded ones."""

__version__ = "0.1.0"
