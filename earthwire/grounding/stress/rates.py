"""Success rates over seeds, and their differences between two arms that ran the same seeds.

Seeds are what is independent: an agent may do many tasks in one run, and they share its fate. So a run counts with the
share of its tasks that succeeded.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from earthwire.grounding.certainty.clusters import CLUSTERS_MIN, share_of_clusters
from earthwire.grounding.samples.outcome_mix import wilson

CONFIDENCE = 0.95
"""Stated coverage of all intervals of a stress test, two-sided."""

SeedScores = dict[int, tuple[int, int]]
"""Seed to the number of tasks that succeeded, and the number of tasks."""


class Estimate(msgspec.Struct, frozen=True):
    """A figure and where it lies.

    Attributes:
        value: of the figure.
        low, high: ends of its interval.
        seed_count: runs that it rests on.
    """

    value: float
    low: float
    high: float
    seed_count: int


def success_rate(scores: SeedScores) -> Estimate:
    """Return the share of tasks that succeed.

    With one task a run it is Wilson's interval. With several it is Wilson's at the effective count of runs that hang
    together (`earthwire.grounding.certainty.clusters`); with too few runs for that, each run counts as one trial.

    Raises:
        ValueError: without runs.
    """
    if not scores:
        raise ValueError("no run, so no rate")
    succeeded = np.array([good for good, _ in scores.values()], dtype=np.float64)
    tasks = np.array([count for _, count in scores.values()], dtype=np.float64)
    rate = float(succeeded.sum() / tasks.sum())
    if tasks.max() == 1 or len(scores) < CLUSTERS_MIN:
        low, high = wilson(rate, len(scores), CONFIDENCE)
    else:
        interval = share_of_clusters(succeeded, tasks, CONFIDENCE)
        low, high = interval.low, interval.high
    # The ends are computed with rounding errors, and the rate itself is never outside.
    return Estimate(rate, min(low, rate), max(high, rate), len(scores))


def paired_gap(before: SeedScores, after: SeedScores) -> Estimate:
    """Return how much lower the second success rate is than the first, over the seeds that both have.

    Newcombe, "Improved confidence intervals for the difference between binomial proportions based on paired data"
    (1998), method 10: the two intervals are joined with the correlation of the pairs. Zou and Donner (2008) show that
    the same holds for any two intervals. Runs of several tasks differ by many small steps: there Student's interval of
    the differences is used, unless they are all the same and tell nothing of how much they vary.

    Raises:
        ValueError: if there is no common seed.
    """
    seeds = sorted(before.keys() & after.keys())
    first_shares, second_shares = (
        {seed: _share(scores[seed]) for seed in seeds} for scores in (before, after)
    )
    has_tasks = any(before[seed][1] > 1 for seed in seeds)
    if has_tasks and len({round(first_shares[seed] - second_shares[seed], 9) for seed in seeds}) > 1:
        gap = paired_mean_gap(first_shares, second_shares)
        return Estimate(gap.value, max(gap.low, -1.0), min(gap.high, 1.0), gap.seed_count)
    first = success_rate({seed: before[seed] for seed in seeds})
    second = success_rate({seed: after[seed] for seed in seeds})
    correlation = _correlation(list(first_shares.values()), list(second_shares.values()))
    difference = first.value - second.value
    down = _joined(first.value - first.low, second.high - second.value, correlation)
    up = _joined(first.high - first.value, second.value - second.low, correlation)
    return Estimate(difference, max(difference - down, -1.0), min(difference + up, 1.0), len(seeds))


def paired_mean_gap(before: dict[int, float], after: dict[int, float]) -> Estimate:
    """Return how much lower a mean is than another one over common seeds, with Student's interval of the differences.

    Raises:
        ValueError: if there is no common seed.
    """
    # Here, since scipy.stats is slow to load.
    from scipy.special import stdtrit

    seeds = sorted(before.keys() & after.keys())
    if not seeds:
        raise ValueError("no common seed, so no difference")
    differences = np.array([before[seed] - after[seed] for seed in seeds])
    mean, count = float(differences.mean()), len(seeds)
    if count == 1:
        return Estimate(mean, -math.inf, math.inf, 1)
    half = float(stdtrit(count - 1, 0.5 + CONFIDENCE / 2) * differences.std(ddof=1) / math.sqrt(count))
    return Estimate(mean, mean - half, mean + half, count)


def _share(score: tuple[int, int]) -> float:
    return score[0] / score[1]


def _joined(first: float, second: float, correlation: float) -> float:
    """Return the half width of a difference from those of its terms; rounding may leave a trace below zero."""
    return math.sqrt(max(first**2 + second**2 - 2 * correlation * first * second, 0.0))


def _correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Return Pearson's correlation; 0 where one side is always the same."""
    if len(first) < 2 or min(np.ptp(first), np.ptp(second)) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
