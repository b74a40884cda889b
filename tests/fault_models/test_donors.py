import numpy as np
import pytest

from earthwire.fault_models.donors import (
    RANK_STEPS,
    DonorPool,
    DonorRanks,
    DonorRanksInTurn,
    join,
    places_by_level,
)

PLACES = places_by_level((-1.0, 0.0, 1.0, 2.0, 3.0, 4.0))
RANKS = DonorRanks((0, 2, 3, 4, 5), (2, 1, 1, 1, 1), (10, 20, 30, 40, 50, 60))
CALL = (0.5,) * 8


def ranks_of(pool: DonorPool, donor: int, count: int, u: float = 0.5) -> list[int]:
    source = DonorRanksInTurn(pool, donor, tool_u=u)
    return [int(source.next_rank(i, (u,) * 8) * RANK_STEPS) for i in range(count)]


def test_a_donor_lends_its_ranks_in_order():
    assert ranks_of(DonorPool(RANKS, PLACES), donor=0, count=2) == [10, 20]


def test_a_donor_that_never_used_the_tool_is_stood_in_for_by_one_near_in_level():
    near_one = {
        ranks_of(DonorPool(RANKS, PLACES), donor=1, count=1, u=u)[0] for u in np.linspace(0.01, 0.99, 50)
    }
    assert near_one == {10, 30, 40, 50}


def test_used_up_calls_are_followed_by_those_of_a_session_near_the_donor():
    after = {
        ranks_of(DonorPool(RANKS, PLACES), donor=5, count=2, u=u)[1] for u in np.linspace(0.01, 0.99, 50)
    }
    assert after == {30, 40, 50, 60}


def test_a_tool_that_only_slow_sessions_use_has_the_levels_of_those_and_in_full():
    """Eight of 100 sessions used it, all among the slowest; the ranks tell which one lent."""
    pool = DonorPool(
        DonorRanks(tuple(range(92, 100)), (1,) * 8, tuple(range(8))), places_by_level(range(100))
    )
    lent = [ranks_of(pool, donor, count=1, u=u)[0] for donor in range(100) for u in (0.1, 0.4, 0.6, 0.9)]
    # Each of eight would have 50 of 400; the two at either end stand in for those beyond, and are neighbours of fewer.
    assert set(lent) == set(range(8))
    assert all(20 <= lent.count(rank) <= 80 for rank in range(8))


def test_places_rise_with_the_level_whatever_the_order():
    assert places_by_level((3.0, -1.0, 0.5, -1.0)) == [0.875, 0.125, 0.625, 0.375]
    assert places_by_level(()) == []


def test_ranks_lie_inside_the_open_interval():
    extremes = DonorPool(DonorRanks((0,), (2,), (0, RANK_STEPS - 1)), PLACES)
    source = DonorRanksInTurn(extremes, 0, 0.5)
    assert 0.0 < source.next_rank(0, CALL) < source.next_rank(1, CALL) < 1.0


def test_ranks_of_several_tools_join_by_session():
    other = DonorRanks((1, 2), (1, 2), (7, 8, 9))
    assert join([RANKS, other]) == DonorRanks(
        (0, 1, 2, 3, 4, 5), (2, 1, 3, 1, 1, 1), (10, 20, 7, 30, 8, 9, 40, 50, 60)
    )


@pytest.mark.parametrize("u", [1e-12, 1 - 1e-12])
def test_extreme_uniforms_choose_a_session(u: float):
    assert ranks_of(DonorPool(RANKS, PLACES), donor=1, count=1, u=u)
