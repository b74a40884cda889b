import numpy as np
import pytest

from earthwire.grounding.certainty.clusters import NotStatedError
from earthwire.grounding.certainty.quantile_intervals import quantile_interval


def sample(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """60 sessions of 20 calls whose level differs: variance 0.5 between sessions, 0.5 inside; standard normal."""
    rng = np.random.default_rng(seed)
    session = np.repeat(np.arange(60), 20)
    return rng.normal(0, np.sqrt(0.5), 60)[session] + rng.normal(0, np.sqrt(0.5), len(session)), session


@pytest.mark.parametrize(("level", "truth"), [(0.5, 0.0), (0.9, 1.2816)])
def test_interval_covers_the_quantile_as_often_as_stated_and_calls_for_sessions_do_not(level, truth):
    """300 draws: at 90 % the standard error is 0.017, the bound is three of them below.

    The negative control takes every call for a session of its own.
    """
    covers, naive = [], []
    for seed in range(300):
        values, session = sample(seed)
        covers.append(quantile_interval(values, session, level, 0.9).covers(truth))
        naive.append(quantile_interval(values, np.arange(len(values)), level, 0.9).covers(truth))
    assert np.mean(covers) > 0.848
    assert np.mean(naive) < 0.75


def test_calls_that_were_cut_off_do_not_matter_below_their_limit():
    values, session = sample(1)
    cut = np.where(values > 1.0, np.inf, values)
    assert quantile_interval(cut, session, 0.5, 0.9) == quantile_interval(values, session, 0.5, 0.9)


def test_a_level_beyond_the_time_limit_is_not_stated():
    values, session = sample(1)
    with pytest.raises(NotStatedError, match="time limit"):
        quantile_interval(np.where(values > 1.0, np.inf, values), session, 0.9, 0.9)


def test_a_level_that_few_calls_lie_beyond_is_not_stated():
    values, session = sample(1)
    with pytest.raises(NotStatedError, match="12 calls beyond this level"):
        quantile_interval(values, session, 0.99, 0.9)


def test_the_step_of_the_clock_widens_the_interval():
    values, session = sample(1)
    plain, stepped = (quantile_interval(values, session, 0.5, 0.9, step) for step in (0.0, 0.2))
    assert stepped.low == pytest.approx(plain.low - 0.1)
    assert stepped.high == pytest.approx(plain.high + 0.1)


def test_equal_values_give_an_interval_of_that_value():
    interval = quantile_interval(np.ones(400), np.repeat(np.arange(20), 20), 0.5, 0.9)
    assert (interval.low, interval.estimate, interval.high) == (1.0, 1.0, 1.0)
