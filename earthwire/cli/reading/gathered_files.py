"""The files that are gathered: row groups in runs, digests, and what a profile says of where it comes from."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from earthwire.cli.reading.loading import iso_time, sha256_of
from earthwire.fault_models.profile import Provenance, Source
from earthwire.grounding.counts.gathered import Gathered
from earthwire.traces.columns.call_columns import CallColumns
from earthwire.traces.columns.call_store import CallStore
from earthwire.traces.columns.parquet_columns import ParquetShape
from earthwire.traces.files.formats import Format


@dataclass(slots=True)
class GatheredFile:
    """One file of traces: its footer, or the columns of its records.

    Attributes:
        first_position: of its calls, in all that is read.
        shape: what the footer tells, of Parquet; None of other formats.
        blocks: columns of the records of other formats.
        unwanted_count: rows of Parquet that no plan is drawn for.
        call_count: calls that are used.
    """

    path: Path
    format: Format
    first_position: int
    shape: ParquetShape | None = None
    blocks: list[CallColumns] = field(default_factory=list)
    unwanted_count: int = 0
    call_count: int = 0

    @property
    def expected_count(self) -> int:
        """Calls that it holds, as far as is known once records and footers are read."""
        return self.call_count if self.shape is None else self.shape.row_count - self.unwanted_count


@dataclass(frozen=True, slots=True)
class RowGroupRun:
    """Row groups of a file that are read by one thread.

    Attributes:
        file, shape: whose row groups they are.
        groups: numbers of the row groups.
    """

    file: GatheredFile
    shape: ParquetShape
    groups: range

    @property
    def row_count(self) -> int:
        """Rows of all its groups."""
        return sum(self.shape.row_counts[self.groups.start : self.groups.stop])

    @property
    def first_position(self) -> int:
        """Position of its first row in all that is read."""
        return self.file.first_position + sum(self.shape.row_counts[: self.groups.start])


def digests_of(files: Sequence[GatheredFile]) -> list[Future[str]]:
    """Begin to hash files, in a thread of its own: nothing waits for it before the profile is written."""
    pool = ThreadPoolExecutor(1, "earthwire-hashing")
    digests = [pool.submit(sha256_of, file.path) for file in files]
    pool.shutdown(wait=False)
    return digests


def provenance_of(
    files: Sequence[GatheredFile],
    digests: Sequence[Future[str]],
    store: CallStore,
    gathered: Gathered,
    payload_share: float,
) -> Provenance:
    """Return where a profile comes from; waits until the files are hashed.

    Args:
        files: that were read.
        digests: of them.
        store: that their calls went through.
        gathered: what came of them.
        payload_share: share of the calls that payloads were learned from.
    """
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
