"""Intervals of quantiles from calls that hang together (Woodruff, "Confidence intervals for medians and other position
measures", 1952): the interval of the distribution function at the quantile, turned back through the sample."""

import numpy as np

from earthwire.fault_models.intervals import Interval
from earthwire.grounding.certainty.clusters import NotStatedError, share_bounds, share_interval
from earthwire.traces.columns.calls import FloatArray, IntArray

BEYOND_CALLS_MIN = 30
"""Calls on either side of a quantile: from half as many, in sessions, intervals of 90 % covered 80 %.

The bound is on calls, not on the sessions that they come from: those are few where slow calls come together, so that a
bound on them would leave out the very recordings whose quantile is high, and bias the others.
"""


def quantile_interval(
    values: FloatArray, session: IntArray, level: float, confidence: float, step: float = 0.0
) -> Interval:
    """Return the interval of a quantile.

    Args:
        values: of the calls, shape (n_calls,); +inf for what is only known to be larger than all others.
        session: code of each call, sorted.
        level: of the quantile, in (0, 1).
        step: of the clock that values were read from; its rounding is part of the interval.

    Raises:
        NotStatedError: if there are too few calls for this level.
    """
    beyond = min(level, 1 - level) * len(values)
    if beyond < BEYOND_CALLS_MIN:
        raise NotStatedError(f"{beyond:.0f} calls beyond this level: {BEYOND_CALLS_MIN} are needed")
    ordered = np.sort(values)
    middle = _at(ordered, level)
    at_middle = share_interval((values <= middle).astype(float), session, confidence)
    effective = at_middle.effective_count or 0.0
    missed = (1 - confidence) / 2
    if max(level, 1 - level) ** effective > missed:
        raise NotStatedError(
            f"an effective {effective:.0f} calls: the largest or smallest is likely not to reach this level"
        )
    bounds = share_bounds(level, effective, at_middle.cluster_count, confidence)
    low, high = (_at(ordered, bound) for bound in bounds)
    if not np.isfinite(high):
        raise NotStatedError("calls were cut off by a time limit before this level")
    return Interval(middle, low - step / 2, high + step / 2, at_middle.cluster_count, effective)


def _at(ordered: FloatArray, level: float) -> float:
    """Return the smallest value whose share of values at most as large reaches the level."""
    return float(ordered[max(int(np.ceil(level * len(ordered))) - 1, 0)])
