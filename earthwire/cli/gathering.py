"""Reads traces of any size for calibration: counts of all calls, a sample of sessions, payloads, and their provenance.

Parquet is read in columns, row group by row group, on all cores. Records of other formats become columns as they are
read, 70 bytes each. What is learned does not depend on how the calls were split into files.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

import numpy as np

from earthwire.cli.loading import bad_line_reporter, iso_time, sha256_of
from earthwire.cli.progress import LateProgress
from earthwire.fault_models.profile import Provenance, Source
from earthwire.grounding.gathered import BucketCounts, Gathered, gather, sample_size, sampled_bucket_count
from earthwire.grounding.payloads import PayloadBank
from earthwire.grounding.pieces import count_piece
from earthwire.grounding.tally import Tally, merge
from earthwire.traces import parquet
from earthwire.traces.call_columns import (
    FILE_CALLS_MAX,
    BoolArray,
    CallColumns,
    IntArray,
    call_hashes,
    in_blocks,
    latency_measure,
)
from earthwire.traces.call_store import BUCKETS, CallStore
from earthwire.traces.errors import BadLineHandler, TraceFileError
from earthwire.traces.formats import Format, find_sources
from earthwire.traces.options import ReadOptions
from earthwire.traces.parquet_columns import (
    ParquetShape,
    parquet_shape,
    read_row_groups,
    read_sessions,
)
from earthwire.traces.record import TraceRecord
from earthwire.traces.row_pieces import in_pieces, sessions_in_pieces
from earthwire.traces.session_census import SessionCensus, session_counts
from earthwire.traces.session_hashes import HashArray

PAYLOAD_CALLS_MAX = 200_000
"""Calls whose payloads are all learned from; of more, a sample's are."""
PAYLOAD_SAMPLE_CALLS = 50_000
"""Calls of that sample, on average: those with the lowest hashes."""
WORKERS_MAX = 8
_FREED_BYTES = 31 << 20

_HASH_MAX = 1 << 64
_KEPT = ReadOptions(keep_bodies=True, keep_urls=True)


@dataclass(frozen=True, slots=True)
class GatheredTraces:
    """What was read.

    Attributes:
        gathered: counts of all calls, and a sample of their sessions.
        payloads: what the recorded responses looked like.
    """

    gathered: Gathered
    payloads: PayloadBank
    _provenance: Callable[[], Provenance]

    @property
    def provenance(self) -> Provenance:
        """Files, counts, and what they cannot tell; waits until the files are hashed."""
        return self._provenance()


@dataclass(slots=True)
class _File:
    """One file of traces: its footer, or the columns of its records."""

    path: Path
    format: Format
    first_position: int
    shape: ParquetShape | None = None
    blocks: list[CallColumns] = field(default_factory=list)
    call_count: int = 0


@dataclass(frozen=True, slots=True)
class _Run:
    """Row groups of a file that are read by one thread."""

    file: _File
    shape: ParquetShape
    groups: range

    @property
    def row_count(self) -> int:
        return sum(self.shape.row_counts[self.groups.start : self.groups.stop])

    @property
    def first_position(self) -> int:
        return self.file.first_position + sum(self.shape.row_counts[: self.groups.start])


@dataclass(slots=True)
class _RunResult:
    """What became of a run: counts of calls that are not in the store, and records that speak of payloads."""

    call_count: int = 0
    counts: list[Tally] = field(default_factory=list)
    records: list[TraceRecord] = field(default_factory=list)


def gather_traces(
    paths: Iterable[Path],
    skip_bad_lines: bool,
    progress: LateProgress,
    on_many: Callable[[], None] | None = None,
) -> GatheredTraces:
    """Read trace files and directories.

    Args:
        paths: files in any known format, or directories of them.
        skip_bad_lines: leave bad records out and say so, instead of stopping at the first one.
        progress: is told what is done.
        on_many: called as soon as it is known that there are more calls than fitting takes one by one.

    Raises:
        TraceFileError: if a file, or a record in it, cannot be read, or nothing was read at all.
    """
    found = find_sources(paths, progress.start).files
    files = [_File(path, known, i * FILE_CALLS_MAX) for i, (path, known) in enumerate(found)]
    _keep_freed_memory()
    with TemporaryDirectory(prefix="earthwire-") as folder, _pool() as pool:
        reading = _Reading(files, bad_line_reporter() if skip_bad_lines else None, progress, pool)
        reading.read_records()
        if on_many is not None and sample_size(reading.call_count) < reading.call_count:
            on_many()
        store = reading.read_columns(Path(folder))
        if not store.call_count:
            raise TraceFileError(files[0].path, "holds no records")
        digests = _digests(files)
        progress.start("counting", BUCKETS)
        gathered = reading.gather(store)
    provenance = partial(_provenance, files, digests, store, gathered, reading.payload_share)
    return GatheredTraces(gathered, reading.payloads, provenance)


