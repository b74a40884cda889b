import pytest

from earthwire.fault_models.conditions.exposure import Exposure
from earthwire.grounding.stress import (
    Arm,
    ArmFinding,
    StressWord,
    arm_finding,
    arms_of,
    stress_verdict,
    untested_channels,
)
from tests.grounding.stress.results import result

CLEAN, OBSERVATION, ACTION, TRANSITION, REWARD, ALL = arms_of(
    ("observation", "action", "transition", "reward"), (1.0,)
)


def finding(arm: Arm, good: int, count: int) -> ArmFinding:
    return arm_finding(arm, [result(seed, seed < good) for seed in range(count)])


@pytest.mark.parametrize(
    ("good", "count", "word"),
    [(40, 40, "PASS"), (5, 40, "FAIL"), (33, 40, "INCONCLUSIVE"), (4, 4, "INCONCLUSIVE")],
)
def test_only_what_is_sure_passes_or_fails(good: int, count: int, word: StressWord) -> None:
    verdict = stress_verdict(0.8, finding(CLEAN, count, count), finding(ALL, good, count), [])
    assert (verdict.word, verdict.arm) == (word, "all")
    assert verdict.reasons


def test_an_agent_that_fails_when_clean_is_told_so() -> None:
    verdict = stress_verdict(0.8, finding(CLEAN, 0, 40), finding(ALL, 0, 40), [])
    assert verdict.word == "FAIL"
    assert "so it is when clean" in verdict.reasons[-1]


def test_what_tested_nothing_is_invalid_however_well_it_went() -> None:
    verdict = stress_verdict(0.8, finding(CLEAN, 40, 40), finding(ALL, 40, 40), ["nothing came"])
    assert (verdict.word, verdict.reasons) == ("INVALID", ("nothing came",))


def test_a_channel_that_changed_nothing_tested_nothing() -> None:
    idle = [result(0, True, exposure=Exposure(observation=1.0))]
    assert list(untested_channels(OBSERVATION, idle, False)) == [
        "observation: observation is on and never changed anything"
    ]
    busy = [result(0, True, changes={"typos": 1})]
    assert list(untested_channels(OBSERVATION, busy, False)) == []


def test_decoys_and_shields_are_the_action_channel() -> None:
    decoys = [result(0, True, changes={"decoys_listed": 1})]
    assert list(untested_channels(ACTION, decoys, False)) == []
    assert len(list(untested_channels(OBSERVATION, decoys, False))) == 1
    assert len(list(untested_channels(ACTION, [result(0, True)], False))) == 1
    assert list(untested_channels(ACTION, [result(0, True)], True)) == [], "a shield may have nothing to say"


def test_a_charge_or_a_refusal_is_the_reward_channel() -> None:
    assert list(untested_channels(REWARD, [result(0, True, charged=0.1)], False)) == []
    assert list(untested_channels(REWARD, [result(0, True, refused=1)], False)) == []
    assert len(list(untested_channels(REWARD, [result(0, True)], False))) == 1


def test_tools_that_are_merely_slow_are_a_test() -> None:
    assert list(untested_channels(TRANSITION, [result(0, True)], False)) == []


def test_an_agent_without_calls_tested_nothing() -> None:
    [reason] = untested_channels(CLEAN, [result(0, True, attempts=0)], False)
    assert "no call came through the proxy" in reason


def test_a_declared_fault_that_never_fired_tested_nothing() -> None:
    runs = [result(seed, True, declared={"timeout": 0, "http_5xx:503": seed}) for seed in range(2)]
    assert list(untested_channels(TRANSITION, runs, False)) == [
        "transition: timeout is declared and was never injected"
    ]
    assert list(untested_channels(CLEAN, runs, False)) == []
