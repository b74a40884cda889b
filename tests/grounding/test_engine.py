from dataclasses import replace

import numpy as np
import pytest

from earthwire.grounding import calibrate
from earthwire.grounding.calibrate import fit_laws
from earthwire.grounding.engine import choose_engine, thinned, with_engine
from earthwire.grounding.simulated import simulate
from earthwire.traces.columns.calls import Calls
from tests.grounding.synthetic import calls_of, make_calls


def seesaw_calls(sessions: int = 120, seed: int = 0) -> Calls:
    """Sessions in which one tool's latency falls from call to call, by a factor of 30: no compact law says so."""
    rng = np.random.default_rng(seed)
    rows = [(f"s{s}", 3.0 - 0.4 * k + rng.normal(0, 0.1)) for s in range(sessions) for k in range(10)]
    return calls_of(
        ["a"] * len(rows), [s for s, _ in rows], ["ok"] * len(rows), np.exp([v for _, v in rows]) / 10
    )


def test_what_only_a_replay_can_say_is_replayed():
    assert choose_engine(seesaw_calls(), fit_laws) == "replay"
    assert calibrate(seesaw_calls()).donor_levels


def test_a_replayed_session_keeps_its_course():
    calls = seesaw_calls()
    simulated = simulate(calibrate(calls, engine="replay"), calls, seed=3)
    by_position = np.log(simulated.latency_s).reshape(-1, 10).mean(axis=0)
    assert np.all(np.diff(by_position) < -0.2)
    compact = simulate(calibrate(calls, engine="compact"), calls, seed=3)
    by_position = np.log(compact.latency_s).reshape(-1, 10).mean(axis=0)
    assert not np.all(np.diff(by_position) < -0.2)


def test_sessions_of_two_kinds_of_spread_are_replayed():
    """One in four is three times as restless: a normal law for each session blurs the two kinds into one."""
    plain = make_calls(sessions=400, calls_per_session=30, tools=8, noise_sd=0.3, fault_rate=0.0)
    restless = 0.8 * np.random.default_rng(3).normal(size=len(plain)) * (plain.session % 4 == 0)
    calls = replace(plain, latency_s=plain.latency_s * np.exp(restless))
    assert choose_engine(calls, fit_laws) == "replay"
    assert choose_engine(plain, fit_laws) == "compact"


def test_few_sessions_are_not_enough_to_choose():
    assert choose_engine(seesaw_calls(sessions=20), fit_laws) == "compact"


def test_a_compact_profile_holds_no_recorded_ranks():
    profile = with_engine(fit_laws(make_calls(sessions=20)), "compact")
    assert profile.donor_levels == ()
    assert all(laws.donor_ranks is None for laws in profile.tools.values())


def test_replayed_marginals_are_those_of_the_table():
    """Every recorded call is lent about equally often, so ranks are uniform up to the sessions' own clustering."""
    calls = make_calls(sessions=200, calls_per_session=20, tools=1, fault_rate=0.0)
    simulated = simulate(calibrate(calls, engine="replay"), calls, seed=1)
    for q in (0.1, 0.5, 0.9):
        ratio = np.quantile(simulated.latency_s, q) / np.quantile(calls.latency_s, q)
        assert ratio == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("calls_max", [1, 100, 1_000_000])
def test_thinning_keeps_whole_sessions(calls_max: int):
    calls = make_calls(sessions=30, calls_per_session=10)
    kept = thinned(calls, calls_max, np.random.default_rng(0))
    assert len(kept) <= max(calls_max, 0)
    assert set(np.bincount(kept.session).tolist()) <= {0, 10}
