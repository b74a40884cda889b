from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from earthwire.grounding import calibrate
from earthwire.grounding.drift.drift_test import LEVEL
from earthwire.grounding.drift.recency import SESSIONS_MIN, TOOL_SESSIONS_MIN, measure_drift, recent
from earthwire.traces.columns.calls import Calls
from tests.grounding.synthetic import make_calls

SPAN_S = 100 * 86_400.0
TOOL = "GET api.example.com/t0"


def recorded(seed: int, sessions: int = 80, calls: int = 30, fault_rate: float = 0.1) -> Calls:
    """Sessions that begin at random times within a hundred days, of tools that do not change."""
    made = make_calls(sessions=sessions, calls_per_session=calls, seed=seed, fault_rate=fault_rate)
    start_s = np.random.default_rng((seed, 1)).uniform(0, SPAN_S, sessions)
    return replace(made, start_s=1.7e9 + start_s[made.session] + 0.1 * np.arange(len(made)))


def slower_later(calls: Calls, factor: float, share: float = 0.6) -> Calls:
    """The same calls, slower by a factor after a share of the time."""
    later = calls.start_s > 1.7e9 + share * SPAN_S
    return replace(calls, latency_s=np.where(later, factor * calls.latency_s, calls.latency_s))


def test_what_does_not_change_gives_no_more_false_alarms_than_stated():
    """60 recordings: P(Binomial(60, 0.05) > 9) < 0.001. None of them is weighted: P(Binomial(60, 0.05) > 3) = 0.35,
    but an alarm alone does not weight, held-out sessions must be predicted better as well."""
    found = [measure_drift(recorded(seed)) for seed in range(60)]
    alarms = sum(drift.p_value <= LEVEL for drift in found)
    assert alarms <= 9
    assert stats.binom.sf(9, 60, LEVEL) < 0.001
    assert sum(drift.half_life_s is not None for drift in found) <= 3


@pytest.mark.parametrize("step_s", [0.02, 0.1, 10.0])
def test_coarse_clocks_are_no_drift(step_s):
    """Many latencies are equal: in the order of sessions the first of them would be the fastest."""
    p_values = []
    for seed in range(10):
        calls = recorded(seed)
        latency_s = np.maximum(np.round(calls.latency_s / step_s), 1.0) * step_s
        p_values.append(measure_drift(replace(calls, latency_s=latency_s)).p_value)
    assert sum(p <= LEVEL for p in p_values) <= 3


@pytest.mark.parametrize("seed", range(4))
def test_drift_is_found_and_the_newest_law_is_closer_with_weighting_than_without(seed):
    """Calls become slower by a factor of 2.5, after 60 days of 100.

    Over 24 seeds the error of log quartiles was 0.11 with weighting and 0.56 without, at worst 0.58 times as large.
    """
    before = recorded(seed)
    calls = slower_later(before, 2.5)
    weighted, unweighted = (calibrate(calls, engine="compact", weighs_age=weighs) for weighs in (True, False))
    truth = calibrate(slower_later(recorded(seed + 1_000, sessions=400), 2.5, share=0.0), engine="compact")
    assert weighted.drift is not None
    assert weighted.drift.p_value == pytest.approx(0.001)
    assert weighted.drift.half_life_s is not None
    assert weighted.drift.half_life_s < SPAN_S / 2

    def error(profile):
        """Mean absolute error of the log of the quartiles."""
        return np.mean(
            [
                abs(
                    np.log(
                        profile.tools[TOOL].latency["ok"].quantile_s(u)
                        / truth.tools[TOOL].latency["ok"].quantile_s(u)
                    )
                )
                for u in (0.25, 0.5, 0.75)
            ]
        )

    assert error(weighted) < 0.6 * error(unweighted)


def test_faults_that_begin_late_are_found():
    calls = recorded(3, fault_rate=0.02)
    later = (calls.start_s > 1.7e9 + 0.5 * SPAN_S) & (np.random.default_rng(0).random(len(calls)) < 0.3)
    drift = measure_drift(
        replace(calls, kind=np.where(later, calls.kind_names.index("http_5xx:503"), calls.kind))
    )
    assert drift.p_value <= LEVEL
    assert drift.feature.startswith("faults")
    rates = [window.fault_rate for window in drift.windows]
    assert rates[0].high < rates[-1].low


def test_without_drift_the_laws_are_what_they_are_without_weighting():
    calls = recorded(1)
    weighing, plain = (calibrate(calls, engine="compact", weighs_age=weighs) for weighs in (True, False))
    assert weighing.drift.half_life_s is None
    assert plain.drift is None
    assert (weighing.tools, weighing.overall, weighing.dependence) == (
        plain.tools,
        plain.overall,
        plain.dependence,
    )


