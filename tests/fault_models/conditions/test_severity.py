import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthwire.fault_models import (
    LEVELS,
    SEVERITY_MAX,
    START,
    Call,
    Dependence,
    LatencyTable,
    OutcomeCounts,
    Profile,
    SessionLevels,
    Simulation,
    ToolLaws,
    overlay_count,
)
from earthwire.fault_models.laws.rate_limit import RateLimit
from earthwire.fault_models.laws.regime import RunHistory
from earthwire.traces.labels.outcome_kind import is_fault

FAST = LatencyTable(500, tuple(0.01 + 0.02 * level for level in LEVELS))
SLOW = LatencyTable(500, tuple(float(0.05 - np.log(1 - level)) for level in LEVELS))
STICKY = OutcomeCounts(
    {
        START: {"ok": 80, "http_4xx:404": 10, "http_5xx:503": 10},
        "ok": {"ok": 850, "http_4xx:404": 10, "http_5xx:503": 40},
        "http_5xx:503": {"http_5xx:503": 60, "ok": 40},
        "http_4xx:404": {"http_4xx:404": 1, "ok": 99},
    }
)
LAWS = ToolLaws(
    1_200,
    40,
    STICKY,
    {"ok": SLOW, "http_4xx:404": FAST, "http_5xx:503": SLOW},
    session_levels=SessionLevels(40, (-0.8, 0.0, 0.8), (0.6, 0.8, 1.0)),
    resolution_s=0.001,
)
CLEAN = msgspec.structs.replace(LAWS, outcomes=OutcomeCounts({START: {"ok": 9}, "ok": {"ok": 500}}))
PROFILE = Profile(
    {
        "plain": LAWS,
        "bursts": msgspec.structs.replace(LAWS, regime=RunHistory((40, 6, 90, 2, 200, 12))),
        "limited": msgspec.structs.replace(LAWS, rate_limit=RateLimit(quota=8, window_calls=20)),
        "clean": CLEAN,
    },
    LAWS,
    Dependence(tool_share=0.1, level_share=0.3, level_memory=0.8),
)
TOOLS = sorted(PROFILE.tools)


def plans(severity: float | None, seed: int, tool: str, calls: int = 40, episodes: int = 1):
    simulation = (
        Simulation(PROFILE, seed) if severity is None else Simulation(PROFILE, seed, severity=severity)
    )
    return [simulation.draw(Call(f"e{i}", tool)).plan for i in range(episodes) for _ in range(calls)]


@given(st.floats(0, SEVERITY_MAX), st.floats(0, SEVERITY_MAX), st.integers(0, 10_000), st.sampled_from(TOOLS))
def test_no_call_gets_faster_and_no_fault_goes_away_as_severity_rises(
    a: float, b: float, seed: int, tool: str
):
    for mild, harsh in zip(plans(min(a, b), seed, tool), plans(max(a, b), seed, tool), strict=True):
        assert mild.last_byte_s <= harsh.last_byte_s * (1 + 1e-12)
        assert is_fault(mild.outcome) <= is_fault(harsh.outcome)
        if is_fault(mild.outcome):
            assert mild.outcome == harsh.outcome


@pytest.mark.parametrize("tool", TOOLS)
def test_severity_one_is_as_recorded_bit_for_bit(tool: str):
    assert plans(1.0, 3, tool, 200) == plans(None, 3, tool, 200)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_severity_next_to_one_is_next_to_as_recorded(tool: str):
    """So severity 1 is no special case: the path without severity is the limit of that with it."""
    near = plans(1.0 + 1e-9, 3, tool, 200)
    assert [plan.outcome for plan in near] == [plan.outcome for plan in plans(None, 3, tool, 200)]


@pytest.mark.parametrize("tool", TOOLS)
def test_severity_zero_is_clean_and_as_fast_as_can_be(tool: str):
    assert {plan.outcome for plan in plans(0.0, 3, tool, 400)} == {"ok"}
    fastest_s = {round(plan.last_byte_s, 6) for plan in plans(0.0, 3, tool, 400)}
    assert fastest_s <= {0.051, 0.010}


@pytest.mark.parametrize("severity", [0.3, 2.0, 5.0])
@pytest.mark.parametrize("tool", ["plain", "bursts"])
def test_fault_rates_follow_the_formula(severity: float, tool: str):
    """π(s) = s F / (1 - F + s F) with F as drawn at severity 1; 400 episodes of 60 calls, bursts of 10: s.e. ≤ .01."""
    recorded = np.mean([is_fault(plan.outcome) for plan in plans(None, 5, tool, 60, 400)])
    drawn = np.mean([is_fault(plan.outcome) for plan in plans(severity, 5, tool, 60, 400)])
    assert drawn == pytest.approx(severity * recorded / (1 - recorded + severity * recorded), abs=0.03)


def test_added_faults_keep_their_proportions():
    kinds = [plan.outcome for plan in plans(4.0, 7, "plain", 60, 400)]
    before = [plan.outcome for plan in plans(None, 7, "plain", 60, 400)]
    for run in (kinds, before):
        run[:] = [kind for kind in run if is_fault(kind)]
    share, share_before = (np.mean([kind == "http_5xx:503" for kind in run]) for run in (kinds, before))
    assert share == pytest.approx(share_before, abs=0.05)


def mean_run(flags: np.ndarray) -> float:
    begins = flags & ~np.concatenate(([False], flags[:-1]))
    return flags.sum() / begins.sum()


def test_added_faults_come_in_runs():
    """Independent faults at this rate would come in runs of 1/(1 - π) ≈ 1.2; recorded runs are some 7 long."""
    flags = np.array([is_fault(plan.outcome) for plan in plans(3.0, 2, "bursts", 20_000)])
    assert mean_run(flags) > 4.0


def test_a_refusal_that_was_taken_away_promises_no_wait():
    for plan in plans(0.5, 1, "limited", 200):
        headers = [name for step in plan.steps for name, _ in getattr(step, "headers", ())]
        assert ("retry-after" in headers) == (plan.outcome == "http_4xx:429")


@pytest.mark.parametrize("fault_share", [0.001, 0.1, 0.6])
def test_the_number_of_histories_is_bounded(fault_share: float):
    assert overlay_count(1.0, fault_share) == 0
    assert overlay_count(SEVERITY_MAX, fault_share) <= SEVERITY_MAX - 1


@pytest.mark.parametrize("severity", [-0.1, SEVERITY_MAX + 1, float("nan")])
def test_a_severity_out_of_range_is_refused(severity: float):
    with pytest.raises(ValueError, match="severity is"):
        Simulation(PROFILE, 1, severity=severity)
