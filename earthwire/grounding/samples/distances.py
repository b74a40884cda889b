"""Distances between two samples of latencies, each beside what chance alone would give."""

import math

import numpy as np

from earthwire.traces.columns.calls import FloatArray

QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.999)
_EXCEEDANCES_MIN = 10
_DRAWS = 20


def ks(a_s: FloatArray, b_s: FloatArray) -> float:
    """Return the two-sample Kolmogorov-Smirnov distance, in [0, 1]; `scipy.stats` is slow to load for so little."""
    both = np.concatenate((a_s, b_s))
    shares = (np.searchsorted(np.sort(sample), both, "right") / len(sample) for sample in (a_s, b_s))
    return float(np.abs(np.subtract(*shares)).max())


def ks_critical(a_count: int, b_count: int, alpha: float = 0.01) -> float:
    """Return the distance that two samples of one law exceed with probability `alpha` (Smirnov's asymptotics)."""
    return float(np.sqrt(-0.5 * np.log(alpha / 2) * (a_count + b_count) / (a_count * b_count)))


def log_wasserstein(a_s: FloatArray, b_s: FloatArray) -> float:
    """Return the Wasserstein-1 distance of log latencies: 0.1 means off by about 10 % on average."""
    from scipy import stats  # Here, since it is slow to load.

    return float(stats.wasserstein_distance(np.log(a_s), np.log(b_s)))


def root_energy(a_s: FloatArray, b_s: FloatArray, m: int, rng: np.random.Generator) -> float:
    """Return the square root of the energy distance of log latency between `m` calls of each side, averaged over draws.

    Energy distance after Székely and Rizzo (2013), equation 2.5.
    """
    from scipy import stats  # Here, since it is slow to load.

    log_a, log_b = np.log(a_s), np.log(b_s)
    draws = [stats.energy_distance(rng.choice(log_a, m), rng.choice(log_b, m)) for _ in range(_DRAWS)]
    return float(np.mean(draws))


def over_floor(distance: float, floor: float) -> float:
    """Return how many times as large as the floor a distance is: 1 where both are 0, infinite where only the floor is.

    Two halves of reality are at distance 0 where all calls take equally long, as those of a coarse clock may.
    """
    if floor:
        return distance / floor
    return math.inf if distance else 1.0


def quantile_ratios(simulated_s: FloatArray, real_s: FloatArray) -> dict[str, float | None]:
    """Return simulated over real quantiles, by name (``p50`` … ``p99.9``); None where too few calls lie beyond it."""
    enough = min(len(simulated_s), len(real_s))
    return {
        f"p{100 * q:g}": float(np.quantile(simulated_s, q) / np.quantile(real_s, q))
        if enough * (1 - q) >= _EXCEEDANCES_MIN
        else None
        for q in QUANTILES
    }