class _Reading:
    """Reads files into a store and a bank of payloads.

    Attributes:
        payloads: what the recorded responses looked like.
    """

    def __init__(
        self,
        files: Sequence[_File],
        on_bad_line: BadLineHandler | None,
        progress: LateProgress,
        pool: ThreadPoolExecutor,
    ) -> None:
        self.payloads = PayloadBank()
        self._files = files
        self._on_bad_line = on_bad_line
        self._progress = progress
        self._pool = pool
        self._counted: list[Tally] = []
        self._census: SessionCensus | None = None
        self._sampled_buckets = BUCKETS

    @property
    def call_count(self) -> int:
        """Calls of all files, once records are read."""
        return sum(file.shape.row_count if file.shape else file.call_count for file in self._files)

    @property
    def payload_share(self) -> float:
        """Share of the calls that payloads are learned from."""
        if self.call_count <= PAYLOAD_CALLS_MAX:
            return 1.0
        return PAYLOAD_SAMPLE_CALLS / self.call_count

    def read_records(self) -> None:
        """Read the footers of Parquet files, and the records of the others."""
        for file in self._files:
            if file.format.name == parquet.NAME:
                file.shape = parquet_shape(file.path)
        for file in self._record_files():
            self._progress.start(f"reading {file.path.name}")
            records = file.format.read(file.path, _KEPT, self._on_bad_line)
            for block, columns in in_blocks(records, file.first_position):
                file.blocks.append(columns)
                file.call_count += len(block)
                if self.payload_share == 1.0:
                    self._add_payloads(block)
        if self.payload_share < 1.0:
            self._read_payloads_again()

    def read_columns(self, folder: Path) -> CallStore:
        """Count the calls of sessions that lie in one piece, and put the others into a store.

        The payloads of Parquet files go into the bank.
        """
        tasks = [
            _Run(file, file.shape, groups)
            for file in self._files
            if file.shape is not None
            for groups in file.shape.runs()
        ]
        # The largest ones first, so that no core waits long for the last one.
        tasks.sort(key=lambda run: run.row_count, reverse=True)
        sample_calls_max = sample_size(self.call_count)
        if sample_calls_max < self.call_count:
            self._census = self._census_of(tasks)
            self._sampled_buckets = sampled_bucket_count(self._census, sample_calls_max)
        measure = latency_measure(*self._known_counts())
        store = CallStore(folder, measure, Lock(), named_buckets=self._sampled_buckets)
        self._progress.start("reading", sum(task.row_count for task in tasks))
        for file in self._record_files():
            while file.blocks:
                self._add_counts(self._add(store, file.blocks.pop()))
        results = self._pool.map(partial(self._read_run, store), tasks)
        for task, result in zip(tasks, results, strict=True):
            task.file.call_count += result.call_count
            self._add_counts(result.counts)
            self._add_payloads(result.records)
        return store

    def gather(self, store: CallStore) -> Gathered:
        """Count what is in the store as well, and sample sessions."""
        return gather(
            store,
            self._map_buckets,
            sample_size(self.call_count),
            self._counted,
            self._sampled_buckets,
        )

    def _read_run(self, store: CallStore, run: _Run) -> _RunResult:
        result = _RunResult()
        for piece in in_pieces(self._blocks(run, result.records), run.first_position):
            result.counts += self._add(store, piece)
            result.call_count += len(piece)
        return result

    def _blocks(self, run: _Run, records: list[TraceRecord]) -> Iterator[CallColumns]:
        """Yield the calls of a run; records that speak of payloads are added to a list."""
        for block in read_row_groups(
            run.shape, run.groups, run.file.first_position, self._chosen, self._on_bad_line
        ):
            records += block.records
            yield block.calls
            self._progress.advance(block.row_count)

    def _add(self, store: CallStore, piece: CallColumns) -> list[Tally]:
        """Put the calls of a piece into a store; return the counts of those that need not be kept."""
        if self._census is None:
            store.add(piece)
            return []
        counted = count_piece(piece, self._census, self._sampled_buckets, store.measure)
        store.add(piece, counted.kept, counted.answering)
        return [] if counted.counts is None else [counted.counts]

    def _add_counts(self, counts: Sequence[Tally]) -> None:
        """Add to the counts so far: one sum is held, however many pieces there are."""
        if counts:
            self._counted = [merge([*self._counted, *counts])]

    def _census_of(self, runs: Sequence[_Run]) -> SessionCensus:
        """Count the calls of every session in each piece: blocks of records, and pieces of row groups."""
        pieces = [session_counts([block.session]) for file in self._record_files() for block in file.blocks]
        for found in self._pool.map(_session_counts, runs):
            pieces += found
        return SessionCensus(pieces)

    def _map_buckets(
        self, function: Callable[[range], BucketCounts], runs: Iterable[range]
    ) -> Iterator[BucketCounts]:
        """Call a function on runs of buckets, on all cores; results come in order."""
        runs = list(runs)
        for run, result in zip(runs, self._pool.map(function, runs), strict=True):
            self._progress.advance(len(run))
            yield result

    def _read_payloads_again(self) -> None:
        """Learn from a share of the records: how many there are is only known once all are read."""
        self.payloads = PayloadBank()
        for file in self._record_files():
            self._progress.start(f"payloads of {file.path.name}", file.call_count)
            for block, columns in in_blocks(file.format.read(file.path, _KEPT, _ignore), file.first_position):
                chosen = self._chosen(columns)
                self._add_payloads([block[i] for i in np.flatnonzero(chosen)])
                self._progress.advance(len(block))

    def _chosen(self, columns: CallColumns) -> BoolArray:
        if self.payload_share == 1.0:
            return np.ones(len(columns), dtype=bool)
        return np.asarray(call_hashes(columns) <= np.uint64(self.payload_share * _HASH_MAX))

    def _add_payloads(self, records: Iterable[TraceRecord]) -> None:
        for record in records:
            self.payloads.add(record)

    def _record_files(self) -> list[_File]:
        return [file for file in self._files if file.shape is None]

    def _known_counts(self) -> tuple[int, int]:
        """Return how many calls have a known time to the last byte, and to the first."""
        total = first = 0
        for file in self._files:
            if file.shape is not None:
                total, first = total + file.shape.known_total, first + file.shape.known_first
            for block in file.blocks:
                total += int(np.isfinite(block.duration_ns).sum())
                first += int(np.isfinite(block.ttfb_ns).sum())
        return total, first


