"""How long runs of good and of bad calls last on average, from runs of which many were not seen to their end.

Only runs whose begin was seen have a known age. Hazards by age give the mean: the sum over bins of age of the chance
to reach the bin times the expected time in it, the last bin without end. Bins are single ages up to 32 and a tenth
wide beyond, where the hazard is as good as constant inside each; the eight coarse ones of `fault_models.regime` would
be off by 4 % where runs are of nearly equal length.
"""

from dataclasses import dataclass

import numpy as np

from earthwire.fault_models.intervals import Interval
from earthwire.fault_models.laws.regime import AGE_BINS
from earthwire.grounding.certainty.clusters import (
    CLUSTERS_MIN,
    NotStatedError,
    jackknife_interval,
    share_of_clusters,
)
from earthwire.traces.columns.calls import BoolArray, FloatArray, IntArray

HAZARD_CALLS_MIN = 20
"""Calls of an age that the chance to leave at that age needs."""
AGE_BIN_STARTS = 2 ** np.arange(AGE_BINS)
"""First age of each bin of `fault_models.regime`, in calls."""
RUNS_MIN = 10
"""Ends of runs that a mean needs."""

TAIL_RUNS = 5
"""Ends of runs that the hazard of the longest ones is estimated from."""

_BIN_STARTS = np.unique(np.concatenate((np.arange(1, 33), np.round(32 * 1.1 ** np.arange(1, 91))))).astype(
    np.int64
)
_BINS = len(_BIN_STARTS)
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
    sums = _sums(runs, bad, _BIN_STARTS)
    if sums[:, _BINS:].sum() < RUNS_MIN:
        raise NotStatedError(
            f"{sums[:, _BINS:].sum():.0f} runs were seen from begin to end: {RUNS_MIN} are needed"
        )
    return jackknife_interval(sums, mean_run, confidence, "log")


def hazard_interval(runs: Runs, age_bin: int, *, bad: bool, confidence: float) -> Interval:
    """Return the interval of the chance that a run ends after a call of an age bin of `fault_models.regime`.

    Raises:
        NotStatedError: if too few sequences have runs of that age.
    """
    sums = _sums(runs, bad, AGE_BIN_STARTS)
    at_risk, left = sums[:, age_bin], sums[:, AGE_BINS + age_bin]
    if at_risk.sum() < HAZARD_CALLS_MIN:
        raise NotStatedError(f"{at_risk.sum():.0f} calls of that age: {HAZARD_CALLS_MIN} are needed")
    return share_of_clusters(left, at_risk, confidence)


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


def _sums(runs: Runs, bad: bool, bin_starts: IntArray) -> FloatArray:
    """Return calls at risk and runs ended by bin of age of each cluster, shape (n_clusters, 2 n_bins)."""
    used = (runs.bad == bad) & runs.begun
    lengths, ended = runs.length[used], runs.ended[used]
    codes, cluster = np.unique(runs.owner[used], return_inverse=True)
    if len(codes) < CLUSTERS_MIN:
        codes = cluster = np.arange(len(lengths))
    count, bins = len(codes), len(bin_starts)
    bin_ends = np.append(bin_starts[1:], np.iinfo(np.int64).max)
    sums = np.zeros((count, 2 * bins))
    at_risk_calls = lengths - ~ended  # What follows the last call of an unfinished run was not seen.
    for i in range(bins):
        inside = np.clip(at_risk_calls - bin_starts[i] + 1, 0, bin_ends[i] - bin_starts[i])
        leaves = ended & (lengths >= bin_starts[i]) & (lengths < bin_ends[i])
        sums[:, i] = np.bincount(cluster, weights=inside, minlength=count)
        sums[:, bins + i] = np.bincount(cluster, weights=leaves, minlength=count)
    return sums
