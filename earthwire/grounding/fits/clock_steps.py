"""Finds the step that latencies come in: that of the recorder's clock, or of a loop that asked again and again."""

import math

import numpy as np

from earthwire.grounding.counts.tally import CLOCK_STEPS_S, Tally
from earthwire.traces.columns.calls import FloatArray

_CALLS_MIN = 20
_SHARE_MIN = 0.99
_MULTIPLES_MAX = 100
_CHANCE_MAX = 1e-3


def clock_step_s(counts: Tally, tool: int | None, latency_s: FloatArray) -> float | None:
    """Return the coarsest step that 99 % of the latencies are multiples of.

    Args:
        counts: of all calls; they tell decimal steps.
        tool: its code, or None for all tools.
        latency_s: a sample of its latencies; they tell whole multiples of those.

    Returns:
        Seconds; 0 for none, None for too few calls.
    """
    of_tool = slice(None) if tool is None else counts.session_sums.keys[:, 0] == tool
    n = int(counts.session_sums.counts[of_tool, 0].sum())
    if n < _CALLS_MIN:
        return None
    for i, step_s in enumerate(CLOCK_STEPS_S):
        rows = counts.on_step.keys[:, 1] == i
        if tool is not None:
            rows &= counts.on_step.keys[:, 0] == tool
        if counts.on_step.counts[rows].sum() >= _SHARE_MIN * n:
            return step_s * _multiple(latency_s, step_s)
    return 0.0


def _multiple(latency_s: FloatArray, step_s: float) -> int:
    """Return the largest whole number of steps, up to 100, that 99 % of the latencies are multiples of.

    Of d different latencies all are multiples of m by chance once in m^d times; that must be seldom.
    """
    steps, count = np.unique(np.rint(latency_s / step_s).astype(np.int64), return_counts=True)
    for multiple in range(_MULTIPLES_MAX, 1, -1):
        fits = steps % multiple == 0
        by_chance = -math.log(multiple) * np.count_nonzero(fits)
        if by_chance <= math.log(_CHANCE_MAX) and count[fits].sum() >= _SHARE_MIN * count.sum():
            return multiple
    return 1
