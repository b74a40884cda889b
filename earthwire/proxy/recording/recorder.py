"""Writes trace records: in batches, and none is lost.

Records are made, encoded and written on the loop, several at a time: in a row that takes half the time that it takes
one by one between calls, and few enough do not make a call late that is due. While the disk refuses to take them they
wait in memory, up to a bound; beyond it no further request is read until there is room.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from earthwire.proxy.calls.simulated_call import SimulatedCall
from earthwire.proxy.recording.call_record import FinishedCall
from earthwire.proxy.recording.served_record import ServedRecord
from earthwire.traces.errors import TraceFileError
from earthwire.traces.files.jsonl_writer import JsonlWriter
from earthwire.traces.record import TraceRecord

BATCH_PERIOD_S = 0.004
"""Short, so that few records wait where calls are few: a batch of 64 would make one of them 0.3 ms late."""
BATCH_COUNT_MAX = 64
RETRY_PERIOD_S = 0.05
"""Between two attempts at a disk that refuses records."""
_CALLS = (FinishedCall, SimulatedCall)


class Recorder:
    """Appends trace records to a JSONL file.

    Attributes:
        record_count: records taken so far.
        written_count: records that are with the operating system.
        full: no further record should be made before `room` has returned.

    Args:
        path: the file; created with its header if it does not exist, appended to if it does.
        loop: the running loop.
        queue_count_max: records that may wait for a disk that refuses them.
        written: told how many more records are with the operating system, whenever some are.

    Raises:
        TraceFileError: if the file cannot be written, is not a trace file, or its name asks for compression.
    """

    def __init__(
        self,
        path: Path,
        loop: asyncio.AbstractEventLoop,
        queue_count_max: int,
        written: Callable[[int], None] | None = None,
    ) -> None:
        self._path = path
        self._descriptor = open_recording(path)
        self._loop = loop
        self._queue_count_max = queue_count_max
        self._unnoted_count = min(BATCH_COUNT_MAX, queue_count_max)
        self._written = written
        self._encoder = msgspec.json.Encoder()
        self._queue: list[msgspec.Struct] = []
        self._unwritten = b""
        self._handle: asyncio.TimerHandle | None = None
        self._room = asyncio.Event()
        self._room.set()
        self.full = False
        self._failing = False
        self.record_count = 0
        self.written_count = 0

    def add(self, record: TraceRecord | ServedRecord | FinishedCall | SimulatedCall) -> None:
        """Take a record, or a call to make one of; it is on its way to the disk within `BATCH_PERIOD_S`."""
        self.record_count += 1
        queue = self._queue
        if self._failing and isinstance(record, _CALLS):
            # While the disk refuses records, calls must not wait with all they hold.
            record = record.record()
        queue.append(record)
        if self._handle is None:
            self._handle = self._loop.call_later(BATCH_PERIOD_S, self._write_batch)
        if len(queue) >= self._unnoted_count:
            self._note_length()

    def add_all(self, records: list[TraceRecord | ServedRecord]) -> None:
        """Take records that were made already, as `add` does."""
        self.record_count += len(records)
        self._queue += records
        if self._handle is None:
            self._handle = self._loop.call_later(BATCH_PERIOD_S, self._write_batch)
        if len(self._queue) >= self._unnoted_count:
            self._note_length()

    def _note_length(self) -> None:
        """Write a batch that is full; where the disk refuses it, no more is to be read."""
        queue = self._queue
        if len(queue) >= BATCH_COUNT_MAX and not self._failing:
            self._flush()
        if len(queue) >= self._queue_count_max:
            self.full = True
            self._room.clear()

    async def room(self) -> None:
        """Wait until there is room for records."""
        await self._room.wait()

    def close(self) -> None:
        """Write what is left, make it durable, and close the file.

        Raises:
            OSError: if the disk does not take the rest; the text names the file and what is missing.
        """
        if self._handle is not None:
            self._handle.cancel()
        self._flush()
        if not self._failing:
            # What had waited for the disk is written; what came meanwhile is still to be.
            self._flush()
        lost_count = self.record_count - self.written_count
        if lost_count:
            raise OSError(f"{self._path}: the last {lost_count} records could not be written")
        os.fsync(self._descriptor)
        os.close(self._descriptor)

    def _write_batch(self) -> None:
        self._flush()
        waiting = bool(self._queue or self._unwritten)
        self._handle = self._loop.call_later(RETRY_PERIOD_S, self._write_batch) if waiting else None

    def _flush(self) -> None:
        if not self._unwritten:
            self._unwritten = self._encoder.encode_lines(
                [record.record() if isinstance(record, _CALLS) else record for record in self._queue]
            )
            self._encoded_count = len(self._queue)
            self._queue.clear()
        try:
            while self._unwritten:
                written_bytes = os.write(self._descriptor, self._unwritten)
                self._unwritten = self._unwritten[written_bytes:]
        except OSError as error:
            self._report(error)
            return
        self._failing = False
        self.written_count += self._encoded_count
        if self._written is not None:
            self._written(self._encoded_count)
        self._encoded_count = 0
        if self.full and len(self._queue) < self._queue_count_max:
            self.full = False
            self._room.set()

    def _report(self, error: OSError) -> None:
        if not self._failing:
            _warn(f"{self._path}: cannot write trace records ({error.strerror}); they wait in memory")
        self._failing = True


def open_recording(path: Path) -> int:
    """Return the descriptor of a file that records can be appended to; it has its header.

    Raises:
        TraceFileError: if the file cannot be written, is not a trace file, or its name asks for compression.
    """
    if path.suffix == ".gz":
        raise TraceFileError(path, "recording is to a plain .jsonl file; compress it afterwards")
    JsonlWriter(path, append=True, on_warning=_warn).close()
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)


def _warn(text: str) -> None:
    print(f"earthwire: {text}", file=sys.stderr)
