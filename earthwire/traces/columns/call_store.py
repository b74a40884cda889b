"""A store for more calls than fit into memory: kept by session, handed out bucket by bucket of whole sessions.

1. A session belongs to one bucket, chosen by the hash of its name. So it does not matter in which order, or in how
   many pieces, its calls come.
2. No more than a bounded number of calls is held; beyond it they are moved to files, one a bucket.
3. Inside a bucket, sessions are in the order of their hashes: the first n of all sessions are a random sample of
   them that no one else's presence changes.
"""

from collections.abc import Iterable, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from earthwire.traces.columns.call_columns import (
    BoolArray,
    CallColumns,
    FloatArray,
    IntArray,
    LatencyMeasure,
    latency_ns,
)
from earthwire.traces.columns.calls import Calls, start_key
from earthwire.traces.columns.session_hashes import HashArray
from earthwire.traces.columns.session_names import SessionNames
from earthwire.traces.columns.session_order import mended_order

BUCKET_BITS = 6
BUCKETS = 1 << BUCKET_BITS
CALLS_HELD_MAX = 6_000_000
"""Calls in memory, of 49 bytes each; beyond that they go to files."""
SESSION_NAMES_MAX = 500_000
"""Names that are kept, those of the sessions with the lowest hashes."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """Calls in columns of equal length; tools and kinds by the codes of the store."""

    session: HashArray
    seq: FloatArray
    start: FloatArray
    latency_s: FloatArray
    first_byte_s: FloatArray
    tool: npt.NDArray[np.int32]
    kind: npt.NDArray[np.int32]
    censored: BoolArray

    def __len__(self) -> int:
        return len(self.session)

    def take(self, rows: IntArray) -> "_Stored":
        """Return the calls at these positions."""
        return _of_columns([column.take(rows) for column in self.columns()])

    def part(self, first: int, last: int) -> "_Stored":
        """Return the calls from `first` to before `last`."""
        return _of_columns([column[first:last] for column in self.columns()])

    def columns(self) -> list[npt.NDArray[Any]]:
        """Return the columns in the order of `_TYPES`."""
        return [getattr(self, name) for name in _TYPES]


_TYPES = {
    "session": np.uint64,
    "seq": np.float64,
    "start": np.float64,
    "latency_s": np.float64,
    "first_byte_s": np.float64,
    "tool": np.int32,
    "kind": np.int32,
    "censored": np.bool_,
}
"""Columns of the calls, in the order in which they are filed."""


def _of_columns(columns: Iterable[npt.NDArray[Any]]) -> _Stored:
    return _Stored(**dict(zip(_TYPES, columns, strict=True)))


class CallStore:
    """Calls by session; `add` may be called by several threads that share a lock, `take` once nothing is added more.

    Args:
        folder: an empty folder for what does not fit into memory; the caller removes it.
        measure: which of the two times is the latency.
        lock: held while the store changes; needed where threads share it.
        calls_held_max: calls in memory.
        session_names_max: names of sessions in memory.
        named_buckets: leading buckets whose sessions are to have names.

    Attributes:
        measure: as given.
        call_count: number of calls.
        first_start_ns, last_start_ns: of all calls; infinite where no start time is known.
    """

    def __init__(
        self,
        folder: Path,
        measure: LatencyMeasure,
        lock: AbstractContextManager[object] | None = None,
        calls_held_max: int = CALLS_HELD_MAX,
        session_names_max: int = SESSION_NAMES_MAX,
        named_buckets: int = BUCKETS,
    ) -> None:
        self.measure: LatencyMeasure = measure
        self.call_count = 0
        self.first_start_ns, self.last_start_ns = np.inf, -np.inf
        self._folder = folder
        self._calls_held_max = calls_held_max
        self._lock: AbstractContextManager[object] = lock or nullcontext()
        self._held: list[list[_Stored]] = [[] for _ in range(BUCKETS)]
        self._held_count = 0
        self._filed: list[list[int]] = [[] for _ in range(BUCKETS)]
        self._tools: dict[str, int] = {}
        self._kinds: dict[str, int] = {}
        self._answering: set[str] = set()
        self._sessions = SessionNames(BUCKETS, session_names_max)
        self._named_buckets = named_buckets

    @property
    def tool_names(self) -> tuple[str, ...]:
        """Names of the tools, sorted: what the codes of a bucket stand for."""
        return tuple(sorted(self._tools))

    @property
    def kind_names(self) -> tuple[str, ...]:
        """Names of the outcome kinds, sorted: what the codes of a bucket stand for."""
        return tuple(sorted(self._kinds))

    @property
    def answering_tools(self) -> frozenset[str]:
        """Tools with an ``ok`` call that was seen to its end."""
        return frozenset(self._answering)

    @property
    def named_bucket_count(self) -> int:
        """Number of leading buckets whose sessions have names."""
        return min(self._sessions.bucket_count, self._named_buckets)

    def session_name(self, hashed: int) -> str:
        """Return the name of a session of the leading buckets that have names."""
        return self._sessions.name(hashed)

    def add(
        self, columns: CallColumns, rows: IntArray | None = None, answering: Set[str] | None = None
    ) -> None:
        """Add calls. What is handed out does not depend on how they are split and in which order they come.

        Args:
            columns: the calls.
            rows: positions of those to keep, by default all; of the others, names, times and answers are noted.
            answering: tools that answer, of all these calls, where that is known.
        """
        if answering is None:
            answering = answering_tools(columns, latency_ns(columns, self.measure))
        with self._lock:
            tool = _registered(columns.tool.names, self._tools)
            kind = _registered(columns.kind.names, self._kinds)
            self._answering |= answering
            self._note_times(columns.start_ns)
        if rows is not None:
            columns = columns.take(rows)
        session = columns.session.hashes
        named = np.bincount(columns.session.codes, minlength=len(session)) > 0
        named &= bucket_of(session) < self._named_buckets
        names = _names_at(columns.session.names, np.flatnonzero(named))
        calls = _stored(columns, tool, kind, self.measure)
        parts = _by_bucket(calls, columns)
        with self._lock:
            self._sessions.add(names, session[named])
            for held, part in zip(self._held, parts, strict=True):
                if len(part):
                    held.append(part)
            self.call_count += len(calls)
            self._held_count += len(calls)
            if self._held_count > self._calls_held_max:
                self._move_to_files()

    @property
    def bucket_sizes(self) -> IntArray:
        """Calls of each bucket, shape (64,)."""
        sizes = [
            sum(map(len, held)) + sum(filed) for held, filed in zip(self._held, self._filed, strict=True)
        ]
        return np.array(sizes, dtype=np.int64)

    def take(self, buckets: range) -> tuple[Calls, HashArray]:
        """Return the calls of some buckets, sessions in the order of their hashes, and the hash of each session code.

        The sessions have no names; see `session_name`. A bucket can be had once: it is not kept.
        """
        calls = self._taken(buckets)
        tool, kind = _ranks(self._tools).take(calls.tool), _ranks(self._kinds).take(calls.kind)
        order = _session_order(calls, tool, kind)
        calls, tool, kind = calls.take(order), tool.take(order), kind.take(order)
        session = calls.session
        begins = np.ones(len(session), dtype=bool)
        begins[1:] = session[1:] != session[:-1]
        columns = Calls(
            tool_names=self.tool_names,
            session_names=(),
            kind_names=self.kind_names,
            tool=tool,
            session=np.cumsum(begins) - 1,
            kind=kind,
            latency_s=calls.latency_s,
            first_byte_s=calls.first_byte_s,
            censored=calls.censored,
            start_s=np.where(calls.start >= 0, calls.start, np.nan) / 1e9,
            measure=self.measure,
        )
        return columns, session[begins]

    def _note_times(self, start_ns: FloatArray) -> None:
        if np.isnan(start_ns).all():
            return
        self.first_start_ns = min(self.first_start_ns, float(np.nanmin(start_ns)))
        self.last_start_ns = max(self.last_start_ns, float(np.nanmax(start_ns)))

    def _move_to_files(self) -> None:
        for number, held in enumerate(self._held):
            if not held:
                continue
            with self._path(number).open("ab") as file:
                for part in held:
                    self._filed[number].append(len(part))
                    for column in part.columns():
                        column.tofile(file)
            held.clear()
        self._held_count = 0

    def _taken(self, buckets: range) -> _Stored:
        parts = []
        for number in buckets:
            parts += self._held[number]
            self._held[number] = []
            if self._filed[number]:
                with self._path(number).open("rb") as file:
                    parts += [_filed_calls(file, count) for count in self._filed[number]]
                self._path(number).unlink()
                self._filed[number] = []
        if not parts:
            return _of_columns(np.zeros(0, dtype=kind) for kind in _TYPES.values())
        return _of_columns(map(np.concatenate, zip(*(part.columns() for part in parts), strict=True)))

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.calls"


def _filed_calls(file: BinaryIO, count: int) -> _Stored:
    return _of_columns(np.fromfile(file, kind, count) for kind in _TYPES.values())


def _registered(names: Sequence[str], known: dict[str, int]) -> npt.NDArray[np.int32]:
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int32)


def _ranks(known: dict[str, int]) -> IntArray:
    """Return for each code the place of its name among the sorted names."""
    ranks = np.empty(len(known), dtype=np.int64)
    ranks[[known[name] for name in sorted(known)]] = np.arange(len(known))
    return ranks


def _stored(
    columns: CallColumns,
    tool: npt.NDArray[np.int32],
    kind: npt.NDArray[np.int32],
    measure: LatencyMeasure,
) -> _Stored:
    return _Stored(
        session=columns.session.hashes.take(columns.session.codes),
        seq=np.nan_to_num(columns.seq),
        start=start_key(columns),
        latency_s=latency_ns(columns, measure) / 1e9,
        first_byte_s=columns.ttfb_ns / 1e9,
        tool=tool.take(columns.tool.codes),
        kind=kind.take(columns.kind.codes),
        censored=columns.censored,
    )


def _by_bucket(calls: _Stored, columns: CallColumns) -> list[_Stored]:
    bucket = bucket_of(columns.session.hashes).take(columns.session.codes)
    calls = calls.take(np.argsort(bucket, kind="stable"))
    ends = np.cumsum(np.bincount(bucket, minlength=BUCKETS)).tolist()
    return [calls.part(first, last) for first, last in pairwise([0, *ends])]


def _names_at(names: Sequence[str], places: IntArray) -> list[str]:
    """Return some names; where they are many, all are made strings at once."""
    if 8 * len(places) > len(names):
        names = list(names)
    return [names[i] for i in places.tolist()]


def bucket_of(hashes: HashArray) -> npt.NDArray[np.uint8]:
    """Return the bucket of each session."""
    return (hashes >> np.uint64(64 - BUCKET_BITS)).astype(np.uint8)


def answering_tools(columns: CallColumns, latency: FloatArray) -> set[str]:
    """Return the tools that have an ``ok`` call that was seen to its end, given the latency of each call."""
    if "ok" not in columns.kind.names:
        return set()
    ended = columns.kind.codes == columns.kind.names.index("ok")
    ended &= latency > 0
    ended &= ~columns.censored
    answers = np.zeros(len(columns.tool.names) + 1, dtype=bool)
    answers[columns.tool.codes[ended]] = True
    return {name for name, answered in zip(columns.tool.names, answers.tolist(), strict=False) if answered}


def _session_order(calls: _Stored, tool: IntArray, kind: IntArray) -> IntArray:
    """Return the positions of a bucket's calls in the order in which they are handed out."""
    order = _by_session(calls.session)

    def ties(at: IntArray) -> tuple[FloatArray, IntArray, IntArray]:
        rows = order[at]
        return calls.latency_s[rows], kind[rows], tool[rows]

    session, seq, start = calls.session.take(order), calls.seq.take(order), calls.start.take(order)
    mended = mended_order(session, seq, start, ties)
    return order if mended is None else order[mended]


def _by_session(session: HashArray) -> IntArray:
    """Return positions sorted by session hash, of equal ones the first first.

    One sort of numbers that hold their own positions is ten times as fast as a sort of positions. A position takes
    the place of the lowest bits of the hash; the highest are the same in all of a bucket.
    """
    mask = np.uint64((1 << len(session).bit_length()) - 1)
    keys = np.sort(((session << np.uint64(BUCKET_BITS)) & ~mask) | np.arange(len(session), dtype=np.uint64))
    order = (keys & mask).astype(np.int64)
    found = session[order]
    # Two sessions that agree in all the bits that were left would lie in each other's way.
    return order if (found[1:] >= found[:-1]).all() else np.argsort(session, kind="stable")
