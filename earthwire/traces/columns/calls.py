"""Trace records as columns: what fitting and scoring need of a set of calls, in session order.

Kept apart from the package's face, because it needs numpy and the readers do not.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from earthwire.traces.columns.call_columns import (
    BoolArray,
    CallColumns,
    Coded,
    CodedSessions,
    FloatArray,
    IntArray,
    LatencyMeasure,
    in_blocks,
    latency_measure,
    latency_ns,
)
from earthwire.traces.labels.outcome_kind import TAKEN_BACK
from earthwire.traces.record import TraceRecord

__all__ = [
    "BoolArray",
    "Calls",
    "FloatArray",
    "IntArray",
    "LatencyMeasure",
    "assemble",
    "calls_from_columns",
    "calls_from_records",
    "encode",
    "join_calls",
    "map_tools",
    "split_sessions",
]

_KEY_BITS = 62
_START_UNKNOWN = -(2.0**54)
"""Start time, as a sort key, of a call that has a place in its session but no start time."""
_START_BY_POSITION = -(2.0**53)
"""Start time, as a sort key, of the first call that was read, where neither is known."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls in columns of equal length, shape (n_calls,), sorted by session and by order inside the session.

    Attributes:
        tool_names, session_names, kind_names: what the codes stand for.
        tool, session, kind: codes into those names.
        latency_s: seconds to the last byte, or to the first one where `measure` is ``ttfb``; NaN where unknown.
        first_byte_s: seconds to the first byte; NaN where unknown.
        censored: True where the call outlived its time limit: `latency_s` is a lower bound then (NaN: not even that).
        start_s: start time in seconds since the epoch; NaN where unknown.
        measure: which of the two latencies `latency_s` holds.
    """

    tool_names: tuple[str, ...]
    session_names: tuple[str, ...]
    kind_names: tuple[str, ...]
    tool: IntArray
    session: IntArray
    kind: IntArray
    latency_s: FloatArray
    first_byte_s: FloatArray
    censored: BoolArray
    start_s: FloatArray
    measure: LatencyMeasure

    def __len__(self) -> int:
        return len(self.tool)

    def select(self, rows: BoolArray | IntArray) -> "Calls":
        """Return the calls at `rows` (a mask or positions), in the same order and under the same codes."""
        if rows.dtype == np.bool_:
            if rows.all():
                return self
            rows = np.flatnonzero(rows)
        return replace(self, **{name: getattr(self, name).take(rows) for name in _COLUMNS})

    def part(self, first: int, last: int) -> "Calls":
        """Return the calls from position `first` to before `last`, without copying them."""
        return replace(self, **{name: getattr(self, name)[first:last] for name in _COLUMNS})

    def with_latency(self) -> "Calls":
        """Return the calls whose latency is known and positive."""
        return self.select(self.latency_s > 0)

    def timed(self) -> "Calls":
        """Return the calls whose latency is known in full: positive, and not cut off by a time limit."""
        return self.select((self.latency_s > 0) & ~self.censored)

    @property
    def taken_back(self) -> BoolArray:
        """True where the agent took the call back, shape (n_calls,)."""
        return np.isin(self.kind, [i for i, name in enumerate(self.kind_names) if name in TAKEN_BACK])

    def ended_by_tools(self) -> "Calls":
        """Return the calls without those that the agent took back: these say nothing of how a tool ends its calls."""
        return self.select(~self.taken_back)

    def of_sessions(self, sessions: IntArray) -> "Calls":
        """Return the calls of these session codes."""
        return self.select(np.isin(self.session, sessions))

    @property
    def first_of_session(self) -> BoolArray:
        """True where a session begins, shape (n_calls,)."""
        first = np.ones(len(self), dtype=bool)
        first[1:] = self.session[1:] != self.session[:-1]
        return first

    @property
    def rows_by_tool(self) -> dict[int, IntArray]:
        """Positions of the calls of each tool code that has any, rising."""
        order = np.argsort(self.tool, kind="stable")
        tools, starts = np.unique(self.tool[order], return_index=True)
        if not len(tools):
            return {}
        return dict(zip(tools.tolist(), np.split(order, starts[1:]), strict=True))

    @property
    def by_tool_in_session(self) -> IntArray:
        """Positions of the calls sorted by session, then by tool, then by order in the session, shape (n_calls,)."""
        session = np.cumsum(self.first_of_session) - 1
        bits, sessions = len(self).bit_length(), int(session[-1]) + 1 if len(self) else 0
        if (sessions * len(self.tool_names)).bit_length() + bits > _KEY_BITS:
            return np.lexsort((np.arange(len(self)), self.tool, session))
        # One sort of whole numbers that hold their own positions is ten times as fast as a sort of positions.
        keys = ((session * len(self.tool_names) + self.tool) << bits) | np.arange(len(self))
        return np.asarray(np.sort(keys) & ((1 << bits) - 1))

    @property
    def session_count(self) -> int:
        """Number of sessions that have a call here."""
        return int(self.first_of_session.sum()) if len(self) else 0


_COLUMNS = ("tool", "session", "kind", "latency_s", "first_byte_s", "censored", "start_s")


def calls_from_records(records: Iterable[TraceRecord]) -> Calls:
    """Gather trace records into columns, sorted as `assemble` does."""
    return calls_from_columns([columns for _, columns in in_blocks(records)])


def calls_from_columns(blocks: Sequence[CallColumns]) -> Calls:
    """Join blocks of columns; the result does not depend on their order."""

    def joined(name: str) -> FloatArray:
        return np.concatenate([getattr(block, name) for block in blocks] or [np.zeros(0)])

    return assemble(
        tool=_recoded([block.tool for block in blocks]),
        session=_recoded([block.session for block in blocks]),
        kind=_recoded([block.kind for block in blocks]),
        seq=joined("seq"),
        start_ns=joined("start_ns"),
        duration_ns=joined("duration_ns"),
        ttfb_ns=joined("ttfb_ns"),
        censored=joined("censored").astype(bool),
        limit_ns=joined("limit_ns"),
        position=joined("position"),
    )


def join_calls(parts: Sequence[Calls], session_names: Sequence[str]) -> Calls:
    """Join calls of different sessions under the same codes of tools and kinds.

    Args:
        parts: at least one.
        session_names: what their session codes stand for, in any order; those of the result are in theirs.
    """
    rank = np.empty(len(session_names), dtype=np.int64)
    rank[sorted(range(len(session_names)), key=session_names.__getitem__)] = np.arange(len(session_names))
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
    session = rank[joined["session"]]
    order = np.argsort(session, kind="stable")
    columns = {name: values[order] for name, values in joined.items()} | {"session": session[order]}
    return replace(parts[0], session_names=tuple(sorted(session_names)), **columns)


def encode(values: Sequence[str]) -> tuple[tuple[str, ...], IntArray]:
    """Replace strings by codes: (sorted names, codes of shape (n,))."""
    if not len(values):
        return (), np.zeros(0, dtype=np.int64)
    names, codes = np.unique(np.asarray(values, dtype=object), return_inverse=True)
    return tuple(names.tolist()), codes.astype(np.int64)


def assemble(
    *,
    tool: tuple[tuple[str, ...], IntArray],
    session: tuple[tuple[str, ...], IntArray],
    kind: tuple[tuple[str, ...], IntArray],
    seq: FloatArray,
    start_ns: FloatArray,
    duration_ns: FloatArray,
    ttfb_ns: FloatArray,
    censored: BoolArray,
    limit_ns: FloatArray,
    position: FloatArray | None = None,
) -> Calls:
    """Build sorted `Calls` from columns; NaN stands for unknown.

    Calls are sorted by session, then by `seq`, then by start time. Where neither is known they stay in the order of
    `position` (by default as they come); calls that agree in both are told apart by what they hold, so that it does
    not matter where they were read.
    """
    columns = CallColumns(
        tool=Coded(*tool),
        session=CodedSessions(*session, np.zeros(0, dtype=np.uint64)),
        kind=Coded(*kind),
        seq=seq,
        start_ns=start_ns,
        duration_ns=duration_ns,
        ttfb_ns=ttfb_ns,
        limit_ns=limit_ns,
        censored=censored,
        position=np.arange(len(censored), dtype=np.float64) if position is None else position,
    )
    measure = latency_measure(int(np.isfinite(duration_ns).sum()), int(np.isfinite(ttfb_ns).sum()))
    latency_s = latency_ns(columns, measure) / 1e9
    order = np.lexsort((latency_s, kind[1], tool[1], start_key(columns), np.nan_to_num(seq), session[1]))
    return Calls(
        tool_names=tool[0],
        session_names=session[0],
        kind_names=kind[0],
        tool=tool[1][order],
        session=session[1][order],
        kind=kind[1][order],
        latency_s=latency_s[order],
        first_byte_s=ttfb_ns[order] / 1e9,
        censored=censored[order],
        start_s=start_ns[order] / 1e9,
        measure=measure,
    )


def start_key(columns: CallColumns) -> FloatArray:
    """Return what calls of equal `seq` are sorted by, shape (n_calls,): negative where the start time is unknown."""
    unknown = np.isnan(columns.start_ns)
    if not unknown.any():
        return columns.start_ns
    instead = np.where(np.isnan(columns.seq), _START_BY_POSITION + columns.position, _START_UNKNOWN)
    return np.where(unknown, instead, columns.start_ns)


def split_sessions(calls: Calls, rng: np.random.Generator) -> tuple[Calls, Calls]:
    """Split into two halves by session, never by row: a row split leaks the session and flatters every model."""
    sessions = np.unique(calls.session)
    rng.shuffle(sessions)
    half = len(sessions) // 2
    return calls.of_sessions(sessions[:half]), calls.of_sessions(sessions[half:])


def map_tools(calls: Calls, name_of: Callable[[str], str]) -> tuple[tuple[str, ...], IntArray]:
    """Group tools under coarser names: (names of the groups, group code of each call, shape (n_calls,))."""
    names, group_of_tool = encode([name_of(tool) for tool in calls.tool_names])
    return names, group_of_tool[calls.tool] if len(calls) else np.zeros(0, dtype=np.int64)


def _recoded(parts: Sequence[Coded]) -> tuple[tuple[str, ...], IntArray]:
    """Return the sorted names that parts use, and the codes of all calls among them."""
    used = [{part.names[code] for code in np.unique(part.codes).tolist()} for part in parts]
    names = sorted(set[str]().union(*used))
    code = {name: i for i, name in enumerate(names)}
    codes = [
        np.array([code.get(name, -1) for name in part.names], dtype=np.int64)[part.codes] for part in parts
    ]
    return tuple(names), np.concatenate(codes or [np.zeros(0, dtype=np.int64)])
