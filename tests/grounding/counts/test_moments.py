import numpy as np
import pytest

from earthwire.grounding.counts.moments import moments
from earthwire.grounding.counts.tally import tally
from tests.grounding.synthetic import make_calls


def test_session_correlation_is_recovered():
    """True ρ = 0.09 / (0.09 + 0.16) = 0.36; its standard error with 400 sessions is about 0.03 (bound: 3 of them)."""
    found = moments(tally(make_calls(sessions=400, session_sd=0.3, noise_sd=0.4, tools=1)))
    assert found.session_correlation == pytest.approx(0.36, abs=0.09)


def test_independent_calls_keep_their_count():
    found = moments(tally(make_calls(sessions=400, session_sd=0.0, tools=1, fault_rate=0.0)))
    assert found.session_correlation < 0.02
    assert found.effective_count[0] > 0.5 * found.count[0]


def test_calls_of_one_session_count_for_little():
    """With ρ near 1 a session is worth one call, however long it is."""
    calls = make_calls(sessions=50, session_sd=2.0, noise_sd=0.01, tools=1, fault_rate=0.0)
    found = moments(tally(calls))
    assert found.effective_count[0] == pytest.approx(50, rel=0.05)


def test_mean_and_variance_are_those_of_the_calls():
    calls = make_calls(tools=1, fault_rate=0.0)
    found = moments(tally(calls))
    log_s = np.log(calls.latency_s)
    assert found.mean[0] == pytest.approx(log_s.mean(), abs=0.005)
    assert found.variance[0] == pytest.approx(log_s.var(), rel=0.01)
