"""Calls as columns in the order of their file: what every reader turns its records into before they are fitted.

Kept apart from the package's face, because it needs numpy and the readers do not.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import Literal

import numpy as np
import numpy.typing as npt

from earthwire.traces.columns.session_hashes import HashArray, session_hashes
from earthwire.traces.labels.outcome_kind import kind_of_record
from earthwire.traces.record import TraceRecord

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
LatencyMeasure = Literal["duration", "ttfb"]

NO_SESSION = "(no session)"
CUT_OFF = ("right", "right_unknown_limit")
"""Values of `latency_censoring` that say that a call outlived its time limit."""
BLOCK_CALLS = 1 << 16
FILE_CALLS_MAX = 1 << 36
"""Positions of one file's calls: those of the next file begin there."""

_MOSTLY = 0.9
"""Where nearly as many total times are known as first ones, they are the latency: they tell both."""
_ODD = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9))


@dataclass(frozen=True, slots=True)
class Coded:
    """Strings as codes into names.

    Attributes:
        names: in no particular order; not all of them need be used.
        codes: shape (n,).
    """

    names: Sequence[str]
    codes: npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class CodedSessions(Coded):
    """Sessions as codes into names.

    Attributes:
        hashes: of the names, by `session_hashes`, shape (n_names,).
    """

    hashes: HashArray


@dataclass(frozen=True, slots=True)
class CallColumns:
    """Calls in columns of equal length, shape (n_calls,), in the order of their file; NaN stands for unknown.

    Attributes:
        tool, session, kind: of each call; the kind is the outcome kind.
        seq, start_ns: what sorts the calls of a session.
        duration_ns, ttfb_ns, limit_ns: latencies and the time limit that cut them off.
        censored: whether a call outlived its limit.
        position: place of the call in all that is read; decides the order where nothing else tells.
    """

    tool: Coded
    session: CodedSessions
    kind: Coded
    seq: FloatArray
    start_ns: FloatArray
    duration_ns: FloatArray
    ttfb_ns: FloatArray
    limit_ns: FloatArray
    censored: BoolArray
    position: FloatArray

    def __len__(self) -> int:
        return len(self.censored)

    def take(self, rows: IntArray) -> "CallColumns":
        """Return the calls at these positions, under the same codes."""
        return CallColumns(
            tool=Coded(self.tool.names, self.tool.codes.take(rows)),
            session=CodedSessions(self.session.names, self.session.codes.take(rows), self.session.hashes),
            kind=Coded(self.kind.names, self.kind.codes.take(rows)),
            seq=self.seq.take(rows),
            start_ns=self.start_ns.take(rows),
            duration_ns=self.duration_ns.take(rows),
            ttfb_ns=self.ttfb_ns.take(rows),
            limit_ns=self.limit_ns.take(rows),
            censored=self.censored.take(rows),
            position=self.position.take(rows),
        )


def columns_from_records(records: Sequence[TraceRecord], first_position: int = 0) -> CallColumns:
    """Gather records into columns.

    Args:
        records: in the order of their file.
        first_position: of the first of them.
    """
    censoring = [record.latency_censoring in CUT_OFF for record in records]
    return CallColumns(
        tool=coded([record.tool for record in records]),
        session=_coded_sessions([record.session_id or NO_SESSION for record in records]),
        kind=coded([kind_of_record(record) for record in records]),
        seq=_floats(records, "seq"),
        start_ns=_floats(records, "start_time_unix_nano"),
        duration_ns=_floats(records, "duration_ns"),
        ttfb_ns=_floats(records, "ttfb_ns"),
        limit_ns=_floats(records, "latency_limit_ns"),
        censored=np.array(censoring, dtype=bool),
        position=first_position + np.arange(len(records), dtype=np.float64),
    )


def join_columns(blocks: Sequence[CallColumns]) -> CallColumns:
    """Return the calls of at least one block, one block after the other."""
    if len(blocks) == 1:
        return blocks[0]
    tool, kind = (_joined([getattr(block, name) for block in blocks]) for name in ("tool", "kind"))
    numbers = ("seq", "start_ns", "duration_ns", "ttfb_ns", "limit_ns", "censored", "position")
    columns = {name: np.concatenate([getattr(block, name) for block in blocks]) for name in numbers}
    return CallColumns(
        tool=tool, kind=kind, session=_joined_sessions([block.session for block in blocks]), **columns
    )


def in_blocks(
    records: Iterable[TraceRecord], first_position: int = 0
) -> Iterator[tuple[list[TraceRecord], CallColumns]]:
    """Yield records in blocks of `BLOCK_CALLS`, each with its columns."""
    rest = iter(records)
    while block := list(islice(rest, BLOCK_CALLS)):
        yield block, columns_from_records(block, first_position)
        first_position += len(block)


def coded(values: Sequence[str]) -> Coded:
    """Replace strings by codes, in the order in which they first come."""
    codes: dict[str, int] = {}
    of_call = [codes.setdefault(value, len(codes)) for value in values]
    return Coded(tuple(codes), np.array(of_call, dtype=np.int64))


def _coded_sessions(names: Sequence[str]) -> CodedSessions:
    of_call = coded(names)
    return CodedSessions(of_call.names, of_call.codes, session_hashes(of_call.names))


def _joined(parts: Sequence[Coded]) -> Coded:
    codes: dict[str, int] = {}
    recoded = []
    for part in parts:
        known = [codes.setdefault(name, len(codes)) for name in part.names]
        recoded.append(np.array(known, dtype=np.int32).take(part.codes))
    return Coded(tuple(codes), np.concatenate(recoded))


def _joined_sessions(parts: Sequence[CodedSessions]) -> CodedSessions:
    """Join sessions; parts in a row that share their names keep sharing them."""
    used, codes, first = [parts[0]], [parts[0].codes], 0
    for part in parts[1:]:
        if part.names is not used[-1].names:
            first += len(used[-1].names)
            used.append(part)
        codes.append(part.codes + first if first else part.codes)
    names = used[0].names if len(used) == 1 else [name for part in used for name in part.names]
    return CodedSessions(names, np.concatenate(codes), np.concatenate([part.hashes for part in used]))


def latency_measure(known_total: int, known_first: int) -> LatencyMeasure:
    """Return which time is the latency, given for how many calls each of them is known."""
    return "duration" if known_total >= _MOSTLY * known_first else "ttfb"


def latency_ns(columns: CallColumns, measure: LatencyMeasure) -> FloatArray:
    """Return the latency of each call; its time limit where only that it was outlived is known."""
    latency = columns.duration_ns if measure == "duration" else columns.ttfb_ns
    if not columns.censored.any():
        return latency
    return np.where(columns.censored & ~(latency > 0), columns.limit_ns, latency)


def call_hashes(columns: CallColumns) -> HashArray:
    """Return 64 bits for each call that depend on the call alone, not on where it was read; shape (n_calls,)."""
    mixed: HashArray = columns.session.hashes[columns.session.codes]
    for value, odd in zip((columns.seq, columns.start_ns, columns.duration_ns), _ODD, strict=True):
        mixed ^= np.nan_to_num(value, nan=-1.0).astype(np.int64).view(np.uint64)
        mixed *= odd
        mixed ^= mixed >> np.uint64(29)
    mixed *= _ODD[0]
    return mixed


def _floats(records: Sequence[TraceRecord], field: str) -> FloatArray:
    # numpy reads None as NaN.
    return np.array(list(map(attrgetter(field), records)), dtype=np.float64)
