import dataclasses

import msgspec
import numpy as np
import pytest

from earthwire.grounding import fidelity
from earthwire.grounding.calibrate import calibrate
from earthwire.grounding.fidelity import FLOOR_RANGE
from earthwire.grounding.simulated import simulate
from earthwire.grounding.verify import verify
from tests.grounding.synthetic import make_calls


@pytest.fixture(scope="module")
def report():
    # As many sessions as make the scatter of splits smaller than what the verdict asks for.
    return fidelity(make_calls(sessions=800, calls_per_session=20), "synthetic", repeats=5, seed=1)


def test_a_law_of_our_own_family_passes(report):
    assert report.verdict == "pass", report.reasons
    assert report.models["earthwire"].gap_closed > 0.85


def test_a_law_beyond_our_family_fails():
    """The negative control: whatever tool comes after a fault of another one is ten times as slow."""
    calls = make_calls(sessions=200, calls_per_session=20, fault_rate=0.2)
    bad = calls.kind == calls.kind_names.index("http_5xx:503")
    after_fault = np.roll(bad, 1) & ~calls.first_of_session
    slow = dataclasses.replace(calls, latency_s=np.where(after_fault, 10.0, 1.0) * calls.latency_s)
    assert fidelity(slow, "after faults", repeats=5).verdict == "fail"


def test_few_splits_are_no_verdict():
    found = fidelity(make_calls(), "x", repeats=2)
    assert found.verdict == "insufficient data"
    assert "2 splits: a verdict needs 5" in found.reasons[0]


def test_rivals_are_further_from_reality(report):
    auc = {name: score.auc for name, score in report.models.items()}
    assert auc["earthwire"] < auc["lognormal"] < auc["jitter"]
    assert report.models["mock"].gap_closed == 0.0


def test_report_holds_what_its_readers_rely_on(report):
    data = msgspec.to_builtins(report)
    assert {"source", "calls", "sessions", "repeats", "models", "auc_real", "verdict", "seed"} <= data.keys()
    assert set(data["models"]) == {"mock", "jitter", "lognormal", "earthwire"}
    for score in data["models"].values():
        assert {"auc", "gap_closed", "fidelity_ratio_500"} <= score.keys()
        assert len(score["auc_repeats"]) == 5
    assert FLOOR_RANGE[0] < data["auc_real"] < FLOOR_RANGE[1]


def test_report_scores_faults_and_latency_of_whole_sessions(report):
    """200 sessions a side: Smirnov's bound of 1 % is 0.163; no tool has 500 calls in a session."""
    outcomes = report.outcomes
    assert outcomes.session_errors_ks < 0.163
    assert outcomes.session_totals_ks < 0.163
    assert outcomes.real_dispersion is None
    assert outcomes.simulated_dispersion is None


def test_the_same_seed_gives_the_same_report():
    calls = make_calls(sessions=44, calls_per_session=15)
    assert fidelity(calls, "x", repeats=1, seed=4) == fidelity(calls, "x", repeats=1, seed=4)


@pytest.mark.parametrize(("sessions", "calls"), [(3, 500), (30, 100), (200, 2)])
def test_too_few_sessions_or_calls_are_insufficient_data(sessions: int, calls: int):
    found = fidelity(make_calls(sessions=sessions, calls_per_session=calls), "few", repeats=5)
    assert found.verdict == "insufficient data"
    assert "a verdict needs" in found.reasons[0]


def test_verify_passes_a_simulation_of_its_own_law_and_fails_a_shifted_one():
    """The shift by a fifth is the negative control."""
    real = make_calls(sessions=120, calls_per_session=20)
    simulated = simulate(calibrate(real), make_calls(sessions=120, calls_per_session=20, seed=7), seed=3)
    assert verify(real, simulated, repeats=2).verdict == "pass"
    shifted = simulate(
        calibrate(make_calls(sessions=120, calls_per_session=20, latency_factor=1.2)), simulated, seed=3
    )
    assert verify(real, shifted, repeats=2).verdict == "fail"


def test_verify_does_not_mind_that_tools_are_used_at_other_rates():
    """Simulated calls use tool 0 three times as often; the laws are the same."""
    real = make_calls(sessions=150, calls_per_session=20)
    other = make_calls(sessions=150, calls_per_session=30, seed=2)
    keep = (other.tool == 0) | (np.random.default_rng(0).random(len(other)) < 1 / 3)
    report = verify(real, other.select(keep), repeats=2)
    assert report.verdict == "pass", report.reasons


def test_verify_names_the_tools_it_leaves_out():
    report = verify(make_calls(tools=3), make_calls(tools=2, seed=1), repeats=1)
    assert report.left_out == ["GET api.example.com/t2"]


def test_verify_of_few_calls_is_insufficient_data():
    few = make_calls(sessions=5, calls_per_session=10)
    assert verify(make_calls(), few, repeats=1).verdict == "insufficient data"


def test_latencies_that_are_all_equal_get_a_verdict():
    """Two halves of reality are at distance 0, and so is a good simulation."""
    calls = make_calls(sessions=80, calls_per_session=20)
    equal = dataclasses.replace(calls, latency_s=np.full(len(calls), 0.05))
    report = fidelity(equal, "equal", repeats=5)
    assert report.models["earthwire"].fidelity_ratio_500 == pytest.approx(1.0)
    assert not any("ratio" in reason for reason in report.reasons)
    of_two = verify(
        equal, dataclasses.replace(equal, session_names=tuple(f"x{name}" for name in equal.session_names))
    )
    assert of_two.fidelity_ratio_500 == 1.0
