"""Puts calls in session order at the price of one sort of numbers, where all calls of their sessions are at hand."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from earthwire.traces.columns.call_columns import (
    CallColumns,
    Coded,
    FloatArray,
    IntArray,
    LatencyMeasure,
    latency_ns,
)
from earthwire.traces.columns.calls import Calls, start_key

_KEY_BITS = 62

TieBreakers = Callable[[IntArray], Sequence[npt.NDArray[Any]]]
"""Returns what calls at some positions are ordered by where neither place nor time tells, the last one first."""


def ordered_calls(columns: CallColumns, rows: IntArray, measure: LatencyMeasure) -> Calls:
    """Return calls in the order of `assemble`, sessions by hash and without names.

    Args:
        columns: calls, at most 2³¹.
        rows: positions of the calls to return, all calls of each of their sessions; rising.
        measure: which of the two times is the latency.
    """
    tool_names, tool = ranked(columns.tool)
    kind_names, kind = ranked(columns.kind)
    _, by_hash = np.unique(columns.session.hashes, return_inverse=True)
    bits = len(columns).bit_length()
    # One sort of numbers that hold their own positions is ten times as fast as a sort of positions.
    keys = np.sort(by_hash.take(columns.session.codes.take(rows)) << bits | rows)
    rows, session = keys & ((1 << bits) - 1), keys >> bits
    tool, kind = tool.take(columns.tool.codes.take(rows)), kind.take(columns.kind.codes.take(rows))
    latency_s = latency_ns(columns, measure).take(rows) / 1e9
    seq = columns.seq.take(rows)
    if (seq[1:] > seq[:-1])[session[1:] == session[:-1]].all():
        order = None
    else:
        start = start_key(columns).take(rows)
        order = mended_order(
            session, np.nan_to_num(seq), start, lambda at: (latency_s[at], kind[at], tool[at])
        )
    calls = Calls(
        tool_names=tool_names,
        session_names=(),
        kind_names=kind_names,
        tool=tool,
        session=session,
        kind=kind,
        latency_s=latency_s,
        first_byte_s=columns.ttfb_ns.take(rows) / 1e9,
        censored=columns.censored.take(rows),
        start_s=columns.start_ns.take(rows) / 1e9,
        measure=measure,
    )
    return calls if order is None else calls.select(order)


def mended_order(
    session: npt.NDArray[np.integer], seq: FloatArray, start: FloatArray, ties: TieBreakers
) -> IntArray | None:
    """Return the positions of calls sorted by session in the order of `assemble`; None where they are in it.

    Calls of a session mostly come in order, or are put in it by their `seq`: only where they are not is it worth a sort
    by six columns.
    """
    wrong = _wrong(session, seq, start)
    if not len(wrong):
        return None
    order = _by_seq(session, seq)
    wrong = _wrong(session, seq.take(order), start.take(order))
    rows = np.flatnonzero(np.isin(session, session[wrong]))
    at = order[rows]
    order[rows] = at[np.lexsort((*ties(at), start[at], seq[at], session[rows]))]
    return order


def _wrong(session: npt.NDArray[np.integer], seq: FloatArray, start: FloatArray) -> IntArray:
    """Return where the next call of the session does not clearly come later."""
    rises = (seq[1:] > seq[:-1]) | ((seq[1:] == seq[:-1]) & (start[1:] > start[:-1]))
    return np.flatnonzero((session[1:] == session[:-1]) & ~rises)


def _by_seq(session: npt.NDArray[np.integer], seq: FloatArray) -> IntArray:
    """Return positions by session and `seq`, of equal ones the first first; as they are where that does not fit.

    Like any sort of numbers that hold their own positions it is many times as fast as one of positions.
    """
    begins = np.concatenate(([0], np.cumsum(session[1:] != session[:-1])))
    place_bits, seq_bits = len(seq).bit_length(), int(seq.max()).bit_length()
    if seq.min() < 0 or int(begins[-1]).bit_length() + seq_bits + place_bits > _KEY_BITS:
        return np.arange(len(seq))
    keys = begins << seq_bits
    keys |= seq.astype(np.int64)
    keys <<= place_bits
    keys |= np.arange(len(keys))
    keys.sort()
    return np.asarray(keys & ((1 << place_bits) - 1))


def ranked(column: Coded) -> tuple[tuple[str, ...], IntArray]:
    """Return the sorted names, and the place of each name of the column among them."""
    names = sorted(set(column.names))
    place = {name: i for i, name in enumerate(names)}
    return tuple(names), np.array([place[name] for name in column.names], dtype=np.int64)
