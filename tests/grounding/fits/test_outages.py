from dataclasses import replace

import numpy as np
import pytest

from earthwire.fault_models.call import Call
from earthwire.fault_models.simulation import Simulation
from earthwire.grounding.calibrate import calibrate
from earthwire.grounding.fits.outages import UNSEEN_TICKS_MAX, is_outage, upstream_regimes
from earthwire.traces.columns.calls import Calls
from tests.grounding.synthetic import calls_of

TOOLS = ("GET api.example.com/a", "GET api.example.com/b")


def probes(
    outages: int = 20, up_s: int = 1_800, down_s: int = 600, step_s: int = 10, kind: str = "http_5xx:503"
) -> Calls:
    """Two tools of one host, called in turn every `step_s` seconds; both fail while the host is down."""
    cycle = (up_s + down_s) // step_s
    n = outages * cycle
    down = np.arange(n) % cycle >= up_s // step_s
    calls = calls_of(
        [TOOLS[i % 2] for i in range(n)], ["s"] * n, [kind if d else "ok" for d in down], np.ones(n)
    )
    return replace(calls, start_s=1.7e9 + step_s * np.arange(n, dtype=float))


def test_an_outage_is_not_the_callers_doing():
    assert [
        kind for kind in ("ok", "timeout", "conn_error", "http_4xx:429", "tool_error") if is_outage(kind)
    ] == [
        "timeout",
        "conn_error",
    ]


def test_outages_are_recovered_with_their_lengths():
    regime = upstream_regimes(probes())["api.example.com"]
    assert set(regime.history.runs[0:-1:2]) == {180}
    assert set(regime.history.runs[1:-1:2]) == {60}
    assert (regime.up_faults, regime.bad_calls - regime.bad_faults) == (0, 0)
    assert regime.bad_calls == 20 * 60


def test_ticks_between_calls_are_as_the_last_one():
    regime = upstream_regimes(probes(step_s=60))["api.example.com"]
    assert set(regime.history.runs[1:-1:2]) == {60}


def test_time_that_nobody_saw_is_left_out():
    calls = probes(outages=6, up_s=4 * 86_400, down_s=4 * 86_400, step_s=86_400)
    regime = upstream_regimes(calls)["api.example.com"]
    assert set(regime.history.runs[:-1]) == {4 * UNSEEN_TICKS_MAX}


@pytest.mark.parametrize("kind", ["http_4xx:404", "http_4xx:429", "tool_error"])
def test_faults_of_the_caller_are_no_outage(kind: str) -> None:
    assert upstream_regimes(probes(kind=kind)) == {}


def test_without_times_or_with_few_outages_nothing_is_found():
    calls = probes()
    assert upstream_regimes(replace(calls, start_s=np.full(len(calls), np.nan))) == {}
    assert upstream_regimes(probes(outages=4)) == {}


def test_simulated_tools_are_down_together_as_often_as_recorded():
    profile = calibrate(probes(), engine="compact")
    simulation = Simulation(profile, 1, regime_clock="time")
    bad = np.array(
        [
            [simulation.draw(Call(str(e), tool, at_s=10.0 * i)).plan.outcome != "ok" for tool in TOOLS]
            for e in range(40)
            for i in range(240)
        ]
    )
    # One cycle an episode at a random phase: each holds a quarter of outage, give or take a seam.
    assert bad.mean() == pytest.approx(0.25, abs=0.03)
    assert np.corrcoef(bad.T)[0, 1] > 0.9
