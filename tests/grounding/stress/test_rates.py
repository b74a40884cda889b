import numpy as np
import pytest

from earthwire.grounding.stress import paired_gap, paired_mean_gap, success_rate
from earthwire.grounding.stress.rates import SeedScores


def single(successes: list[bool]) -> SeedScores:
    return {seed: (int(success), 1) for seed, success in enumerate(successes)}


def test_one_task_a_run_has_wilsons_interval() -> None:
    """Wilson 1927 by hand: 8 of 10, z = 1.96."""
    rate = success_rate(single([True] * 8 + [False] * 2))
    assert (rate.value, rate.seed_count) == (0.8, 10)
    assert (rate.low, rate.high) == pytest.approx((0.490, 0.943), abs=1e-3)


def test_a_perfect_agent_is_not_surely_perfect() -> None:
    rate = success_rate(single([True] * 20))
    assert rate.high == 1.0
    assert rate.low == pytest.approx(20 / (20 + 1.96**2), abs=1e-3)


def test_runs_of_many_tasks_count_as_runs_and_not_as_tasks() -> None:
    """All tasks of a run share its fate, so that 97 of them tell no more than one."""
    fates = [True] * 12 + [False] * 8
    shared = success_rate({seed: (97 * fate, 97) for seed, fate in enumerate(fates)})
    alone = success_rate(single(fates))
    assert shared.value == alone.value
    assert shared.high - shared.low >= 0.95 * (alone.high - alone.low)


def test_without_a_run_there_is_no_rate() -> None:
    with pytest.raises(ValueError, match="no run"):
        success_rate({})


def pairs(rng: np.random.Generator, count: int, difficulty: bool) -> tuple[list[bool], list[bool]]:
    """Success at 0.9 and at 0.6; with `difficulty` the same uniform decides both, as common random numbers do."""
    first = rng.random(count)
    second = first if difficulty else rng.random(count)
    return (first < 0.9).tolist(), (second < 0.6).tolist()


@pytest.mark.parametrize("difficulty", [True, False])
def test_gaps_are_covered_as_often_as_stated(difficulty: bool) -> None:
    """600 draws of 25 seeds: the share of covers has a standard error of 0.009 at 95 %; the bound is three below."""
    covers = []
    for seed in range(600):
        gap = paired_gap(*map(single, pairs(np.random.default_rng(seed), 25, difficulty)))
        covers.append(gap.low <= 0.3 <= gap.high)
    assert np.mean(covers) > 0.923


def test_an_interval_that_is_too_narrow_would_not_pass() -> None:
    """The negative control: half as wide, it covers far less often."""
    covers = []
    for seed in range(600):
        gap = paired_gap(*map(single, pairs(np.random.default_rng(seed), 25, True)))
        half = (gap.high - gap.low) / 4
        covers.append(abs(gap.value - 0.3) <= half)
    assert np.mean(covers) < 0.85


def test_pairs_that_go_together_make_narrower_gaps() -> None:
    """Ten seeds fail in both arms, or five in each that the other one passes: the rates are the same."""
    first = single([True] * 10 + [False] * 10)
    together = paired_gap(first, single([True] * 5 + [False] * 15))
    apart = paired_gap(first, single([False] * 10 + [True] * 5 + [False] * 5))
    assert together.value == apart.value == 0.25
    assert together.high - together.low < 0.8 * (apart.high - apart.low)


def test_only_seeds_that_both_have_count() -> None:
    gap = paired_gap({1: (1, 1), 2: (1, 1)}, {2: (0, 1), 3: (1, 1)})
    assert (gap.value, gap.seed_count) == (1.0, 1)


def test_mean_gaps_are_those_of_the_pairs() -> None:
    gap = paired_mean_gap({1: 2.0, 2: 5.0, 3: 1.0}, {1: 1.0, 2: 4.0, 3: 0.0})
    assert (gap.value, gap.low, gap.high) == (1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="common seed"):
        paired_mean_gap({1: 1.0}, {2: 1.0})


def many(rng: np.random.Generator, rates: np.ndarray, harm: float) -> SeedScores:
    """Twenty runs of ten tasks of unequal difficulty, each of which fails more often by a factor."""
    return {seed: (int((rng.random(10) < rates * harm).sum()), 10) for seed in range(20)}


def test_gaps_of_many_tasks_are_covered_as_often_as_stated() -> None:
    """600 draws, standard error 0.009 at 95 %: the bound is three below. A perfect first arm is the usual case."""
    rates = np.linspace(0.5, 1.0, 10)
    covers = []
    for seed in range(600):
        rng = np.random.default_rng(seed)
        perfect = dict.fromkeys(range(20), (10, 10))
        gap = paired_gap(perfect, many(rng, rates, 0.8))
        covers.append(gap.low <= 1.0 - 0.8 * rates.mean() <= gap.high)
        assert gap.high - gap.low < 0.25
    assert np.mean(covers) > 0.923


def test_differences_that_are_all_the_same_are_not_taken_for_certain() -> None:
    gap = paired_gap(dict.fromkeys(range(10), (4, 4)), dict.fromkeys(range(10), (3, 4)))
    assert gap.value == 0.25
    assert gap.high - gap.low > 0.1
