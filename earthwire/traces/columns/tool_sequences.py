"""Calls of each tool in each session, one after the other: the order in which counts are made.

One sort of whole numbers that hold session, tool, place and kind is ten times as fast as a sort of positions, and what
was put into them need not be looked up afterwards.
"""

from dataclasses import dataclass, replace

import numpy as np

from earthwire.traces.columns.call_columns import (
    BoolArray,
    CallColumns,
    FloatArray,
    IntArray,
    LatencyMeasure,
    latency_ns,
)
from earthwire.traces.columns.calls import Calls
from earthwire.traces.columns.session_order import ordered_calls, ranked

_KEY_BITS = 62


@dataclass(frozen=True, slots=True)
class ToolSequences:
    """Calls sorted by session, then by tool, then by their order in the session, shape (n_calls,).

    Attributes:
        tool_names, kind_names: what the codes stand for, sorted.
        sequence: a number that the calls of one tool in one session share, rising.
        tool, kind: of each call.
        latency_s, censored: as those of `Calls`.
        session_count: number of sessions.
    """

    tool_names: tuple[str, ...]
    kind_names: tuple[str, ...]
    sequence: IntArray
    tool: IntArray
    kind: IntArray
    latency_s: FloatArray
    censored: BoolArray
    session_count: int

    def __len__(self) -> int:
        return len(self.sequence)

    @property
    def begins(self) -> BoolArray:
        """True where a sequence begins, shape (n_calls,)."""
        begins = np.ones(len(self), dtype=bool)
        np.not_equal(self.sequence[1:], self.sequence[:-1], out=begins[1:])
        return begins

    def select(self, rows: BoolArray) -> "ToolSequences":
        """Return the calls of a mask; the number of sessions stays what it was."""
        if rows.all():
            return self
        at = np.flatnonzero(rows)
        return replace(self, **{name: getattr(self, name).take(at) for name in _COLUMNS})


_COLUMNS = ("sequence", "tool", "kind", "latency_s", "censored")


def sequences_of(calls: Calls) -> ToolSequences:
    """Return calls that are in session order by tool."""
    session = np.cumsum(calls.first_of_session) - 1
    count = int(session[-1]) + 1 if len(calls) else 0
    bits = _Bits.of(count, len(calls.tool_names), len(calls), len(calls.kind_names))
    if bits is None:
        place = np.lexsort((np.arange(len(calls)), calls.tool, session))
        sequence = session.take(place) * len(calls.tool_names) + calls.tool.take(place)
        tool, kind = calls.tool.take(place), calls.kind.take(place)
    else:
        keys = session << bits.tool
        keys |= calls.tool
        sequence, tool, place, kind = bits.sorted(keys, calls.kind)
    return ToolSequences(
        tool_names=calls.tool_names,
        kind_names=calls.kind_names,
        sequence=sequence,
        tool=tool,
        kind=kind,
        latency_s=calls.latency_s.take(place),
        censored=calls.censored.take(place),
        session_count=count,
    )


def sequences_of_columns(columns: CallColumns, wanted: BoolArray, measure: LatencyMeasure) -> ToolSequences:
    """Return the calls of some sessions by tool.

    Args:
        columns: calls, all those of each of the sessions.
        wanted: which session codes are wanted, all of which have calls, shape (n_names,).
        measure: which of the two times is the latency.
    """
    tool_names, tool = ranked(columns.tool)
    kind_names, kind = ranked(columns.kind)
    at = np.flatnonzero(wanted)
    hashes, place_of_hash = np.unique(columns.session.hashes.take(at), return_inverse=True)
    # What is not wanted comes last, and is cut off.
    session = np.full(len(wanted), len(hashes))
    session[at] = place_of_hash
    bits = _Bits.of(len(hashes) + 1, len(tool_names), len(columns), len(kind_names))
    if bits is not None:
        keys = (session << bits.tool).take(columns.session.codes)
        keys |= tool.take(columns.tool.codes)
        sequence, tool, place, kind = bits.sorted(keys, kind.take(columns.kind.codes))
        end = int(np.searchsorted(sequence, len(hashes) << bits.tool))
        sequence, tool, place, kind = (column[:end] for column in (sequence, tool, place, kind))
        if _rises(columns.seq.take(place), sequence):
            return ToolSequences(
                tool_names=tool_names,
                kind_names=kind_names,
                sequence=sequence,
                tool=tool,
                kind=kind,
                latency_s=latency_ns(columns, measure).take(place) / 1e9,
                censored=columns.censored.take(place),
                session_count=len(hashes),
            )
    rows = np.flatnonzero(wanted.take(columns.session.codes))
    return sequences_of(ordered_calls(columns, rows, measure))


@dataclass(frozen=True, slots=True)
class _Bits:
    """How many bits tool, place and kind take in a whole number, below the session."""

    tool: int
    place: int
    kind: int

    @classmethod
    def of(cls, sessions: int, tools: int, calls: int, kinds: int) -> "_Bits | None":
        """Return the bits that so many of each need; None where they are too many."""
        bits = cls(tools.bit_length(), calls.bit_length(), kinds.bit_length())
        is_enough = sessions.bit_length() + bits.tool + bits.place + bits.kind <= _KEY_BITS
        return bits if is_enough else None

    def sorted(self, keys: IntArray, kind: IntArray) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """Sort calls by keys of session and tool, of equal ones the first first: (keys, tool, place, kind)."""
        keys = keys << (self.place + self.kind)
        keys |= np.arange(len(keys)) << self.kind
        keys |= kind
        keys.sort()
        kind = keys & ((1 << self.kind) - 1)
        keys >>= self.kind
        place = keys & ((1 << self.place) - 1)
        keys >>= self.place
        return keys, keys & ((1 << self.tool) - 1), place, kind


def _rises(seq: FloatArray, sequence: IntArray) -> bool:
    """Tell whether calls lie in the order of their `seq` in each sequence, none of them unknown or twice."""
    return bool(((seq[1:] > seq[:-1]) | (sequence[1:] != sequence[:-1])).all())
