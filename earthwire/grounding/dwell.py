"""How long runs of good and of bad calls last on average, from runs of which many were not seen to their end.

Only runs whose begin was seen have a known age. Hazards by age give the mean: the sum over bins of age of the chance
to reach the bin times the expected time in it, the last bin without end. Bins are single ages up to 32 and a tenth
wide beyond, where the hazard is as good as constant inside each; the eight coarse ones of `fault_models.regime` would
be off by 4 % where runs are of nearly equal length.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earthwire.fault_models.intervals import Interval
from earthwire.grounding.clusters import CLUSTERS_MIN, NotStatedError, jackknife_interval
from earthwire.traces.calls import BoolArray, FloatArray, IntArray

RUNS_MIN = 10
"""Ends of runs that a mean needs."""

TAIL_RUNS = 5
"""Ends of runs that the hazard of the longest ones is estimated from."""

_BIN_STARTS = np.unique(np.concatenate((np.arange(1, 33), np.round(32 * 1.1 ** np.arange(1, 91))))).astype(
    np.int64
)
_BINS = len(_BIN_STARTS)
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
    """Return mean lengths from calls at risk and runs ended by bin of age, shape (m, 2 n_bins) -> (m,).

    The last ages, in which `TAIL_RUNS` runs ended, share one hazard.
    """
    at_risk, left = sums[:, :_BINS], sums[:, _BINS:]
    later_left, later_risk = (np.cumsum(x[:, ::-1], axis=1)[:, ::-1] for x in (left, at_risk))
    in_tail = later_left - left < TAIL_RUNS
    tail = np.argmax(in_tail, axis=1)
    rows = np.arange(len(sums))
    hazard = np.divide(left, at_risk, out=np.zeros_like(left), where=at_risk > 0)
    stays = (1.0 - hazard) ** _BIN_CALLS
    some = hazard > 0
    time = np.where(some, (1.0 - stays) / np.where(some, hazard, 1.0), _BIN_CALLS)
    reached = np.cumprod(np.column_stack((np.ones(len(sums)), stays[:, :-1])), axis=1)
    before = np.where(np.arange(_BINS) < tail[:, None], reached * time, 0.0).sum(axis=1)
    tail_hazard = later_left[rows, tail] / np.maximum(later_risk[rows, tail], 1.0)
    mean: FloatArray = before + reached[rows, tail] / np.maximum(tail_hazard, 1e-12)
    return mean


def _by_cluster(lengths: IntArray, ended: BoolArray, cluster: npt.NDArray[np.intp]) -> FloatArray:
    """Return calls at risk and runs ended by age bin of each cluster, shape (n_clusters, 2 n_bins)."""
    count = int(cluster.max()) + 1
    sums = np.zeros((count, 2 * _BINS))
    at_risk_calls = lengths - ~ended  # What follows the last call of an unfinished run was not seen.
    for i in range(_BINS):
        inside = np.clip(at_risk_calls - _BIN_STARTS[i] + 1, 0, _BIN_ENDS[i] - _BIN_STARTS[i])
        leaves = ended & (lengths >= _BIN_STARTS[i]) & (lengths < _BIN_ENDS[i])
        sums[:, i] = np.bincount(cluster, weights=inside, minlength=count)
        sums[:, _BINS + i] = np.bincount(cluster, weights=leaves, minlength=count)
    return sums
