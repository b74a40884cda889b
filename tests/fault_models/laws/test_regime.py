import math
import random

import numpy as np
import pytest

from earthwire.fault_models.laws.regime import (
    AGE_BINS,
    PASSES_PER_BLOCK,
    HazardCounts,
    RegimePath,
    RunHistory,
    UpstreamRegime,
    age_bin,
    regime_at,
    upstream_path,
)
from earthwire.fault_models.uniforms import UniformStream

HISTORY = RunHistory((5, 2, 40, 1, 1, 11))


def path(seed: int = 0, episode: str = "e", history: RunHistory = HISTORY) -> RegimePath:
    return RegimePath(history, UniformStream(seed, "regime", episode))


def test_age_bins_are_powers_of_two():
    for age in range(1, 1_000):
        assert age_bin(age) == min(math.floor(math.log2(age)), AGE_BINS - 1)


def test_a_hazard_is_the_formula_by_hand():
    counts = HazardCounts((10, 20, 0, 0, 0, 0, 0, 0), (4, 5, 0, 0, 0, 0, 0, 0))
    assert counts.probability(1, 0.1) == pytest.approx((4 + 4 * 0.1) / 14)
    assert counts.probability(3, 0.1) == pytest.approx((5 + 4 * 0.1) / 24)


def test_an_age_never_seen_is_as_the_law_without_ages():
    assert HazardCounts((0,) * 8, (0,) * 8).probability(50, 0.3) == pytest.approx(0.3)


def test_a_history_knows_its_length_and_share():
    assert HISTORY.length == 60
    assert HISTORY.bad_share == pytest.approx(14 / 60)


def test_positions_of_a_history_go_round():
    calls = [False] * 5 + [True] * 2 + [False] * 40 + [True] + [False] + [True] * 11
    assert [HISTORY.is_bad(i) for i in range(120)] == calls * 2


def test_a_history_that_begins_bad_has_an_empty_first_run():
    assert [RunHistory((0, 2, 1)).is_bad(i) for i in range(4)] == [True, True, False, True]


def test_a_path_is_a_pure_function_of_the_index():
    forward = path()
    expected = [forward.is_bad(i) for i in range(2_000)]
    indices = list(range(2_000))
    random.Random(1).shuffle(indices)
    again = path()
    assert {i: again.is_bad(i) for i in indices} == dict(enumerate(expected))


def test_another_seed_or_episode_is_another_path():
    paths = [[p.is_bad(i) for i in range(200)] for p in (path(0), path(1), path(0, "f"))]
    assert len({tuple(p) for p in paths}) == 3


def test_the_share_of_bad_calls_is_the_recorded_one_at_every_index():
    """Each position is uniform over the history; 4 standard errors of a share of 4,000 episodes."""
    for index in (0, 1, 7, 100, 10_000):
        share = np.mean([path(episode=str(i)).is_bad(index) for i in range(4_000)])
        bound = 4 * (HISTORY.bad_share * (1 - HISTORY.bad_share) / 4_000) ** 0.5
        assert share == pytest.approx(HISTORY.bad_share, abs=bound)


def test_inside_a_block_the_recorded_order_is_kept():
    """With one block of 240 calls at most one seam cuts 100 calls; what is not cut is a stretch of the history."""
    recorded = "".join("b" if HISTORY.is_bad(i) else "." for i in range(PASSES_PER_BLOCK * 60 + 100))
    whole = 0
    for episode in range(200):
        one = path(episode=str(episode))
        whole += "".join("b" if one.is_bad(i) else "." for i in range(100)) in recorded
    # A seam falls into 100 calls with probability 100 / 240; 4 standard errors of 200 episodes are 28.
    assert whole >= 200 * (1 - 99 / 240) - 28


def test_tools_of_one_upstream_share_their_regime_and_others_do_not():
    ticks = range(300)
    sky = [regime_at(HISTORY, 3, "e", "api.example.com", tick) for tick in ticks]
    assert [upstream_path(HISTORY, 3, "e", "api.example.com").is_bad(t) for t in reversed(ticks)] == sky[::-1]
    assert [regime_at(HISTORY, 3, "e", "other.example.com", tick) for tick in ticks] != sky
    assert [regime_at(HISTORY, 3, "f", "api.example.com", tick) for tick in ticks] != sky


def test_faults_while_up_and_while_bad_add_up_to_the_overall_rate():
    """900 calls up with 9 faults, 100 bad with 91: 10 % over all."""
    regime = UpstreamRegime(RunHistory((90, 10)), 900, 9, 100, 91)
    up, bad = regime.fault_probability(False, 0.1), regime.fault_probability(True, 0.1)
    assert up == pytest.approx(0.01)
    assert bad == pytest.approx((91 + 4 * 0.1) / 104)
    assert 0.9 * up + 0.1 * bad == pytest.approx(0.1, abs=0.004)


def test_an_upstream_without_any_calls_leaves_the_probability_alone():
    regime = UpstreamRegime(RunHistory((1,)), 0, 0, 0, 0)
    assert regime.fault_probability(False, 0.2) == 0.2
    assert regime.fault_probability(True, 0.2) == pytest.approx(0.2)


def test_one_block_begins_where_no_other_does():
    """Else a path would go round: the same tools would fail at the same places of every pass."""
    one = path()
    passes = ["".join("b" if one.is_bad(60 * n + i) else "." for i in range(60)) for n in range(40)]
    assert 5 <= len(set(passes)) <= 25


def test_an_upstream_that_fails_more_while_it_is_up_has_no_probability_above_one():
    regime = UpstreamRegime(RunHistory((50, 50)), 100, 90, 100, 10)
    assert regime.fault_probability(False, 0.9) == 1.0
