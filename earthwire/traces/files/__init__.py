"""Files of traces: readers and writers of every format."""
