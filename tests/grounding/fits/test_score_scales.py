"""Scores of faults and of others say the same of how slow a session is."""

from dataclasses import replace

import numpy as np
import pytest

from earthwire.grounding.fits.ranks import cross_fitted_scores
from earthwire.grounding.fits.score_scales import differ_in_level, on_one_scale
from earthwire.grounding.samples.outcome_mix import faults
from earthwire.traces.columns.calls import Calls
from tests.grounding.synthetic import make_calls


def slow_sessions_that_fail() -> tuple[Calls, np.ndarray]:
    """Calls of which those of every fourth session are slow and fail half of the time, and which these are."""
    calls = make_calls(sessions=160, calls_per_session=30, fault_rate=0.0, session_sd=0.1)
    slow = calls.session % 4 == 0
    bad = np.random.default_rng(1).random(len(calls)) < np.where(slow, 0.5, 0.03)
    made = replace(
        calls,
        kind_names=("http_5xx:503", "ok"),
        kind=np.where(bad, 0, 1),
        latency_s=calls.latency_s * np.where(slow, 3.0, 1.0),
    )
    return made, slow


def test_faults_and_others_of_a_session_agree():
    calls, slow = slow_sessions_that_fail()
    bad, scores = faults(calls), cross_fitted_scores(calls)
    common = on_one_scale(calls, scores)
    assert abs(scores[slow & bad].mean() - scores[slow & ~bad].mean()) > 1.0
    assert common[slow & bad].mean() == pytest.approx(common[slow & ~bad].mean(), abs=0.25)
    assert (common.mean(), common.std()) == pytest.approx((0.0, 1.0))


def test_nothing_is_moved_where_faults_are_anybodys():
    calls = make_calls(sessions=160, calls_per_session=30, fault_rate=0.2)
    scores = cross_fitted_scores(calls)
    assert on_one_scale(calls, scores) == pytest.approx(scores, abs=0.1)


def test_too_few_faults_leave_the_scores_as_they_are():
    calls = make_calls(sessions=20, calls_per_session=30, fault_rate=0.02)
    scores = cross_fitted_scores(calls)
    assert faults(calls).sum() < 30
    assert on_one_scale(calls, scores) is scores


def test_failing_sessions_that_are_slow_are_told_from_those_that_are_not():
    calls, slow = slow_sessions_that_fail()
    failing = np.unique(calls.session[slow])
    scores = cross_fitted_scores(calls)
    assert differ_in_level(calls, scores, failing)
    even = replace(calls, latency_s=calls.latency_s / np.where(slow, 3.0, 1.0))
    assert not differ_in_level(even, cross_fitted_scores(even), failing)
    assert not differ_in_level(calls, scores, failing[:1]), "one session says nothing"