def _keep_freed_memory() -> None:
    """Make the C library keep the arrays of a piece for the next one, and Arrow those of a batch.

    glibc returns to the kernel, which then has to clear them again, blocks larger than the largest one that was ever
    freed (mallopt(3), M_MMAP_THRESHOLD, which is at most 32 MiB). So one is freed. It was never touched, hence costs
    nothing; other C libraries do not care. Without it a sixth of the CPU time of counting goes into clearing pages, and
    nearly as much again with the allocator that Arrow takes by itself.
    """
    np.empty(_FREED_BYTES, dtype=np.uint8)
    parquet.keep_freed_memory()


@contextmanager
def _pool() -> Iterator[ThreadPoolExecutor]:
    """Give a pool of threads; what has not begun when the block fails is not begun any more."""
    pool = ThreadPoolExecutor(min(os.cpu_count() or 1, WORKERS_MAX), "earthwire-reading")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _session_counts(run: _Run) -> list[tuple[HashArray, IntArray]]:
    """Return what a census needs of each piece of a run."""
    return [session_counts(parts) for parts in sessions_in_pieces(read_sessions(run.shape, run.groups))]


def _digests(files: Sequence[_File]) -> list[Future[str]]:
    """Begin to hash files, in a thread of its own: nothing waits for it before the profile is written."""
    pool = ThreadPoolExecutor(1, "earthwire-hashing")
    digests = [pool.submit(sha256_of, file.path) for file in files]
    pool.shutdown(wait=False)
    return digests


def _ignore(_: TraceFileError) -> None:
    """Leave out what was told or refused when it was read first."""


def _provenance(
    files: Sequence[_File],
    digests: Sequence[Future[str]],
    store: CallStore,
    gathered: Gathered,
    payload_share: float,
) -> Provenance:
    times_s = (store.first_start_ns / 1e9, store.last_start_ns / 1e9)
    return Provenance(
        sources=tuple(
            Source(file.path.name, file.format.name, digest.result(), file.call_count)
            for file, digest in zip(files, digests, strict=True)
        ),
        calls=gathered.counts.calls,
        sessions=gathered.counts.session_count,
        window=(iso_time(times_s[0]), iso_time(times_s[1])) if np.isfinite(times_s[0]) else None,
        split=_split(gathered, payload_share),
        latency_measure=store.measure,
        cannot_tell=tuple(dict.fromkeys(text for file in files for text in file.format.cannot_tell)),
    )


def _split(gathered: Gathered, payload_share: float) -> str:
    """Return which calls were used for what."""
    if not gathered.is_sample:
        return "all"
    sessions, calls = gathered.calls.session_count, len(gathered.calls)
    return (
        f"counts of outcomes and latencies: all; how calls of a session hang together: {calls} calls of {sessions} "
        f"sessions, chosen by hash; payloads: 1 in {1 / payload_share:.4g} calls, chosen by hash"
    )
