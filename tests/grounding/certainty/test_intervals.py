from dataclasses import replace

import msgspec
import numpy as np
import pytest

from earthwire.fault_models import Interval, profile_hash
from earthwire.grounding import calibrate
from earthwire.grounding.certainty.intervals import INTERVAL_CALLS_MAX, state_intervals
from tests.grounding.synthetic import calls_of, make_calls

TOOL = "GET api.example.com/t0"


def test_a_profile_states_intervals_around_what_its_laws_say():
    profile = calibrate(make_calls(), engine="compact")
    for name, laws in profile.tools.items():
        stated = profile.intervals.tools[name].stated
        total = laws.outcomes.total
        rate = stated["fault_rate"]
        assert rate.estimate == pytest.approx(total["http_5xx:503"] / laws.calls)
        for level in (0.5, 0.9):
            assert stated[f"latency_s of ok at p{100 * level:g}"].covers(laws.latency["ok"].quantile_s(level))
    dependence = profile.intervals.overall.stated["session_share"]
    assert dependence.covers(0.3**2 / (0.3**2 + 0.4**2))


def test_shares_have_the_intervals_of_the_estimates_that_the_profile_holds():
    """Also where calls were cut off by a limit or by agents: shares are fitted to these as well."""
    calls = make_calls()
    # A tool is slow or fast in a session as a whole: calls of one tool in one session share that.
    effect = np.random.default_rng(1).normal(0, 0.5, (calls.session.max() + 1, len(calls.tool_names)))
    latency_s = calls.latency_s * np.exp(effect[calls.session, calls.tool])
    is_cut = latency_s > np.quantile(latency_s, 0.9)
    kind = np.where(is_cut, len(calls.kind_names), calls.kind)
    kinds = (*calls.kind_names, "timeout")
    cut = replace(calls, latency_s=latency_s, kind=kind, kind_names=kinds, censored=is_cut)
    profile = calibrate(cut, engine="compact")
    share = profile.intervals.overall.stated["tool_share"]
    assert share.estimate == pytest.approx(profile.dependence.tool_share, abs=1e-4)


def test_what_has_no_interval_says_why():
    profile = calibrate(make_calls(), engine="compact")
    assert {"session_levels", "resolution_s", "payload"} <= set(profile.intervals.overall.not_stated)
    reason = profile.intervals.tools[TOOL].not_stated["latency_s of ok at p99"]
    assert "calls beyond this level" in reason


def test_a_tool_with_few_calls_is_not_stated():
    calls = make_calls()
    names = (*calls.tool_names, "GET rare.example.com/x")
    rare = np.where(np.arange(len(calls)) < 5, 4, calls.tool)
    profile = calibrate(replace(calls, tool=rare, tool_names=names), engine="compact")
    scope = profile.intervals.tools["GET rare.example.com/x"]
    assert scope.not_stated == {"every parameter": "5 calls: 20 are needed"}
    assert not scope.stated


def test_rates_of_a_source_without_outcomes_are_not_invented():
    calls = make_calls(fault_rate=0.0)
    unknown = replace(calls, kind_names=("unknown",))
    profile = calibrate(unknown, engine="compact")
    assert not [name for name in profile.intervals.tools[TOOL].stated if "rate" in name]


def test_one_tool_a_session_cannot_tell_what_sessions_share():
    calls = make_calls(tools=1)
    reason = calibrate(calls, engine="compact").intervals.overall.not_stated["session_share"]
    assert "one tool each" in reason


def test_intervals_need_not_be_asked_for_and_do_not_change_the_laws():
    calls = make_calls()
    with_them, without = (calibrate(calls, engine="compact", has_intervals=has) for has in (True, False))
    assert without.intervals is None
    assert profile_hash(with_them) == profile_hash(without)
    assert msgspec.structs.replace(with_them, intervals=None) == without


def test_large_recordings_are_thinned_by_whole_sessions(monkeypatch):
    monkeypatch.setattr("earthwire.grounding.certainty.intervals.INTERVAL_CALLS_MAX", 1_000)
    calls = make_calls()
    intervals = state_intervals(calls, calibrate(calls, engine="compact", has_intervals=False))
    assert intervals.calls == 1_000 < len(calls) < INTERVAL_CALLS_MAX
    assert intervals.overall.stated["fault_rate"].cluster_count <= 25


def test_calls_that_agents_cancelled_say_nothing_of_tools():
    n = 400
    kinds = ["cancelled" if i % 4 == 0 else "ok" for i in range(n)]
    calls = calls_of(["GET a"] * n, [f"s{i // 20:02d}" for i in range(n)], kinds, np.full(n, 0.1))
    intervals = calibrate(calls, engine="compact").intervals
    assert intervals.calls == 300
    assert intervals.tools["GET a"].stated["fault_rate"].estimate == 0.0


def test_an_interval_covers_what_lies_inside():
    interval = Interval(0.5, 0.4, 0.6, 10)
    assert [interval.covers(value) for value in (0.39, 0.4, 0.6, 0.61)] == [False, True, True, False]
