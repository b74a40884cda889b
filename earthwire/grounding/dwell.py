"""How long runs of good and of bad calls last on average, from runs of which many were not seen to their end.

Only runs whose begin was seen have a known age. Hazards by age bin, as in `fault_models.regime`, give the mean:
the sum over bins of the chance to reach the bin times the expected time in it, the last bin without end.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earthwire.fault_models.intervals import Interval
from earthwire.fault_models.regime import AGE_BINS
from earthwire.grounding.clusters import CLUSTERS_MIN, NotStatedError, jackknife_interval
from earthwire.traces.calls import BoolArray, FloatArray, IntArray

RUNS_MIN = 10
"""Ends of runs that a mean needs."""

_BIN_STARTS = 2 ** np.arange(AGE_BINS)
_BIN_ENDS = np.append(_BIN_STARTS[1:], np.iinfo(np.int64).max)
_BIN_CALLS = np.append(np.diff(_BIN_STARTS), 0).astype(float)


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of equal calls, all columns of shape (n_runs,).

    Attributes:
        length: in calls, or in what each call stands for.
        bad: whether its calls fail.
        begun, ended: whether its begin, and its end, are inside the sequence.
        owner: code of its sequence.
    """

    length: IntArray
    bad: BoolArray
    begun: BoolArray
    ended: BoolArray
    owner: IntArray


def runs_of(bad: BoolArray, sequence: IntArray, span: IntArray | None = None) -> Runs:
    """Cut sequences into runs.

    Args:
        bad: whether each call fails, in order, shape (n_calls,).
        sequence: code of the sequence of each call; equal codes stand together.
        span: what each call stands for, positive; one by default.
    """
    starts = np.ones(len(bad), dtype=bool)
    starts[1:] = (bad[1:] != bad[:-1]) | (sequence[1:] != sequence[:-1])
    at = np.flatnonzero(starts)
    owner = sequence[at]
    begun = np.concatenate(([False], owner[1:] == owner[:-1]))
    total = np.concatenate(([0], np.cumsum(np.ones_like(sequence) if span is None else span)))
    length = np.diff(total[np.append(at, len(bad))])
    return Runs(length, bad[at], begun, np.append(begun[1:], False), owner)


def mean_run_interval(runs: Runs, *, bad: bool, confidence: float) -> Interval:
    """Return the interval of the mean length of the bad runs, or of the others.

    The clusters are sequences; where those are too few, every run is one, as it is under a semi-Markov law.

    Raises:
        NotStatedError: if too few of them were seen from begin to end.
    """
    used = (runs.bad == bad) & runs.begun
    length, ended, owner = runs.length[used], runs.ended[used], runs.owner[used]
    if ended.sum() < RUNS_MIN:
        raise NotStatedError(f"{int(ended.sum())} runs were seen from begin to end: {RUNS_MIN} are needed")
    codes, cluster = np.unique(owner, return_inverse=True)
    if len(codes) < CLUSTERS_MIN:
        cluster = np.arange(len(length))
    return jackknife_interval(_by_cluster(length, ended, cluster), mean_run, confidence, "log")


def mean_run(sums: FloatArray) -> FloatArray:
    """Return mean lengths from calls at risk and runs ended by age bin, shape (m, 16) -> (m,)."""
    at_risk, left = sums[:, :AGE_BINS], sums[:, AGE_BINS:]
    hazard = np.divide(left, at_risk, out=np.zeros_like(left), where=at_risk > 0)
    reached, mean = np.ones(len(sums)), np.zeros(len(sums))
    for i in range(AGE_BINS - 1):
        stays = (1.0 - hazard[:, i]) ** _BIN_CALLS[i]
        some = hazard[:, i] > 0
        time = np.where(some, (1.0 - stays) / np.where(some, hazard[:, i], 1.0), _BIN_CALLS[i])
        mean += reached * time
        reached = reached * stays
    last = hazard[:, -1]
    # Where no run was seen to end in the last bin, but some got there, the mean has no estimate.
    tail = np.where(last > 0, 1.0 / np.where(last > 0, last, 1.0), np.where(at_risk[:, -1] > 0, np.inf, 0.0))
    result: FloatArray = mean + np.where(reached > 0, reached * tail, 0.0)
    return result


def _by_cluster(lengths: IntArray, ended: BoolArray, cluster: npt.NDArray[np.intp]) -> FloatArray:
    """Return calls at risk and runs ended by age bin of each cluster, shape (n_clusters, 16)."""
    count = int(cluster.max()) + 1
    sums = np.zeros((count, 2 * AGE_BINS))
    at_risk_calls = lengths - ~ended  # What follows the last call of an unfinished run was not seen.
    for i in range(AGE_BINS):
        inside = np.clip(at_risk_calls - _BIN_STARTS[i] + 1, 0, _BIN_ENDS[i] - _BIN_STARTS[i])
        leaves = ended & (lengths >= _BIN_STARTS[i]) & (lengths < _BIN_ENDS[i])
        sums[:, i] = np.bincount(cluster, weights=inside, minlength=count)
        sums[:, AGE_BINS + i] = np.bincount(cluster, weights=leaves, minlength=count)
    return sums
