"""Counts the sessions that lie whole in one piece of a recording, so that most calls need not be kept till the end.

Kept are the sessions that other pieces go on with, those that may be in the sample, and those with a time-out of a tool
of which this piece does not show that it ever answers. What is counted is the same either way.
"""

from dataclasses import dataclass

import numpy as np

from earthwire.grounding.counts.censoring import LIMIT_KINDS, limits_as_latencies
from earthwire.grounding.counts.tally import Tally, tally_of
from earthwire.traces.columns.call_columns import (
    BoolArray,
    CallColumns,
    Coded,
    FloatArray,
    IntArray,
    LatencyMeasure,
    latency_ns,
)
from earthwire.traces.columns.call_store import answering_tools, bucket_of
from earthwire.traces.columns.session_census import SessionCensus
from earthwire.traces.columns.tool_sequences import sequences_of_columns


@dataclass(frozen=True, slots=True)
class CountedPiece:
    """What became of a piece.

    Attributes:
        counts: of the calls that were counted; None where there are none.
        kept: positions of the others, rising.
        answering: tools that have an ``ok`` call that was seen to its end, in the whole piece.
    """

    counts: Tally | None
    kept: IntArray
    answering: set[str]


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
    latency = latency_ns(columns, measure)
    answering = answering_tools(columns, latency)
    used = np.flatnonzero(np.bincount(codes, minlength=len(hashes)))
    is_kept = np.ones(len(hashes), dtype=bool)
    is_kept[used] = census.split(hashes[used]) | (bucket_of(hashes[used]) < sampled_buckets)
    undecided = _undecided(columns, answering, latency)
    if len(undecided):
        # A session may have several codes, one for each dictionary that names it.
        is_kept |= np.isin(hashes, hashes[codes[undecided]])
    counts = None
    if not is_kept.all():
        calls = sequences_of_columns(columns, ~is_kept, measure)
        counts = tally_of(limits_as_latencies(calls, answering))
    return CountedPiece(counts, np.flatnonzero(is_kept.take(codes)), answering)


def _undecided(columns: CallColumns, answering: set[str], latency: FloatArray) -> IntArray:
    """Return the calls that outlived a limit, of tools that may or may not answer elsewhere."""
    cut = np.flatnonzero(columns.censored)
    cut = cut[latency[cut] > 0]
    cut = cut[_is_named(columns.kind, LIMIT_KINDS)[columns.kind.codes[cut]]]
    answers = _is_named(columns.tool, answering)[columns.tool.codes[cut]]
    return np.asarray(cut[~answers])


def _is_named(column: Coded, among: set[str] | tuple[str, ...]) -> BoolArray:
    return np.array([name in among for name in column.names], dtype=bool)
