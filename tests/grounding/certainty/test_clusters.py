import numpy as np
import pytest

from earthwire.grounding.certainty.clusters import (
    NotStatedError,
    clusters_of,
    jackknife_interval,
    share_interval,
    share_of_clusters,
)
from earthwire.grounding.samples.outcome_mix import wilson


def clustered(rng: np.random.Generator, sessions: int = 60, calls: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Hits whose rate differs between sessions: Beta(1, 9), so 0.1 on average, correlation 1/11."""
    rate = rng.beta(1, 9, sessions)
    session = np.repeat(np.arange(sessions), calls)
    return (rng.random(len(session)) < rate[session]).astype(float), session


def test_share_interval_covers_the_rate_of_clustered_hits_as_often_as_stated_and_wilson_at_n_does_not():
    """400 draws: at 90 % the share of covers has a standard error of 0.015; the bounds are three of them below."""
    covers, plain = [], []
    for seed in range(400):
        hit, session = clustered(np.random.default_rng(seed))
        covers.append(share_interval(hit, session, 0.9).covers(0.1))
        low, high = wilson(hit.mean(), len(hit), 0.9)
        plain.append(low <= 0.1 <= high)
    assert np.mean(covers) > 0.855
    assert np.mean(plain) < 0.75


def test_share_interval_of_no_hit_counts_clusters_and_not_calls():
    interval = share_interval(np.zeros(1_000), np.repeat(np.arange(10), 100), 0.9)
    assert (interval.estimate, interval.low) == (0.0, 0.0)
    assert interval.effective_count == 10
    assert 0.1 < interval.high < 0.4


def test_too_few_sessions_of_few_calls_are_not_stated():
    with pytest.raises(NotStatedError, match="14 calls in 7 sessions"):
        share_interval(np.ones(14), np.repeat(np.arange(7), 2), 0.9)


def test_one_long_session_is_cut_into_twenty_blocks():
    cluster = clusters_of(np.zeros(1_000, dtype=int))
    assert np.bincount(cluster).tolist() == [50] * 20


def test_blocks_that_hang_together_are_not_stated():
    hit = np.repeat([0.0, 1.0], 1_000)
    with pytest.raises(NotStatedError, match="one long session"):
        share_interval(hit, np.zeros(2_000, dtype=int), 0.9)


def test_share_of_clusters_leaves_empty_clusters_out():
    full = share_of_clusters(np.arange(10.0), np.full(10, 20.0), 0.9)
    with_empty = share_of_clusters(np.append(np.arange(10.0), 0.0), np.append(np.full(10, 20.0), 0.0), 0.9)
    assert with_empty == full


def test_jackknife_of_a_mean_is_the_interval_of_student():
    """On the logarithmic scale to first order: s / (mean √n) about log mean."""
    x = np.random.default_rng(1).gamma(50.0, 1.0, 150)
    interval = jackknife_interval(
        np.column_stack((x, np.ones(150))), lambda rows: rows[:, 0] / rows[:, 1], 0.9, "log"
    )
    half = 1.655 * x.std(ddof=1) / np.sqrt(150) / x.mean()
    assert interval.estimate == pytest.approx(x.mean())
    assert np.log(interval.high / interval.low) / 2 == pytest.approx(half, rel=0.01)


def test_jackknife_refuses_an_estimate_at_the_edge_of_its_scale():
    sums = np.column_stack((np.zeros(20), np.ones(20)))
    with pytest.raises(NotStatedError, match="edge"):
        jackknife_interval(sums, lambda rows: rows[:, 0] / rows[:, 1], 0.9, "logit")


def test_jackknife_refuses_an_estimate_that_nothing_changes():
    with pytest.raises(NotStatedError, match="changes nothing"):
        jackknife_interval(np.ones((20, 1)), lambda rows: np.full(len(rows), 0.5), 0.9, "logit")


def test_jackknife_needs_pieces():
    with pytest.raises(NotStatedError, match="3 independent pieces"):
        jackknife_interval(np.ones((3, 1)), lambda rows: rows[:, 0], 0.9, "log")
