"""Ranks stay uniform whatever sessions are like, and sessions are as restless as the law says."""

import numpy as np
import pytest

from earthwire.fault_models import Dependence, SessionLevels
from earthwire.fault_models.laws.compact_ranks import CompactRanks
from earthwire.fault_models.laws.dependence import NO_SESSIONS, RankLaw
from earthwire.fault_models.uniforms import Purpose, UniformStream

LEVELS = tuple(np.linspace(-0.9, 0.9, 30).tolist())
SPREADS = (0.7,) * 30
JITTERS = tuple(np.where(np.arange(30) % 2, 1.6, 0.3).tolist())
INSIDE = Dependence(tool_share=0.3, level_share=0.2, level_memory=0.7, jitter_contrast=0.5)
EPISODES, CALLS = 1_500, 20


def drawn_ranks(dependence: Dependence, sessions: SessionLevels, law: RankLaw) -> np.ndarray:
    """Ranks of many episodes of one tool, shape (1500, 20)."""
    ranks = np.empty((EPISODES, CALLS))
    for episode in range(EPISODES):
        stream = UniformStream(1, "e", str(episode))
        first = stream.at(0)
        source = CompactRanks(
            dependence, sessions, law, first[Purpose.LEVEL], first[Purpose.LATENCY], first[Purpose.OUTCOME]
        )
        ranks[episode] = [source.next_rank(k, stream.at(k + 1), "ok") for k in range(CALLS)]
    return ranks


def distance_from_uniform(ranks: np.ndarray) -> float:
    values = np.sort(ranks.reshape(-1))
    return float(np.abs(values - (np.arange(len(values)) + 0.5) / len(values)).max())


@pytest.mark.parametrize("jitters", [(), JITTERS])
def test_ranks_are_uniform_with_jitter_and_without(jitters: tuple[float, ...]):
    """Episodes are independent, their calls are not: 1,500 uniform levels alone come to 1.36 / √1500 at 95 %: 0.035."""
    sessions = SessionLevels(30, LEVELS, SPREADS, jitters)
    ranks = drawn_ranks(INSIDE, sessions, RankLaw(sessions, INSIDE))
    assert distance_from_uniform(ranks) < 0.035


def test_a_rank_law_that_ignores_jitter_is_found_out():
    """Negative control."""
    sessions = SessionLevels(30, (0.0,) * 30, SPREADS, (2.5,) * 30)
    plain = SessionLevels(30, (0.0,) * 30, SPREADS)
    assert distance_from_uniform(drawn_ranks(INSIDE, sessions, RankLaw(plain, INSIDE))) > 0.07
    assert distance_from_uniform(drawn_ranks(INSIDE, sessions, RankLaw(sessions, INSIDE))) < 0.035


def test_restless_sessions_vary_more_from_call_to_call():
    """q = 1.6 against 0.3: about five times as much in normal scores, somewhat less in ranks, which are bounded."""
    sessions = SessionLevels(30, (0.0,) * 30, SPREADS, JITTERS)
    ranks = drawn_ranks(INSIDE, sessions, RankLaw(sessions, INSIDE))
    steps = np.sort(np.abs(np.diff(ranks, axis=1)).mean(axis=1))
    calm, restless = steps[: EPISODES // 2].mean(), steps[EPISODES // 2 :].mean()
    assert restless > 2.5 * calm


def test_no_jitter_is_a_jitter_of_one():
    ones = SessionLevels(30, LEVELS, SPREADS, (1.0,) * 30)
    plain = SessionLevels(30, LEVELS, SPREADS)
    dependence = Dependence(tool_share=0.3, level_share=0.2, level_memory=0.7)
    one, other = RankLaw(ones, dependence), RankLaw(plain, dependence)
    scores = np.linspace(-5, 5, 100).tolist()
    assert one.ranks(scores).tolist() == other.ranks(scores).tolist()


def test_own_jitters_keep_the_mean_variance():
    assert Dependence().own_jitters() == (1.0,)
    assert np.mean(np.square(INSIDE.own_jitters())) == pytest.approx(1.0)


def test_few_sessions_are_taken_for_normal_ones():
    assert RankLaw(NO_SESSIONS, INSIDE).rank(0.0) == pytest.approx(0.5, abs=1e-9)
