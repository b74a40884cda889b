"""Reads traces of any size for calibration: counts of all calls, a sample of sessions, payloads, and their provenance.

Parquet is read in columns, row group by row group, on all cores. Records of other formats become columns as they are
read, 70 bytes each. What is learned does not depend on how the calls were split into files.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

import numpy as np

from earthwire.cli.progress import LateProgress
from earthwire.cli.reading.gathered_files import GatheredFile, RowGroupRun, digests_of, provenance_of
from earthwire.cli.reading.loading import bad_line_reporter
from earthwire.fault_models.profile import Provenance
from earthwire.grounding.counts.gathered import (
    BucketCounts,
    Gathered,
    gather,
    sample_size,
    sampled_bucket_count,
)
from earthwire.grounding.counts.pieces import count_piece
from earthwire.grounding.counts.tally import Tally, merge
from earthwire.grounding.fits.payloads import PayloadBank
from earthwire.grounding.gap.never_drawn import DrawnCalls
from earthwire.traces.columns.call_columns import (
    FILE_CALLS_MAX,
    BoolArray,
    CallColumns,
    IntArray,
    call_hashes,
    in_blocks,
    latency_measure,
)
from earthwire.traces.columns.call_store import BUCKETS, CallStore
from earthwire.traces.columns.parquet_columns import (
    parquet_shape,
    read_row_groups,
    read_sessions,
    unwanted_count,
)
from earthwire.traces.columns.row_pieces import in_pieces, sessions_in_pieces
from earthwire.traces.columns.session_census import SessionCensus, session_counts
from earthwire.traces.columns.session_hashes import HashArray
from earthwire.traces.errors import BadLineHandler, TraceFileError
from earthwire.traces.files import parquet
from earthwire.traces.files.formats import find_sources
from earthwire.traces.options import ReadOptions
from earthwire.traces.record import TraceRecord

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
class _RunResult:
    """What became of a run: counts of calls that are not in the store, records that speak of payloads, and requests
    that no plan is drawn for, by method."""

    call_count: int = 0
    counts: list[Tally] = field(default_factory=list)
    records: list[TraceRecord] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def gather_traces(
    paths: Iterable[Path],
    skip_bad_lines: bool,
    progress: LateProgress,
    on_many: Callable[[], None] | None = None,
    drawn: DrawnCalls | None = None,
) -> GatheredTraces:
    """Read trace files and directories.

    Args:
        paths: files in any known format, or directories of them.
        skip_bad_lines: leave bad records out and say so, instead of stopping at the first one.
        progress: is told what is done.
        on_many: called as soon as it is known that there are more calls than fitting takes one by one.
        drawn: chooses the calls that plans are drawn for, and counts the others.

    Raises:
        TraceFileError: if a file, or a record in it, cannot be read, or no call was read at all.
    """
    found = find_sources(paths, progress.start).files
    files = [GatheredFile(path, known, i * FILE_CALLS_MAX) for i, (path, known) in enumerate(found)]
    _keep_freed_memory()
    with TemporaryDirectory(prefix="earthwire-") as folder, _pool() as pool:
        on_bad_line = bad_line_reporter() if skip_bad_lines else None
        reading = _Reading(files, on_bad_line, drawn or DrawnCalls(), progress, pool)
        reading.read_records()
        if on_many is not None and sample_size(reading.call_count) < reading.call_count:
            on_many()
        store = reading.read_columns(Path(folder))
        if not store.call_count:
            what = "calls of tools" if reading.has_left_out else "records"
            raise TraceFileError(files[0].path, f"holds no {what}")
        digests = digests_of(files)
        progress.start("counting", BUCKETS)
        gathered = reading.gather(store)
    provenance = partial(provenance_of, files, digests, store, gathered, reading.payload_share)
    return GatheredTraces(gathered, reading.payloads, provenance)


class _Reading:
    """Reads files into a store and a bank of payloads.

    Attributes:
        payloads: what the recorded responses looked like.
    """

    def __init__(
        self,
        files: Sequence[GatheredFile],
        on_bad_line: BadLineHandler | None,
        drawn: DrawnCalls,
        progress: LateProgress,
        pool: ThreadPoolExecutor,
    ) -> None:
        self.payloads = PayloadBank()
        self._files = files
        self._on_bad_line = on_bad_line
        self._drawn = drawn
        self._progress = progress
        self._pool = pool
        self._counted: list[Tally] = []
        self._census: SessionCensus | None = None
        self._sampled_buckets = BUCKETS

    @property
    def call_count(self) -> int:
        """Calls of all files, once records are read."""
        return sum(file.expected_count for file in self._files)

    @property
    def has_left_out(self) -> bool:
        """Whether there were requests that no plan is drawn for."""
        return bool(self._drawn.left_out().real)

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
                file.unwanted_count = unwanted_count(file.shape, self._drawn.is_drawn)
        for file in self._record_files():
            self._progress.start(f"reading {file.path.name}")
            records = filter(self._drawn.in_reality, file.format.read(file.path, _KEPT, self._on_bad_line))
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
            RowGroupRun(file, file.shape, groups)
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
            self._drawn.leave_out(result.left_out)
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

    def _read_run(self, store: CallStore, run: RowGroupRun) -> _RunResult:
        result = _RunResult()
        for piece in in_pieces(self._blocks(run, result), run.first_position):
            result.counts += self._add(store, piece)
            result.call_count += len(piece)
        return result

    def _blocks(self, run: RowGroupRun, result: _RunResult) -> Iterator[CallColumns]:
        """Yield the calls of a run; what else is read goes into its result."""
        for block in read_row_groups(
            run.shape,
            run.groups,
            run.file.first_position,
            self._chosen,
            self._on_bad_line,
            self._drawn.is_drawn,
        ):
            result.records += block.records
            result.left_out += block.left_out
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

    def _census_of(self, runs: Sequence[RowGroupRun]) -> SessionCensus:
        """Count the calls of every session in each piece: blocks of records, and pieces of row groups."""
        pieces = [session_counts([block.session]) for file in self._record_files() for block in file.blocks]
        for found in self._pool.map(self._session_counts, runs):
            pieces += found
        return SessionCensus(pieces)

    def _session_counts(self, run: RowGroupRun) -> list[tuple[HashArray, IntArray]]:
        """Return what a census needs of each piece of a run."""
        sessions = read_sessions(run.shape, run.groups, self._drawn.is_drawn)
        return [session_counts(parts) for parts in sessions_in_pieces(sessions)]

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
            records = (
                record
                for record in file.format.read(file.path, _KEPT, _ignore)
                if self._drawn.is_drawn(record.mcp_method_name)
            )
            for block, columns in in_blocks(records, file.first_position):
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

    def _record_files(self) -> list[GatheredFile]:
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


def _ignore(_: TraceFileError) -> None:
    """Leave out what was told or refused when it was read first."""
