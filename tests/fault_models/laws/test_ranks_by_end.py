"""Faults of slow sessions are as slow among faults as recorded ones are: ranks are uniform by how calls end."""

import numpy as np
import pytest

from earthwire.fault_models.laws.compact_ranks import CompactRanks
from earthwire.fault_models.laws.dependence import Dependence, RankLaw, SessionLevels
from earthwire.fault_models.laws.donors import DonorPool, DonorRanks, DonorRanksInTurn, DonorSessions
from earthwire.fault_models.laws.failing_sessions import FailingSessions
from earthwire.fault_models.laws.ranks_by_end import RankLawsByEnd, rank_laws_by_end
from earthwire.fault_models.laws.sequence import SequenceLaw
from earthwire.fault_models.uniforms import Purpose, UniformStream

LEVELS = SessionLevels(32, (-0.5,) * 24 + (1.5,) * 8, (0.5,) * 32)
SLOW_FAIL = FailingSessions(32, 8, (0.0, 0.0, 0.0, 0.9))
USUAL, FAILING = 0.05, 0.6
SEQUENCE = SequenceLaw((0.8, -0.2), (1.0, 1.0), (0.125, 0.875))


def ranks_by_end(
    by_end: RankLawsByEnd | None, sequence: SequenceLaw | None = None
) -> tuple[list[float], list[float]]:
    """Ranks of faults, and of other calls, of episodes in which slow sessions fail."""
    rank_law = RankLaw(LEVELS, Dependence(), sequence)
    faults: list[float] = []
    others: list[float] = []
    for episode in range(3_000):
        u = UniformStream(3, "episode", str(episode)).at(0)
        chance = FAILING if u[Purpose.SPARE] < SLOW_FAIL.share_at(u[Purpose.LEVEL]) else USUAL
        source = CompactRanks(Dependence(), LEVELS, rank_law, u[Purpose.LEVEL], 0.5, 0.5, by_end)
        stream = UniformStream(3, "call", str(episode))
        for i in range(8):
            fails = stream.at(i)[Purpose.OUTCOME] < chance
            rank = source.next_rank(i, stream.at(i), "timeout" if fails else "ok")
            (faults if fails else others).append(rank)
    return faults, others


def off_uniform(ranks: list[float]) -> float:
    return float(np.abs(np.sort(ranks) - (np.arange(len(ranks)) + 0.5) / len(ranks)).max())


@pytest.mark.parametrize("sequence", [None, SEQUENCE])
def test_ranks_are_uniform_among_calls_that_end_alike(sequence: SequenceLaw | None):
    by_end = rank_laws_by_end(SLOW_FAIL, (USUAL, FAILING), LEVELS, Dependence(), sequence)
    faults, others = ranks_by_end(by_end, sequence)
    assert off_uniform(faults) < 0.05
    assert off_uniform(others) < 0.04
    assert off_uniform(ranks_by_end(None, sequence)[0]) > 0.4


@pytest.mark.parametrize("kind", ["ok", "timeout"])
@pytest.mark.parametrize(
    ("law", "shares"),
    [
        (FailingSessions(32, 8, (0.25,)), (USUAL, FAILING)),
        (SLOW_FAIL, (0.0, 0.0)),
        (SLOW_FAIL, (1.0, 1.0)),
    ],
)
def test_nothing_moves_where_all_sessions_fail_alike(
    law: FailingSessions, shares: tuple[float, float], kind: str
):
    by_end = rank_laws_by_end(law, shares, LEVELS, Dependence())
    assert by_end.of(kind).rank(0.7) == pytest.approx(RankLaw(LEVELS, Dependence()).rank(0.7))


def test_replayed_ranks_are_taken_among_those_that_end_alike():
    levels = tuple(i / 10 - 2.0 for i in range(40))
    ranks = DonorRanks(tuple(range(40)), (2,) * 40, tuple(1_000 * (i // 2) + 10_000 for i in range(80)))
    sessions = DonorSessions(levels, (0.5,) * 40)
    by_end = rank_laws_by_end(SLOW_FAIL, (USUAL, FAILING), sessions.typical(), Dependence())
    pool = DonorPool(ranks, sessions)
    plain, of_faults = DonorRanksInTurn(pool, 35), DonorRanksInTurn(pool, 35, by_end)
    u = (0.5,) * 8
    assert of_faults.next_rank(0, u, "timeout") < plain.next_rank(0, u, "timeout") - 0.1


def test_typical_donors_are_evenly_spaced_by_level():
    sessions = DonorSessions(tuple((i * 37 % 100) / 100 for i in range(100)), (0.5,) * 100)
    typical = sessions.typical()
    assert (len(typical.levels), typical.session_count) == (32, 100)
    assert np.diff(typical.levels) == pytest.approx(1 / 32, abs=0.01)
    assert typical.spreads == (0.5,) * 32
