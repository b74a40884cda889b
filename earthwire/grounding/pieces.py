"""Counts the sessions that lie whole in one piece of a recording, so that most calls need not be kept till the end.

Kept are the sessions that other pieces go on with, those that may be in the sample, and those with a time-out of a tool
of which this piece does not show that it ever answers. What is counted is the same either way.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from earthwire.grounding.censoring import LIMIT_KINDS, limits_as_latencies
from earthwire.grounding.tally import Tally, merge, tally
from earthwire.traces.call_columns import BoolArray, CallColumns, Coded, IntArray, LatencyMeasure, latency_ns
from earthwire.traces.call_store import answering_tools, bucket_of
from earthwire.traces.calls import Calls
from earthwire.traces.session_census import SessionCensus
from earthwire.traces.session_order import ordered_calls

BLOCK_CALLS = 1 << 16
"""Calls that are counted at once: what is made of them meanwhile fits into a cache."""


@dataclass(frozen=True, slots=True)
class CountedPiece:
    """What became of a piece.

    Attributes:
        counts: of the calls that were counted; None where there are none.
        kept: positions of the others, rising.
    """

    counts: Tally | None
    kept: IntArray


def count_piece(
    columns: CallColumns, census: SessionCensus, sampled_buckets: int, measure: LatencyMeasure
) -> CountedPiece:
    """Count the sessions of a piece that need not be kept.

    Args:
        columns: its calls.
        census: of all pieces.
        sampled_buckets: leading buckets of the store that a sample is taken of.
        measure: which of the two times is the latency.
    """
    hashes, codes = columns.session.hashes, columns.session.codes
    is_kept = census.split(hashes) | (bucket_of(hashes) < sampled_buckets)
    answering = answering_tools(columns, measure)
    # A session may have several codes, one for each dictionary that names it.
    is_kept |= np.isin(hashes, hashes[codes[_undecided(columns, answering, measure)]])
    kept = is_kept.take(codes)
    rows = np.flatnonzero(~kept)
    if not len(rows):
        return CountedPiece(None, np.arange(len(columns)))
    calls = limits_as_latencies(ordered_calls(columns, rows, measure), answering)
    return CountedPiece(merge([tally(block) for block in _blocks(calls)]), np.flatnonzero(kept))


def _undecided(columns: CallColumns, answering: set[str], measure: LatencyMeasure) -> IntArray:
    """Return the calls that outlived a limit, of tools that may or may not answer elsewhere."""
    cut = np.flatnonzero(columns.censored)
    cut = cut[latency_ns(columns, measure)[cut] > 0]
    cut = cut[_is_named(columns.kind, LIMIT_KINDS)[columns.kind.codes[cut]]]
    answers = _is_named(columns.tool, answering)[columns.tool.codes[cut]]
    return np.asarray(cut[~answers])


def _is_named(column: Coded, among: set[str] | tuple[str, ...]) -> BoolArray:
    return np.array([name in among for name in column.names], dtype=bool)


def _blocks(calls: Calls) -> list[Calls]:
    """Return the calls in blocks of whole sessions."""
    starts = np.flatnonzero(calls.first_of_session)
    at = np.searchsorted(starts, np.arange(0, len(calls), BLOCK_CALLS))
    bounds = np.unique(np.append(starts[np.minimum(at, len(starts) - 1)], [0, len(calls)])).tolist()
    return [calls.part(first, last) for first, last in pairwise(bounds)]
