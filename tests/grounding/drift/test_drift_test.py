from dataclasses import replace

import numpy as np

from earthwire.grounding.drift.drift_test import drift_p_value, sessions_in_time
from tests.grounding.synthetic import make_calls


def test_sessions_are_put_in_the_order_of_their_first_calls():
    made = make_calls(sessions=3, calls_per_session=2)
    calls = replace(made, start_s=np.array([9.0, np.nan, 1.0, 7.0, 5.0, 2.0]))
    sessions = sessions_in_time(calls)
    assert sessions.start_s.tolist() == [1.0, 2.0, 9.0]
    assert sessions.position.tolist() == [2, 2, 0, 0, 1, 1]


def test_a_session_without_any_time_is_told():
    made = make_calls(sessions=2, calls_per_session=2)
    sessions = sessions_in_time(replace(made, start_s=np.array([1.0, 2.0, np.nan, np.nan])))
    assert not np.isfinite(sessions.start_s).all()


def test_one_tool_among_many_is_found_to_have_changed():
    made = make_calls(sessions=100, calls_per_session=40, tools=4)
    calls = replace(made, start_s=made.session.astype(float))
    scores = np.random.default_rng(2).standard_normal(len(calls))
    assert drift_p_value(calls, scores, sessions_in_time(calls))[0] > 0.05
    changed = scores + 1.0 * ((calls.tool == 2) & (calls.session >= 70))
    p_value, feature = drift_p_value(calls, changed, sessions_in_time(calls))
    assert (p_value, feature) == (0.001, "latency of GET api.example.com/t2")


def test_calls_without_latency_or_fault_show_nothing():
    made = make_calls(sessions=40, fault_rate=0.0)
    calls = replace(made, start_s=made.session.astype(float))
    assert drift_p_value(calls, np.full(len(calls), np.nan), sessions_in_time(calls)) == (1.0, "nothing")
