"""Fits which share of a call's latency has passed when its first byte is there, where a source knows both times."""

from typing import NamedTuple

import numpy as np
from scipy import special

from earthwire.fault_models.laws.first_byte import ERROR_STATUS_PREFIX, SHARE_LEVELS, FirstByteLaw
from earthwire.grounding.samples.rank_shares import rank_shares
from earthwire.traces.columns.calls import BoolArray, Calls, FloatArray, IntArray

TOOL_CALLS_MIN = 30
"""A tool with fewer calls takes the law of all tools."""

_CORRELATION_MAX = 0.99
_SHARE_MIN = 1e-4


class FirstByteLaws(NamedTuple):
    """The law of each tool code with enough calls, and that of all calls; None where they are too few."""

    of_tool: dict[int, FirstByteLaw]
    overall: FirstByteLaw | None


def first_bytes_by_end(calls: Calls) -> tuple[FirstByteLaws, FirstByteLaws]:
    """Return the laws of the first byte, and those of answers with an error status.

    Where errors are too few for a law of their own, the first ones are those of all calls. There are none at all where
    only one of the two times is known.
    """
    none = FirstByteLaws({}, None)
    if calls.measure != "duration":
        return none, none
    calls = calls.select((calls.latency_s > 0) & ~calls.censored & (calls.first_byte_s >= 0))
    is_error = error_answers(calls)
    errors = _laws(calls.select(is_error))
    return _laws(calls if errors.overall is None else calls.select(~is_error)), errors


def error_answers(calls: Calls) -> BoolArray:
    """Return which calls were answered with an error status, shape (n_calls,)."""
    of_kind = np.array([name.startswith(ERROR_STATUS_PREFIX) for name in calls.kind_names], dtype=bool)
    return of_kind[calls.kind] if len(calls) else np.zeros(0, dtype=bool)


def _laws(calls: Calls) -> FirstByteLaws:
    if len(calls) < TOOL_CALLS_MIN:
        return FirstByteLaws({}, None)
    share = np.clip(calls.first_byte_s / calls.latency_s, _SHARE_MIN, 1.0)
    of_tool: dict[int, FirstByteLaw] = {}
    scores = np.empty((len(calls), 2))
    for tool in np.unique(calls.tool):
        rows = np.flatnonzero(calls.tool == tool)
        scores[rows] = np.column_stack((_scores(calls.latency_s[rows]), _scores(share[rows])))
        if len(rows) >= TOOL_CALLS_MIN:
            of_tool[int(tool)] = _law(share[rows], scores[rows])
    return FirstByteLaws(of_tool, _law(share, scores[_in_company(calls.tool)]))


def _law(share: FloatArray, scores: FloatArray) -> FirstByteLaw:
    quantiles = tuple(float(f"{value:.4g}") for value in np.quantile(share, SHARE_LEVELS))
    return FirstByteLaw(len(share), quantiles, _correlation(scores))


def _correlation(scores: FloatArray) -> float:
    """Return the correlation of two columns of normal scores, shrunk by one call; 0 where one does not vary."""
    square = (scores**2).sum(axis=0)
    if not square.all():
        return 0.0
    raw = float((scores[:, 0] * scores[:, 1]).sum() / np.sqrt(square.prod()))
    raw *= len(scores) / (len(scores) + 1)
    return round(float(np.clip(raw, -_CORRELATION_MAX, _CORRELATION_MAX)), 4)


def _scores(values: FloatArray) -> FloatArray:
    """Return normal scores; equal values share the one of their mean rank."""
    return np.asarray(special.ndtri(rank_shares(values)))


def _in_company(tool: IntArray) -> FloatArray:
    """Return which calls have others of their tool beside them: a call alone says nothing of ranks."""
    return np.asarray(np.bincount(tool)[tool] >= 2)
