"""Intervals for what is estimated from calls that hang together: the independent pieces are sessions, not calls.

A tool that was recorded in too few sessions is cut into blocks of successive calls instead, provided that the blocks
are long enough not to hang together themselves.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy import special

from earthwire.fault_models.intervals import Interval
from earthwire.grounding.samples.outcome_mix import wilson
from earthwire.traces.columns.calls import FloatArray, IntArray

CLUSTERS_MIN = 8
"""Fewer independent pieces tell too little of how much they differ."""

_BLOCKS = 20
_BLOCK_CALLS_MIN = 20
_BLOCKS_CORRELATION_MAX = 1.645 / np.sqrt(_BLOCKS)
"""One-sided 5 % point of the lag-1 correlation of that many independent blocks (Bartlett 1946)."""
_GROUPS_MAX = 200

Scale = Literal["log", "logit", "fisher"]
Statistic = Callable[[FloatArray], FloatArray]


class NotStatedError(ValueError):
    """No honest interval can be given; the text says why."""


def clusters_of(session: IntArray) -> IntArray:
    """Return the cluster of each call, shape (n_calls,): its session, or its block where sessions are too few.

    Args:
        session: codes, sorted.

    Raises:
        NotStatedError: if there are neither sessions nor calls enough.
    """
    codes, position = np.unique(session, return_inverse=True)
    if len(codes) >= CLUSTERS_MIN:
        return position.astype(np.int64)
    if len(session) < _BLOCKS * _BLOCK_CALLS_MIN:
        raise NotStatedError(
            f"{len(session)} calls in {len(codes)} sessions: {CLUSTERS_MIN} sessions or "
            f"{_BLOCKS * _BLOCK_CALLS_MIN} calls are needed"
        )
    return np.arange(len(session)) * _BLOCKS // len(session)


def share_interval(hit: FloatArray, session: IntArray, confidence: float) -> Interval:
    """Return the interval of the share of hits among calls.

    Wilson's interval at the effective count ``p (1 - p) / V``, V the ratio estimator's variance over clusters, with
    Student's t for the normal quantile (Korn and Graubard, "Confidence intervals for proportions with small expected
    number of positive counts", 1998). Its degrees of freedom are those of the clusters that tell: of a rare hit, the
    ones that have it. Where nothing varies, all clusters are what is counted.

    Args:
        hit: 1 or 0 for each call, shape (n_calls,).
        session: code of each call, sorted, shape (n_calls,).

    Raises:
        NotStatedError: if there are too few calls, or if blocks of one long session hang together.
    """
    cluster = clusters_of(session)
    n = np.bincount(cluster).astype(np.float64)
    total = np.bincount(cluster, weights=hit).astype(np.float64)
    _check_blocks(session, total - hit.mean() * n)
    return share_of_clusters(total, n, confidence)


def share_of_clusters(hits: FloatArray, n: FloatArray, confidence: float) -> Interval:
    """Return the interval of Σ hits / Σ n from the sums of independent clusters, both of shape (n_clusters,)."""
    used = n > 0
    hits, n = hits[used], n[used]
    count = len(n)
    if count < CLUSTERS_MIN:
        raise NotStatedError(f"{count} independent pieces: {CLUSTERS_MIN} are needed")
    share = float(hits.sum() / n.sum())
    variance = count / (count - 1) * ((hits - share * n) ** 2).sum() / n.sum() ** 2
    effective = float(count)
    if 0.0 < share < 1.0 and variance > 0:
        effective = float(min(share * (1 - share) / variance, n.sum()))
    low, high = share_bounds(share, effective, _telling(hits, n), confidence)
    return Interval(share, low, high, _telling(hits, n), round(effective, 1))


def _telling(hits: FloatArray, n: FloatArray) -> int:
    """Return how many clusters say how much clusters differ: of a rare hit, those that have one."""
    telling = min(int((hits > 0).sum()), int((hits < n).sum()))
    return max(telling, 2) if telling else len(n)


def share_bounds(
    share: float, effective: float, cluster_count: int, confidence: float
) -> tuple[float, float]:
    """Return Wilson's interval of a share at an effective count that was itself estimated from few clusters.

    It depends on z² / n alone, so that Student's larger quantile is the same as a smaller count.
    """
    normal, student = special.ndtri(0.5 + confidence / 2), _student(confidence, cluster_count - 1)
    return wilson(share, effective * float(normal / student) ** 2, confidence)


def jackknife_interval(sums: FloatArray, statistic: Statistic, confidence: float, scale: Scale) -> Interval:
    """Return the interval of a function of sums over independent clusters.

    The delete-a-group jackknife (Kott 2001) with Student's t, on the scale where the estimate scatters evenly.

    Args:
        sums: of each cluster, shape (n_clusters, n_sums).
        statistic: takes sums of shape (m, n_sums), returns (m,).
        scale: ``log`` for what is positive, ``logit`` for shares, ``fisher`` for correlations.

    Raises:
        NotStatedError: if there are too few clusters, or the estimate is not finite on that scale without each group.
    """
    count = len(sums)
    if count < CLUSTERS_MIN:
        raise NotStatedError(f"{count} independent pieces: {CLUSTERS_MIN} are needed")
    group = np.arange(count) % _GROUPS_MAX
    grouped = np.zeros((min(count, _GROUPS_MAX), sums.shape[1]))
    np.add.at(grouped, group, sums)
    total = grouped.sum(axis=0)
    forward, back = _SCALES[scale]
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = float(statistic(total[None, :])[0])
        centre = float(forward(np.array(estimate)))
        without = forward(statistic(total - grouped))
    if not (np.isfinite(centre) and np.isfinite(without).all()):
        raise NotStatedError("the estimate lies at the edge of what is possible, or hangs on one piece alone")
    g = len(grouped)
    error = np.sqrt((g - 1) / g * ((without - without.mean()) ** 2).sum())
    if error == 0:
        raise NotStatedError(
            "leaving out any piece changes nothing: the estimate lies at the edge of its range"
        )
    half = _student(confidence, g - 1) * float(error)
    low, high = (float(back(np.array(centre + sign * half))) for sign in (-1, 1))
    return Interval(estimate, low, high, count)


_SCALES: dict[Scale, tuple[Statistic, Statistic]] = {
    "log": (np.log, np.exp),
    "logit": (special.logit, special.expit),
    "fisher": (np.arctanh, np.tanh),
}


def _student(confidence: float, degrees: int) -> float:
    """Return the two-sided point of Student's distribution; `scipy.stats` takes fifty times as long."""
    return float(special.stdtrit(degrees, 0.5 + confidence / 2))


def _check_blocks(session: IntArray, excess: FloatArray) -> None:
    """Refuse blocks of one long session whose excesses over the mean follow one another."""
    if len(np.unique(session)) >= CLUSTERS_MIN:
        return
    square = (excess**2).sum()
    if square > 0 and (excess[1:] * excess[:-1]).sum() / square > _BLOCKS_CORRELATION_MAX:
        raise NotStatedError("one long session whose parts differ from one another for longer than a part")
