from statistics import NormalDist

import numpy as np
import pytest

from earthwire.fault_models.laws.donors import (
    RANK_STEPS,
    DonorPool,
    DonorRanks,
    DonorRanksInTurn,
    DonorSessions,
    join,
)

LEVELS = (-1.0, 0.0, 1.0, 2.0, 3.0, 4.0)
SAME_LEVELS = DonorSessions((0.0,) * 6)
RANKS = DonorRanks((0, 2, 3, 4, 5), (2, 1, 1, 1, 1), (10, 20, 30, 40, 50, 60))
CALL = (0.5,) * 8
SCORE = NormalDist().inv_cdf


def ranks_of(pool: DonorPool, donor: int, count: int) -> list[int]:
    source = DonorRanksInTurn(pool, donor)
    return [int(source.next_rank(i, CALL, "ok") * RANK_STEPS + 1e-6) for i in range(count)]


def test_a_donor_lends_its_ranks_in_order():
    assert ranks_of(DonorPool(RANKS, DonorSessions(LEVELS)), donor=0, count=2) == [10, 20]


def test_calls_beyond_the_donors_own_are_those_of_a_session_with_as_many():
    ranks = DonorRanks((0, 1, 2, 3), (1, 3, 1, 4), (10, 20, 21, 22, 30, 40, 41, 42, 43))
    for donor in (0, 2):
        first, *others = ranks_of(DonorPool(ranks, SAME_LEVELS), donor, count=4)
        assert first == {0: 10, 2: 30}[donor]
        assert others in ([21, 22, 43], [41, 42, 43])


def test_where_no_session_has_as_many_calls_others_go_on_from_their_middle():
    """Not from their start: the first calls of a session are like no later ones."""
    ranks = DonorRanks((0, 1), (1, 4), (10, 20, 21, 22, 23))
    assert ranks_of(DonorPool(ranks, SAME_LEVELS), donor=0, count=9) == [10, 21, 22, 23, 10, 22, 23, 10, 22]


def test_restless_sessions_stand_in_for_restless_ones():
    spreads = tuple(2.0 if session % 4 == 0 else 0.5 for session in range(100))
    lenders = tuple(range(0, 100, 3))
    ranks = DonorRanks(lenders, (1,) * len(lenders), lenders)
    pool = DonorPool(ranks, DonorSessions((0.0,) * 100, spreads))
    alike = [spreads[ranks_of(pool, donor, 1)[0]] == spreads[donor] for donor in range(100)]
    shuffled = DonorPool(ranks, DonorSessions((0.0,) * 100))
    by_chance = [spreads[ranks_of(shuffled, donor, 1)[0]] == spreads[donor] for donor in range(100)]
    # The last of a kind in the order has a stand-in of the next kind.
    assert sum(alike) >= 90 > 85 > sum(by_chance)


def test_tools_that_were_recorded_together_have_the_same_stand_in():
    sessions = DonorSessions((0.0,) * 100)
    one, other = (
        DonorPool(DonorRanks(tuple(range(40)), (1,) * 40, tuple(range(40))), sessions) for _ in "ab"
    )
    for donor in range(40, 100):
        assert ranks_of(one, donor, 1) == ranks_of(other, donor, 1)


def test_stand_ins_are_many_even_where_they_were_recorded_in_a_row():
    pool = DonorPool(DonorRanks(tuple(range(40)), (1,) * 40, tuple(range(40))), DonorSessions((0.0,) * 400))
    assert len({ranks_of(pool, donor, 1)[0] for donor in range(40, 400)}) > 30


def test_a_stand_in_is_moved_to_the_level_of_the_episode():
    levels = (-1.5, -0.5, 0.5, 1.5)
    pool = DonorPool(DonorRanks((1, 2), (1, 1), (20_000, 20_000)), DonorSessions(levels))
    source = DonorRanksInTurn(pool, 3)
    lender = pool.next_lender(3)
    assert lender is not None
    # The last of four stands, among those that did not use the tool, where session 2 stands among those that did.
    moved = SCORE(source.next_rank(0, CALL, "ok")) - SCORE(20_000.5 / RANK_STEPS)
    assert moved == pytest.approx(levels[2] - levels[lender], abs=1e-9)


def test_a_tool_that_only_slow_sessions_use_has_the_levels_of_those_and_in_full():
    """Eight of 100 sessions used it, all among the slowest: over all donors each of their levels comes as often."""
    pool = DonorPool(
        DonorRanks(tuple(range(92, 100)), (1,) * 8, tuple(range(8))), DonorSessions(tuple(range(100)))
    )
    levels = [pool.level(donor) for donor in range(100)]
    # 92 donors that never used it stand in eight parts of 11 or 12; each of the others has its own.
    assert set(levels) == set(range(92, 100))
    assert all(12 <= levels.count(level) <= 13 for level in range(92, 100))


def test_levels_rise_with_the_level_of_the_donor():
    rng = np.random.default_rng(3)
    sessions = DonorSessions(tuple(rng.normal(size=60).tolist()))
    used = tuple(sorted(rng.choice(60, 20, replace=False).tolist()))
    pool = DonorPool(DonorRanks(used, (1,) * 20, (5,) * 20), sessions)
    others = sorted(set(range(60)) - set(used), key=sessions.levels.__getitem__)
    levels = [pool.level(donor) for donor in others]
    assert levels == sorted(levels)


def test_standings_rise_with_the_level_whatever_the_order():
    assert DonorSessions((3.0, -1.0, 0.5, -1.0)).standings == [3, 0, 2, 1]
    assert DonorSessions(()).standings == []


def test_ranks_lie_inside_the_open_interval():
    extremes = DonorPool(DonorRanks((0,), (2,), (0, RANK_STEPS - 1)), SAME_LEVELS)
    source = DonorRanksInTurn(extremes, 0)
    assert 0.0 < source.next_rank(0, CALL, "ok") < source.next_rank(1, CALL, "ok") < 1.0


def test_ranks_that_are_moved_far_lie_inside_the_open_interval():
    pool = DonorPool(DonorRanks((0, 1), (1, 2), (0, 5, RANK_STEPS - 1)), DonorSessions((9.0, -9.0)))
    up = DonorRanksInTurn(pool, 0)
    assert [0.0 < up.next_rank(i, CALL, "ok") < 1.0 for i in range(2)] == [True, True]


def test_ranks_of_several_tools_join_by_session():
    other = DonorRanks((1, 2), (1, 2), (7, 8, 9))
    assert join([RANKS, other]) == DonorRanks(
        (0, 1, 2, 3, 4, 5), (2, 1, 3, 1, 1, 1), (10, 20, 7, 30, 8, 9, 40, 50, 60)
    )
