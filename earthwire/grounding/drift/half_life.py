"""Chooses the age at which recorded sessions count half, by how well the past then predicts what came after it.

Sessions are cut into blocks in the order of time. Each later block is predicted from those before it (Dawid, "The
prequential approach", 1984), once with all of them alike and once with each half-life: how calls end, and where their
latencies lie among 20 equal shares of the tool's usual ones. Sessions are the unit: one session is one comparison.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from earthwire.grounding.drift.drift_test import TimedSessions
from earthwire.traces.columns.calls import BoolArray, Calls, FloatArray, IntArray

KEPT_SESSIONS_MIN = 12.0
"""Weights that leave less than this many sessions are not tried."""

_BLOCKS = 16
_FIRST_PREDICTED = 4
_SPAN_SHARES = (1.0, 0.5, 0.25, 0.125, 0.0625)
_LATENCY_CELLS = 20
_PRIOR_CALLS = 5.0
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class HalfLife:
    """A half-life and what it gains.

    Attributes:
        half_life_s: in seconds.
        gain: held-out log likelihood above that of equal weights, in nats a session.
        gain_low: its lower bound at one-sided 95 %.
    """

    half_life_s: float
    gain: float
    gain_low: float


def best_half_life(calls: Calls, scores: FloatArray, sessions: TimedSessions) -> HalfLife | None:
    """Return the half-life that predicts best, be it better than equal weights or not; None where none can be tried.

    Args:
        calls: of sessions with a time.
        scores: normal score of each call's latency given its tool, NaN where unknown, shape (n_calls,).
        sessions: of these calls.
    """
    span_s = float(sessions.start_s[-1] - sessions.start_s[0])
    candidates = [
        share * span_s
        for share in _SPAN_SHARES
        if span_s > 0 and weights(sessions.start_s, share * span_s).sum() >= KEPT_SESSIONS_MIN
    ]
    if not candidates:
        return None
    held_out = _HeldOut(calls, scores, sessions)
    equal = held_out.log_likelihood(None)
    return max(
        (_gain(half_life_s, held_out.log_likelihood(half_life_s) - equal) for half_life_s in candidates),
        key=lambda found: found.gain,
    )


def weights(start_s: FloatArray, half_life_s: float) -> FloatArray:
    """Return the weight of each session by its age before the last one, in (0, 1]."""
    weight: FloatArray = np.exp2((start_s - start_s.max()) / half_life_s)
    return weight


def _gain(half_life_s: float, difference: FloatArray) -> HalfLife:
    mean = float(difference.mean())
    error = float(difference.std(ddof=1) / np.sqrt(len(difference)))
    return HalfLife(
        half_life_s, mean, mean - float(special.stdtrit(len(difference) - 1, _CONFIDENCE)) * error
    )


class _Asked(NamedTuple):
    """One table of the calls of one block, and what is known of it before.

    Attributes:
        size: cells of a tool.
        past: session position of each earlier call, shape (n_past,).
        seen: its tool and cell as one number, shape (n_past,).
        position, tool, cell: of each call that is predicted, shape (n_asked,).
    """

    size: int
    past: IntArray
    seen: IntArray
    position: IntArray
    tool: IntArray
    cell: IntArray


class _HeldOut:
    """Calls as cells of a table: outcome kinds and shares of latency, by tool; and the blocks that are predicted."""

    def __init__(self, calls: Calls, scores: FloatArray, sessions: TimedSessions) -> None:
        self._start_s = sessions.start_s
        self._tools = len(calls.tool_names)
        known = np.isfinite(scores)
        share = np.where(known, special.ndtr(np.where(known, scores, 0.0)), 0.0)
        cell = np.minimum((share * _LATENCY_CELLS).astype(np.int64), _LATENCY_CELLS - 1)
        every = np.ones(len(calls), dtype=bool)
        tables = ((calls.kind, len(calls.kind_names), every), (cell, _LATENCY_CELLS, known))
        self._block = np.arange(len(sessions.start_s)) * _BLOCKS // len(sessions.start_s)
        block = self._block[sessions.position]
        self._asked = [
            (k, _asked(calls.tool, of_table, size, sessions.position, block, k, is_known))
            for k in range(_FIRST_PREDICTED, _BLOCKS)
            for of_table, size, is_known in tables
        ]

    def log_likelihood(self, half_life_s: float | None) -> FloatArray:
        """Return the log likelihood of each predicted session, with weights by age or, for None, equal ones."""
        total = np.zeros(len(self._start_s))
        for k, asked in self._asked:
            now_s = self._start_s[self._block == k].min(initial=np.inf)
            weight = np.ones(len(self._start_s))
            if half_life_s is not None:
                weight = np.exp2((self._start_s - now_s) / half_life_s)
            log_p = self._log_probabilities(asked, weight.take(asked.past))
            total += np.bincount(asked.position, log_p[asked.tool, asked.cell], len(total))
        predicted: FloatArray = total[self._block >= _FIRST_PREDICTED]
        return predicted

    def _log_probabilities(self, asked: _Asked, weight: FloatArray) -> FloatArray:
        """Return log probabilities of the cells of each tool, smoothed by those of all tools, (n_tools, size)."""
        count = np.bincount(asked.seen, weight, self._tools * asked.size).reshape(self._tools, asked.size)
        of_all = (count.sum(axis=0) + 1.0) / (count.sum() + asked.size)
        of_tool = count.sum(axis=1, keepdims=True)
        log_p: FloatArray = np.log((count + _PRIOR_CALLS * of_all) / (of_tool + _PRIOR_CALLS))
        return log_p


def _asked(
    tool: IntArray, cell: IntArray, size: int, position: IntArray, block: IntArray, k: int, known: BoolArray
) -> _Asked:
    past, now = np.flatnonzero((block < k) & known), np.flatnonzero((block == k) & known)
    seen = tool.take(past) * size + cell.take(past)
    return _Asked(size, position.take(past), seen, position.take(now), tool.take(now), cell.take(now))
