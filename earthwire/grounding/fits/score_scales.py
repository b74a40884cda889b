"""Brings the normal scores of faults and of other calls onto one scale; see `earthwire.fault_models.laws.ranks_by_end`.

Scores are made by outcome kind. Where faults come from slow sessions, a fault that is as slow as most faults is a call
of a slow session; left as it is, it would make its session look usual. So how slow a session is, is asked of its calls
that are no faults.
"""

from typing import NamedTuple

import numpy as np

from earthwire.grounding.samples.outcome_mix import faults
from earthwire.traces.columns.calls import BoolArray, Calls, FloatArray, IntArray

_SESSION_CALLS_MIN = 4
"""Good calls that a session needs to say how slow it is."""
_CALLS_MIN = 30
_DIFFERENCE_MIN = 3.0
"""Standard errors by which the levels of failing sessions must differ from those of the others."""


class _GoodLevels(NamedTuple):
    """Levels of sessions by their good calls.

    Attributes:
        codes: of the sessions, rising, shape (n_sessions,).
        session: position of each call's session in them, shape (n_calls,).
        bad: whether each call is a fault, shape (n_calls,).
        good: number of other calls of each session, shape (n_sessions,).
        level: mean score of these, 0 where there are none, shape (n_sessions,).
    """

    codes: IntArray
    session: IntArray
    bad: BoolArray
    good: FloatArray
    level: FloatArray

    @classmethod
    def of(cls, calls: Calls, scores: FloatArray) -> "_GoodLevels":
        bad = faults(calls)
        codes, session = np.unique(calls.session, return_inverse=True)
        good = np.bincount(session, ~bad).astype(float)
        level = np.bincount(session, np.where(bad, 0.0, scores)) / np.maximum(good, 1.0)
        return cls(codes, session, bad, good, level)

    @property
    def is_known(self) -> BoolArray:
        """Whether a session has enough good calls, shape (n_sessions,)."""
        return np.asarray(self.good >= _SESSION_CALLS_MIN)


def differ_in_level(calls: Calls, scores: FloatArray, failing: IntArray) -> bool:
    """Tell whether failing sessions are slower or faster than the others, beyond chance (Welch 1947).

    Args:
        calls: in session order.
        scores: normal score of each call.
        failing: codes of the failing sessions.
    """
    levels = _GoodLevels.of(calls, scores)
    fails = np.isin(levels.codes, failing)
    theirs, others = (levels.level[levels.is_known & alike] for alike in (fails, ~fails))
    if min(len(theirs), len(others)) < 2:
        return False
    error = np.sqrt(theirs.var(ddof=1) / len(theirs) + others.var(ddof=1) / len(others))
    return bool(abs(theirs.mean() - others.mean()) > _DIFFERENCE_MIN * error)


def on_one_scale(calls: Calls, scores: FloatArray) -> FloatArray:
    """Return scores that say of each call how slow its session is, however it ended, shape (n_calls,).

    Faults are moved and stretched to where the sessions are that they come from, and so are the others.

    Args:
        calls: in session order.
        scores: normal score of each call given its tool and outcome kind, of mean 0 and variance 1 in each.

    Returns:
        Scores of mean 0 and variance 1 over all calls; those that were given, where too little is known.
    """
    levels = _GoodLevels.of(calls, scores)
    squares = np.square(scores - levels.level[levels.session])[~levels.bad].sum()
    within = float(squares / max((levels.good - 1.0)[levels.good > 0].sum(), 1.0))
    common = scores.copy()
    for alike in (levels.bad, ~levels.bad):
        known = levels.session[alike & levels.is_known[levels.session]]
        if len(known) < _CALLS_MIN:
            return scores
        level, noise = levels.level[known], within / levels.good[known]
        between = max(float(level.var() - noise.mean()), 0.0)
        common[alike] = level.mean() + np.sqrt(within + between) * scores[alike]
    return np.asarray((common - common.mean()) / common.std())
