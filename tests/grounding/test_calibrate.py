import numpy as np
import pytest

from earthwire.fault_models import START
from earthwire.grounding import calibrate
from tests.grounding.synthetic import calls_of, make_calls


def test_calls_of_a_tool_are_all_accounted_for():
    calls = make_calls()
    profile = calibrate(calls)
    assert sum(laws.calls for laws in profile.tools.values()) == len(calls)
    for laws in profile.tools.values():
        assert sum(laws.outcomes.total.values()) == laws.calls
        assert sum(table.count for table in laws.latency.values()) == laws.calls
    assert profile.overall.calls == len(calls)


def test_the_same_calls_in_another_order_of_sessions_give_the_same_laws():
    calls = make_calls(sessions=20)
    names = [calls.session_names[i] for i in calls.session]
    order = np.argsort([hash_of(name) for name in names], kind="stable")
    shuffled = calls_of(
        [calls.tool_names[i] for i in calls.tool[order]],
        [names[i] for i in order],
        [calls.kind_names[i] for i in calls.kind[order]],
        calls.latency_s[order],
    )
    assert calibrate(shuffled) == calibrate(calls)


def hash_of(name: str) -> int:
    return sum(map(ord, name[::-1])) * 7919 % 104729


def test_recorded_clock_step_is_found():
    calls = make_calls(sessions=30)
    step_s = 0.001
    rounded = calls_of(
        [calls.tool_names[i] for i in calls.tool],
        [calls.session_names[i] for i in calls.session],
        ["ok"] * len(calls),
        np.maximum(np.round(calls.latency_s / step_s), 1) * step_s,
    )
    assert {laws.resolution_s for laws in calibrate(rounded).tools.values()} == {step_s}
    assert {laws.resolution_s for laws in calibrate(calls).tools.values()} == {0.0}


def test_calls_without_latency_give_outcomes_and_no_latency_law():
    calls = calls_of(["a"] * 4, ["s"] * 4, ["ok", "timeout", "ok", "ok"], np.full(4, np.nan))
    laws = calibrate(calls).tools["a"]
    assert laws.latency == {}
    assert laws.outcomes.after == {START: {"ok": 1}, "ok": {"timeout": 1, "ok": 1}, "timeout": {"ok": 1}}


def test_a_single_call_is_enough_for_a_profile_that_leans_on_nothing():
    laws = calibrate(calls_of(["a"], ["s"], ["ok"], np.array([0.1]))).tools["a"]
    assert laws.calls == laws.sessions == 1
    assert laws.session_levels is None


def test_no_calls_are_an_error():
    calls = make_calls(sessions=1)
    with pytest.raises(ValueError, match="no calls"):
        calibrate(calls.select(np.zeros(len(calls), dtype=bool)))
