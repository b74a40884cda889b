"""Scores say how slow a call is, and nothing of its place among sessions, whatever the recorder's clock."""

from dataclasses import replace

import numpy as np
import pytest

from earthwire.grounding import calibrate
from earthwire.grounding.fits.ranks import cross_fitted_scores
from earthwire.grounding.fits.sessions import fit_sessions
from earthwire.traces.columns.calls import Calls
from tests.grounding.synthetic import make_calls


def in_steps(calls: Calls, step_s: float) -> Calls:
    return replace(calls, latency_s=np.maximum(np.round(calls.latency_s / step_s), 1.0) * step_s)


@pytest.mark.parametrize("step_s", [0.02, 0.1, 10.0])
def test_coarse_clocks_make_no_sessions_slow(step_s: float):
    """Ten seconds are longer than any call: all latencies are equal."""
    calls = in_steps(make_calls(sessions=150, session_sd=0.0), step_s)
    scores = cross_fitted_scores(calls)
    assert scores.std() == pytest.approx(1.0, abs=0.01)
    level = np.bincount(calls.session, scores) / np.bincount(calls.session)
    # 40 calls a session: levels of independent scores have a standard deviation of .158.
    assert level.std() < 0.2
    assert abs(np.corrcoef(np.arange(len(level)), level)[0, 1]) < 0.25


def test_slow_sessions_stay_slow_on_a_coarse_clock():
    calls = make_calls(sessions=150)
    fine, coarse = (
        fit_sessions(made, cross_fitted_scores(made)).level for made in (calls, in_steps(calls, 0.02))
    )
    assert np.corrcoef(fine, coarse)[0, 1] > 0.98


def test_scores_rise_with_the_latency_of_a_tool():
    calls = make_calls(sessions=60)
    scores = cross_fitted_scores(calls)
    order = np.argsort(calls.latency_s[calls.tool == 0])
    assert np.corrcoef(np.arange(len(order)), scores[calls.tool == 0][order])[0, 1] > 0.9


def test_tools_that_always_take_equally_long_can_be_calibrated():
    calls = make_calls(sessions=60)
    profile = calibrate(replace(calls, latency_s=np.full(len(calls), 0.05)), has_intervals=False)
    quantiles_s = profile.overall.latency["ok"].quantiles_s
    assert 0.049 < quantiles_s[0] <= quantiles_s[-1] < 0.051
