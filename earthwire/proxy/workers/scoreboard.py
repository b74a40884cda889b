"""Counters of all workers, in memory that they share with the supervisor: what they say outlives a worker."""

import mmap
import struct

_COUNTER = struct.Struct("=Q")


class Scoreboard:
    """How many trace records each worker has handed to the operating system.

    Each counter has one writer, and is read by the supervisor. To be made before the workers are forked.

    Args:
        worker_count: number of workers.
    """

    def __init__(self, worker_count: int) -> None:
        self._memory = mmap.mmap(-1, worker_count * _COUNTER.size)
        self._counters = memoryview(self._memory).cast("Q")

    def add_written(self, worker: int, count: int) -> None:
        """Count records of a worker that are with the operating system: no crash of a process loses them."""
        self._counters[worker] += count

    def written_count(self, worker: int) -> int:
        """Return the records that a worker, and those before it in its place, have written."""
        return self._counters[worker]

    def close(self) -> None:
        """Release the memory."""
        self._counters.release()
        self._memory.close()
