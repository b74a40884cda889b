from itertools import pairwise

import numpy as np
import pytest

from earthwire.fault_models import LEVELS, LatencyTable, LogHistogram, WaitLaw
from earthwire.fault_models.laws.upstream_law import bin_of, edge_s

RANKS = (np.arange(4_000) + 0.5) / 4_000


def table(latency_s: np.ndarray) -> LatencyTable:
    return LatencyTable(len(latency_s), tuple(float(q) for q in np.quantile(latency_s, LEVELS)))


def histogram(latency_s: np.ndarray) -> LogHistogram:
    counted = LogHistogram()
    for value in latency_s:
        counted.add(float(value))
    return counted


def lognormal(mean_s: float, sigma: float, seed: int, n: int = 4_000) -> np.ndarray:
    return mean_s * np.exp(np.random.default_rng(seed).normal(-(sigma**2) / 2, sigma, n))


def achieved(recorded_s: np.ndarray, upstream_s: np.ndarray, seed: int = 9) -> tuple[np.ndarray, WaitLaw]:
    """Return max(M, D) of calls whose upstream times are new draws of the same law."""
    law = WaitLaw(table(recorded_s), histogram(upstream_s))
    rng = np.random.default_rng(seed)
    waits = np.array([law.wait_s(rank) for rank in RANKS])
    return np.maximum(rng.choice(upstream_s, len(waits)), waits), law


def w1_share(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(np.sort(a) - np.sort(b)).mean() / b.mean())


def test_bins_are_within_one_percent():
    for time_s in np.geomspace(2e-5, 5e3, 200):
        assert edge_s(bin_of(time_s) - 1) <= time_s * (1 + 1e-9)
        assert time_s <= edge_s(bin_of(time_s)) * (1 + 1e-9)


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_together_they_follow_what_was_recorded(share: float):
    """W1 against the recorded law stays within sampling (about .7/√4000 = .011) plus bins (.01)."""
    recorded_s = lognormal(1.0, 0.6, seed=1)
    total_s, law = achieved(recorded_s, lognormal(share, 0.8, seed=2))
    assert law.infeasible_share < 0.01
    assert w1_share(total_s, np.quantile(recorded_s, RANKS)) < 0.02


def test_waiting_for_the_recorded_latency_itself_is_too_slow():
    """Negative control: max(M, L) with L the recorded latency, M half as slow on average but more scattered."""
    recorded_s, upstream_s = lognormal(1.0, 0.6, seed=1), lognormal(0.5, 0.9, seed=2)
    naive_s = np.maximum(np.random.default_rng(3).choice(upstream_s, 4_000), np.quantile(recorded_s, RANKS))
    total_s, law = achieved(recorded_s, upstream_s)
    assert w1_share(naive_s, np.quantile(recorded_s, RANKS)) > 0.1
    assert w1_share(total_s, np.quantile(recorded_s, RANKS)) < law.infeasible_share + 0.025


def test_an_upstream_that_is_too_slow_is_told_by_its_infeasible_share():
    """M = 2 L in law: E[(Q_M - Q_F)+] / E[F] is 1."""
    recorded_s = lognormal(1.0, 0.5, seed=1)
    law = WaitLaw(table(recorded_s), histogram(2 * recorded_s))
    assert law.infeasible_share == pytest.approx(1.0, abs=0.04)


def test_an_upstream_that_takes_no_time_leaves_the_recorded_law():
    recorded_s = lognormal(1.0, 0.5, seed=1)
    law = WaitLaw(table(recorded_s), LogHistogram())
    for level in (0.1, 0.5, 0.9):
        assert law.wait_s(level) == pytest.approx(float(np.quantile(recorded_s, level)), rel=0.03)


def test_waits_rise_with_the_rank():
    law = WaitLaw(table(lognormal(1.0, 0.6, 1)), histogram(lognormal(0.7, 1.0, 2)))
    waits = [law.wait_s(rank) for rank in RANKS]
    assert all(after >= before for before, after in pairwise(waits))
