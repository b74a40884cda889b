from dataclasses import replace

import numpy as np
import pytest

from earthwire.grounding import calibrate
from earthwire.grounding.simulated import simulate
from tests.grounding.synthetic import make_calls

PLAIN = make_calls(sessions=60, noise_sd=1.0)


def in_steps(step_s: float):
    return replace(PLAIN, latency_s=np.maximum(np.ceil(PLAIN.latency_s / step_s), 1) * step_s)


@pytest.mark.parametrize("step_s", [0.001, 0.004, 0.01, 0.025, 0.05, 0.25])
def test_the_step_of_a_clock_or_of_a_loop_is_found_and_simulated(step_s: float) -> None:
    calls = in_steps(step_s)
    profile = calibrate(calls, has_intervals=False)
    assert profile.overall.resolution_s == pytest.approx(step_s)
    assert [laws.resolution_s for laws in profile.tools.values()] == pytest.approx([step_s] * 4)
    simulated = simulate(profile, calls, 1).latency_s / step_s
    assert np.abs(simulated - np.rint(simulated)).max() < 1e-6


def test_the_multiple_may_be_missed_by_one_call_in_a_hundred() -> None:
    calls = in_steps(0.02)
    for share, expected in ((0.005, 0.02), (0.05, 0.01)):
        off = np.random.default_rng(2).random(len(calls)) < share
        mixed = replace(calls, latency_s=np.where(off, calls.latency_s + 0.01, calls.latency_s))
        assert calibrate(mixed, has_intervals=False).overall.resolution_s == pytest.approx(expected)


def test_few_different_latencies_are_no_step() -> None:
    """Twelve and eighteen milliseconds: both are multiples of six by chance."""
    calls = replace(PLAIN, latency_s=np.where(PLAIN.latency_s < 0.2, 0.012, 0.018))
    assert calibrate(calls, has_intervals=False).overall.resolution_s == pytest.approx(0.001)
