"""How earlier calls move a score, and that the marginal stays as recorded."""

import msgspec
import numpy as np
import pytest

from earthwire.fault_models import (
    Call,
    CompactRanks,
    Dependence,
    LatencyTable,
    OutcomeCounts,
    Profile,
    RankLaw,
    SequenceLaw,
    SequenceScores,
    SessionLevels,
    Simulation,
    ToolLaws,
)
from earthwire.fault_models.laws.latency import LEVELS
from earthwire.fault_models.uniforms import UniformStream

COLD = SequenceLaw((1.5, -0.1, -0.2), (0.5, 0.9, 0.8), (0.25, 0.35, 0.4), 0.8, 1.5, 0.2)
TABLE = LatencyTable(100, tuple(0.01 * 1.1**i for i in range(len(LEVELS))))
LEVELS_OF_TWO = SessionLevels(40, (-0.7,) * 16 + (0.7,) * 16, (0.6,) * 32)
CALLS = 12


def test_nodes_are_hit_and_between_them_it_is_a_line_in_the_logarithm() -> None:
    scores = SequenceScores(SequenceLaw((0.0, 1.0, 3.0), (1.0, 2.0, 1.0), (0.5, 0.25, 0.25)))
    assert [scores.moved(0.0, index, False) for index in (0, 1, 3, 4, 500)] == [0.0, 1.0, 3.0, 3.0, 3.0]
    # 2 earlier calls: log2(3) = 1.585, and so 0.585 of the way from 1 to 3, and from 2 to 1.
    assert scores.moved(0.0, 2, False) == pytest.approx(1.0 + 0.585 * 2.0, abs=1e-3)
    assert scores.moved(1.0, 2, False) - scores.moved(0.0, 2, False) == pytest.approx(2.0 - 0.585, abs=1e-3)


def test_a_fault_before_moves_and_spreads() -> None:
    scores = SequenceScores(COLD)
    assert scores.heeds_faults
    assert scores.moved(1.0, 0, True) == pytest.approx(1.5 + 0.8 + 0.5 * 1.5 * 1.0)
    assert not SequenceScores(SequenceLaw()).heeds_faults


def drawn_ranks(law: SequenceLaw | None, episodes: int = 3000) -> np.ndarray:
    """Ranks of calls of which as many are cold, and come after a fault, as the law says, shape (episodes, calls)."""
    dependence = Dependence(tool_share=0.2, level_share=0.3, level_memory=0.5)
    rank_law = RankLaw(LEVELS_OF_TWO, dependence, law)
    ranks = np.empty((episodes, CALLS))
    for episode in range(episodes):
        stream = UniformStream(3, "call", str(episode))
        of_episode = UniformStream(3, "episode", str(episode)).at(0)
        source = CompactRanks(dependence, LEVELS_OF_TWO, rank_law, *of_episode[:3])
        # Three in twelve at index 0, and so on: what the shares of the law say.
        source_indexes = [0] * 3 + [1] * 4 + [3] * 5
        faults = UniformStream(3, "fault", str(episode))
        for k, index in enumerate(source_indexes):
            kind = "timeout" if faults.at(k)[0] < 0.2 else "ok"
            ranks[episode, k] = source.next_rank(index, stream.at(k), kind)
    return ranks


def test_ranks_over_all_calls_are_uniform_whatever_moves_them() -> None:
    law = msgspec.structs.replace(COLD, shares=(3 / 12, 4 / 12, 5 / 12))
    ranks = np.sort(drawn_ranks(law), axis=None)
    distance = np.abs(ranks - (np.arange(ranks.size) + 0.5) / ranks.size).max()
    assert distance < 0.02
    wrong = msgspec.structs.replace(law, shares=(0.0, 0.5, 0.5))
    ranks = np.sort(drawn_ranks(wrong, episodes=500), axis=None)
    assert np.abs(ranks - (np.arange(ranks.size) + 0.5) / ranks.size).max() > 0.05


def test_first_calls_are_slow_and_later_ones_are_not() -> None:
    ranks = drawn_ranks(msgspec.structs.replace(COLD, shares=(3 / 12, 4 / 12, 5 / 12)), episodes=500)
    assert ranks[:, :3].mean() > 0.75
    assert ranks[:, 3:].mean() < 0.45


def profile(law: SequenceLaw) -> Profile:
    laws = ToolLaws(
        calls=400,
        sessions=40,
        outcomes=OutcomeCounts({"start": {"ok": 40}, "ok": {"http_5xx:503": 60, "ok": 300}}),
        latency={"ok": TABLE, "http_5xx:503": TABLE},
        session_levels=LEVELS_OF_TWO,
        sequence=law,
    )
    return Profile({"t": laws}, laws, Dependence(0.1, 0.3, 0.6))


@pytest.mark.parametrize("law", [COLD, msgspec.structs.replace(COLD, fault_share=0.0)])
def test_draws_ahead_are_those_one_by_one(law: SequenceLaw) -> None:
    one_by_one, mixed = (Simulation(profile(law), 5) for _ in range(2))
    call = Call("e", "t")
    expected = [one_by_one.draw(call) for _ in range(400)]
    found = [mixed.draw(call) for _ in range(7)]
    following = mixed.ahead(call)
    assert following is not None
    found += [mixed.drawn_ahead(call, *next(following)) for _ in range(393)]
    assert found == expected


def test_a_law_that_moves_nothing_changes_nothing() -> None:
    dependence = Dependence()
    of_episode = UniformStream(1, "episode", "e").at(0)[:3]
    plain, moved = (
        CompactRanks(dependence, LEVELS_OF_TWO, RankLaw(LEVELS_OF_TWO, dependence, law), *of_episode)
        for law in (None, SequenceLaw())
    )
    stream = UniformStream(1, "call", "e", "t")
    for index in range(50):
        u = stream.at(index)
        assert plain.next_rank(index, u, "ok") == pytest.approx(moved.next_rank(index, u, "ok"), abs=1e-12)
