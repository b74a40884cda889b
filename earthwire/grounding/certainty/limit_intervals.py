"""Intervals of a rate limit: of its quota, and of its window in seconds and in calls."""

import numpy as np
from scipy import special

from earthwire.fault_models.intervals import Interval
from earthwire.grounding.certainty.clusters import NotStatedError
from earthwire.grounding.certainty.scope import Scope
from earthwire.grounding.fits.rate_limits import (
    QUOTA_MIN,
    Cycle,
    Evidence,
    passes_of_full,
    quota_weights,
    window_bounds_s,
    window_lengths,
)

_OFTEN = 0.25


def limit_intervals(scope: Scope, evidence: Evidence, confidence: float) -> None:
    """State quota and window of one tool's limit."""
    own = evidence.own_cycles
    scope.state("quota_calls", _quota, evidence.quota_cycles, evidence.limit.quota, confidence)
    scope.state("window_s", _window_s, own if any(map(len, own)) else evidence.quota_cycles)
    scope.state("window_calls", _window_calls, window_lengths(own), confidence)


def _quota(cycles: list[list[Cycle]], quota: int, confidence: float) -> Interval:
    """Return the smallest stretch around the quota with this posterior probability, all quotas being alike before.

    Numbers that `_OFTEN` of the windows show belong to it as well: somebody else may use the same quota, and then the
    number that passes most often is not the quota.
    """
    passed = passes_of_full(cycles)
    quotas = np.arange(QUOTA_MIN, 2 * int(passed.max()) + 2)
    weight = quota_weights(passed, quotas)
    probability = np.exp(weight - weight.max())
    probability /= probability.sum()
    low = high = int(np.argmax(probability))
    while probability[low : high + 1].sum() < confidence:
        below = probability[low - 1] if low > 0 else -1.0
        above = probability[high + 1] if high + 1 < len(quotas) else -1.0
        low, high = (low - 1, high) if below > above else (low, high + 1)
    counts, windows = np.unique(passed, return_counts=True)
    plausible = [
        quota,
        int(quotas[low]),
        int(quotas[high]),
        *counts[windows >= _OFTEN * len(passed)].tolist(),
    ]
    return Interval(float(quota), float(min(plausible)), float(max(plausible)), len(passed))


def _window_s(cycles: list[list[Cycle]]) -> Interval:
    """Return the bounds that start times set: they hold for certain if windows open with their first call."""
    lows, highs = window_bounds_s(cycles)
    if not lows or not highs:
        raise NotStatedError("start times, or windows that were seen to end, are missing")
    low, high = max(lows), min(highs)
    if low >= high:
        raise NotStatedError(
            f"no one window fits: a call was refused {low:g} s after a window opened, another passed after {high:g} s"
        )
    return Interval((low + high) / 2, low, high, len(highs))


def _window_calls(lengths: list[int], confidence: float) -> Interval:
    """Return the interval of the median number of calls in a window, by the sign test (Thompson 1936)."""
    ordered, n = sorted(lengths), len(lengths)
    # The k-th smallest and k-th largest enclose the median with probability 1 - 2 P(Binomial(n, 1/2) < k).
    p_fewer = special.bdtr(np.arange(n + 1), n, 0.5)
    k = int(np.searchsorted(p_fewer, (1 - confidence) / 2)) if n else 0
    if k < 1 or 2 * p_fewer[k - 1] > 1 - confidence:
        raise NotStatedError(
            f"{n} windows were seen from end to end: too few for an interval of their median"
        )
    return Interval(float(np.median(ordered)), float(ordered[k - 1]), float(ordered[n - k]), n)
