import pytest

from earthwire.grounding.stress import arm_finding, arms_of, gaps
from tests.grounding.stress.results import result

ARMS = arms_of(("transition", "reward"), (1.0,))
CLEAN, TRANSITION, REWARD, ALL = ARMS


def test_an_arm_adds_its_runs_up() -> None:
    runs = [
        result(0, True, True, attempts=4, spent=0.5, injected={"timeout": 1}),
        result(
            1, True, False, attempts=8, spent=1.0, refused=2, injected={"timeout": 2}, changes={"typos": 3}
        ),
    ]
    finding = arm_finding(TRANSITION, runs)
    assert finding.success.value == 0.75
    assert finding.attempts.attempts == 12
    assert finding.attempts_per_success == 4.0
    assert finding.cost_per_success == 0.5
    assert finding.reward == 1.5
    assert (finding.refused, finding.injected, finding.changes) == (2, {"timeout": 3}, {"typos": 3})
    assert finding.pass_all == {1: 0.75, 2: 0.5}


def test_without_a_success_there_is_no_price_of_one() -> None:
    finding = arm_finding(ALL, [result(0, False, spent=1.0)])
    assert (finding.attempts_per_success, finding.cost_per_success) == (None, None)


def test_gaps_are_clean_less_perturbed_with_their_share() -> None:
    runs = {
        CLEAN.name: [result(seed, True) for seed in range(4)],
        TRANSITION.name: [result(seed, seed > 0) for seed in range(4)],
        REWARD.name: [result(seed, True, charged=0.25) for seed in range(4)],
        ALL.name: [result(seed, seed > 1, charged=0.25) for seed in range(4)],
    }
    found = {gap.arm: gap for gap in gaps(ARMS, runs)}
    assert {name: gap.success.value for name, gap in found.items()} == {
        "transition": 0.25,
        "reward": 0.0,
        "all": 0.5,
    }
    assert {name: gap.share for name, gap in found.items()} == {"transition": 0.5, "reward": 0.0, "all": 1.0}
    assert found["reward"].reward.value == pytest.approx(0.25)
    assert found["all"].reward.value == pytest.approx(0.75)


def test_of_no_gap_there_are_no_shares() -> None:
    runs = {arm.name: [result(seed, True) for seed in range(4)] for arm in ARMS}
    assert {gap.share for gap in gaps(ARMS, runs)} == {None}
