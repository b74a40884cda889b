"""Tests whether tools changed while they were recorded: a permutation test on cumulated sums of sessions.

Each session says, for all tools and for each of the busiest ones, how slow its calls were and how often they failed,
beyond what their tools usually do. In the order of time the sums of these excesses wander off where something changed,
by a step or slowly (Page, "Continuous inspection schemes", 1954). Shuffling the sessions shows how far they wander by
chance; the largest of all features is compared, so that asking many of them raises no more false alarms.
"""

from dataclasses import dataclass

import numpy as np

from earthwire.grounding.samples.outcome_mix import faults
from earthwire.traces.columns.calls import BoolArray, Calls, FloatArray, IntArray

LEVEL = 0.05
"""Share of false alarms where nothing changed."""
PERMUTATIONS = 999

_TOOLS_TESTED_MAX = 8
_SESSIONS_OF_TOOL_MIN = 20
_SEED = 0


@dataclass(frozen=True, slots=True)
class TimedSessions:
    """Sessions in the order of their begin.

    Attributes:
        start_s: of the first call of each, shape (n_sessions,).
        position: of the session of each call in that order, shape (n_calls,).
    """

    start_s: FloatArray
    position: IntArray


def sessions_in_time(calls: Calls) -> TimedSessions:
    """Put sessions in the order of their first calls, equal ones by name; every session has a start time."""
    codes, index = np.unique(calls.session, return_inverse=True)
    start_s = np.full(len(codes), np.inf)
    np.fmin.at(start_s, index, calls.start_s)
    names = np.array(calls.session_names)[codes]
    order = np.lexsort((names, start_s))
    place = np.empty(len(codes), dtype=np.int64)
    place[order] = np.arange(len(codes))
    return TimedSessions(start_s[order], place[index])


def drift_p_value(calls: Calls, scores: FloatArray, sessions: TimedSessions) -> tuple[float, str]:
    """Return the p-value of no change, and the feature that wandered farthest.

    Args:
        calls: with outcomes, and latencies where they are known.
        scores: normal score of each call's latency given its tool, NaN where unknown, shape (n_calls,).
        sessions: of these calls.
    """
    names, excess = _excesses(calls, scores, sessions)
    if not names:
        return 1.0, "nothing"
    found = _sums_in_time(excess).max(axis=0)
    rng = np.random.default_rng(_SEED)
    as_far = 0
    for _ in range(PERMUTATIONS):
        shuffled = excess.take(rng.permutation(len(excess)), axis=0)
        as_far += int(_sums_in_time(shuffled).max() >= found.max())
    return (1 + as_far) / (1 + PERMUTATIONS), names[int(np.argmax(found))]


def _excesses(calls: Calls, scores: FloatArray, sessions: TimedSessions) -> tuple[list[str], FloatArray]:
    """Return features by name, and the excess of each session over its share, shape (n_sessions, n_features)."""
    failed = faults(calls).astype(np.float64)
    of_tool = np.bincount(calls.tool, weights=failed) / np.maximum(np.bincount(calls.tool), 1)
    unusual = failed - of_tool[calls.tool]
    count = np.bincount(calls.tool, minlength=len(calls.tool_names))
    busiest = np.argsort(-count, kind="stable")[:_TOOLS_TESTED_MAX].tolist()
    masks = [("all tools", np.ones(len(calls), dtype=bool))]
    masks += [(calls.tool_names[tool], calls.tool == tool) for tool in busiest]
    names, columns = [], []
    for scope, rows in masks:
        if len(np.unique(sessions.position[rows])) < _SESSIONS_OF_TOOL_MIN:
            continue
        for what, values in (("latency", scores), ("faults", unusual)):
            column = _excess(values, rows & np.isfinite(values), sessions)
            if (column**2).sum() > 0:
                names.append(f"{what} of {scope}")
                columns.append(column / np.sqrt((column**2).sum()))
    return names, np.column_stack(columns) if columns else np.zeros((len(sessions.start_s), 0))


def _excess(values: FloatArray, rows: BoolArray, sessions: TimedSessions) -> FloatArray:
    size = len(sessions.start_s)
    owner = sessions.position[rows]
    total = np.bincount(owner, weights=values[rows], minlength=size)
    n = np.bincount(owner, minlength=size)
    excess: FloatArray = total - n * (total.sum() / max(n.sum(), 1))
    return excess


def _sums_in_time(excess: FloatArray) -> FloatArray:
    """Return how far from 0 the cumulated sums are after each session, shape (n_sessions, n_features)."""
    sums = np.cumsum(excess, axis=0)
    return np.abs(sums, out=sums)