def test_drift_says_what_the_laws_rest_on():
    calls = slower_later(recorded(2), 3.0)
    profile = calibrate(calls, engine="compact")
    drift = profile.drift
    assert drift.sessions == 80
    assert drift.kept_sessions == profile.overall.sessions < 80
    assert drift.kept_calls == profile.overall.calls <= 30 * drift.kept_sessions
    assert drift.kept_sessions <= drift.effective_sessions < 80
    assert drift.gain > drift.gain_low > 0
    assert "sessions are weighted by age" in drift.note


def test_sessions_are_kept_with_the_probability_of_their_weight():
    """Ages 0 … 999, half-life 100: kept in whole sessions, 1/(1 - 2^(-1/100)) = 144.8 of them, half of those younger
    than 100, a quarter between 100 and 200."""
    start_s = 1e6 + np.arange(1_000.0)
    made = make_calls(sessions=1_000, calls_per_session=2, tools=1)
    kept = recent(replace(made, start_s=start_s[made.session]), 100.0)
    age = 1e6 + 999 - start_s[np.unique(kept.session)]
    assert len(kept) == 2 * len(age)
    assert len(age) == pytest.approx(144.8 * (1 - 2.0**-10), abs=1.5)
    assert (age < 100).sum() == pytest.approx(72.4, abs=1.5)
    assert ((age >= 100) & (age < 200)).sum() == pytest.approx(36.2, abs=1.5)
    assert age.min() == 0


def test_a_tool_that_nobody_used_lately_is_not_lost():
    made = make_calls(sessions=400, calls_per_session=3, tools=1)
    start_s = 1e6 + np.arange(400.0)
    old = made.session < 50
    calls = replace(
        made, start_s=start_s[made.session], tool=np.where(old, 0, 1), tool_names=("GET old", "GET new")
    )
    kept = recent(calls, 10.0)
    sessions = np.unique(kept.session[kept.tool == 0])
    assert sessions.tolist() == list(range(50 - TOOL_SESSIONS_MIN, 50))


def test_what_keeps_a_rare_tool_does_not_keep_the_old_calls_of_others():
    """Fifty old sessions use both tools, 350 new ones the second alone."""
    made = make_calls(sessions=400, calls_per_session=4, tools=1)
    start_s = 1e6 + np.arange(400.0)
    rare = (made.session < 50) & (np.arange(len(made)) % 4 == 0)
    calls = replace(
        made, start_s=start_s[made.session], tool=np.where(rare, 0, 1), tool_names=("GET rare", "GET usual")
    )
    kept = recent(calls, 10.0)
    assert (kept.tool == 0).sum() == TOOL_SESSIONS_MIN
    assert kept.session[kept.tool == 1].min() > 300


@pytest.mark.parametrize("what", ["no times", "few sessions", "no calls"])
def test_what_cannot_be_tested_is_not_weighted_and_says_why(what):
    calls = recorded(0, sessions=SESSIONS_MIN - 1 if what == "few sessions" else SESSIONS_MIN)
    if what == "no times":
        calls = replace(calls, start_s=np.full(len(calls), np.nan))
    if what == "no calls":
        calls = calls.select(np.zeros(len(calls), dtype=bool))
    drift = measure_drift(calls)
    assert (drift.p_value, drift.half_life_s) == (None, None)
    assert drift.note.startswith("n/a: ")


def test_windows_cover_every_session_once_with_intervals():
    drift = measure_drift(recorded(5))
    assert sum(window.sessions for window in drift.windows) == 80
    assert sum(window.calls for window in drift.windows) == 2_400
    for window in drift.windows:
        assert window.start_s <= window.end_s
        assert window.median_latency_s.low < window.median_latency_s.estimate < window.median_latency_s.high
        assert window.fault_rate.low < window.fault_rate.estimate < window.fault_rate.high


def test_drift_does_not_depend_on_the_codes_of_sessions():
    """Names decide, not the order in which sessions were read."""
    calls = slower_later(recorded(6), 2.0)
    flipped = replace(
        calls,
        session=79 - calls.session,
        session_names=tuple(reversed(calls.session_names)),
    ).select(np.argsort(79 - calls.session, kind="stable"))
    one, other = measure_drift(calls), measure_drift(flipped)
    assert (one.p_value, one.half_life_s, one.kept_sessions) == (
        other.p_value,
        other.half_life_s,
        other.kept_sessions,
    )
