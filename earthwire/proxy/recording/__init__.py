"""From a call that is over to its trace record on disk, and to counts."""
