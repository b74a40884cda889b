import numpy as np
import pytest

from earthwire.grounding.gap.rivals import ALL_RIVALS, recorded_in_turn
from earthwire.grounding.samples.outcome_mix import fault_rate
from tests.grounding.synthetic import calls_of, make_calls

TRAINING = make_calls(sessions=60)
REQUESTS = make_calls(sessions=60, seed=9)


@pytest.mark.parametrize("name", ALL_RIVALS)
def test_a_rival_answers_every_request_with_a_positive_delay_and_the_recorded_fault_rate(name: str):
    answered = ALL_RIVALS[name](TRAINING, REQUESTS, np.random.default_rng(0))
    assert len(answered) == len(REQUESTS)
    assert np.all(answered.latency_s > 0)
    np.testing.assert_array_equal(answered.tool, REQUESTS.tool)
    # 4 standard errors of a share of 2,400 calls.
    assert fault_rate(answered).rate == pytest.approx(fault_rate(TRAINING).rate, abs=0.025)


@pytest.mark.parametrize(
    "name", ["mock", "lognormal", "lognormal by p99", "recorded in turn", "weighted mixture"]
)
def test_a_rival_has_the_tools_median(name: str):
    answered = ALL_RIVALS[name](TRAINING, REQUESTS, np.random.default_rng(0))
    for tool in range(4):
        expected = np.median(TRAINING.latency_s[TRAINING.tool == tool])
        assert np.median(answered.latency_s[answered.tool == tool]) == pytest.approx(expected, rel=0.12)


def test_recorded_delays_come_in_order_and_start_over():
    training = calls_of(["a", "b", "a"], ["s1"] * 3, ["ok"] * 3, np.array([0.1, 0.7, 0.2]))
    requests = calls_of(["a"] * 3, ["s2"] * 3, ["ok"] * 3, np.ones(3))
    answered = recorded_in_turn(training, requests, np.random.default_rng(0))
    np.testing.assert_allclose(answered.latency_s, [0.1, 0.2, 0.1])
