import numpy as np
import pytest
from scipy import stats

from earthwire.grounding.samples.outcome_mix import (
    burst_dispersion,
    clustered_rate,
    dispersion,
    fault_rate,
    kind_shares,
    mean_burst_dispersion,
    mean_run_length,
    rates_agree,
    session_errors_ks,
    session_totals_ks,
    wilson,
)
from tests.grounding.synthetic import calls_of, make_calls


def test_wilson_is_the_interval_of_the_score_test():
    """Both ends solve (p̂ - p)² = z² p (1 - p) / n."""
    z = stats.norm.ppf(0.975)
    for end in wilson(0.2, 50):
        assert (0.2 - end) ** 2 == pytest.approx(z**2 * end * (1 - end) / 50)


def test_independent_faults_have_no_dispersion():
    calls = make_calls(sessions=300)
    hit = (calls.kind == calls.kind_names.index("http_5xx:503")).astype(float)
    assert dispersion(hit, calls.session) < 1.3


def test_sessions_that_fail_as_a_whole_count_as_one_call_each():
    hit = np.repeat(np.arange(100) % 10 == 0, 50)
    rate = clustered_rate(hit, np.repeat(np.arange(100), 50))
    assert rate.rate == pytest.approx(0.1)
    assert rate.effective_count == pytest.approx(100, rel=0.01)


def test_the_interval_covers_the_truth_of_clustered_faults():
    """200 samples of 60 sessions that fail as a whole with p = 0.2: a 95 % interval misses at most 8 %."""
    rng = np.random.default_rng(0)
    missed = naive_missed = 0
    for _ in range(200):
        hit = np.repeat(rng.random(60) < 0.2, 20)
        rate = clustered_rate(hit, np.repeat(np.arange(60), 20))
        missed += not rate.low <= 0.2 <= rate.high
        low, high = wilson(hit.mean(), len(hit))
        naive_missed += not low <= 0.2 <= high
    assert missed <= 16
    assert naive_missed > 100


def test_rates_of_one_law_agree_and_of_others_do_not():
    a, b = fault_rate(make_calls(seed=1)), fault_rate(make_calls(seed=2))
    assert rates_agree(a, b)
    assert not rates_agree(a, fault_rate(make_calls(seed=2, fault_rate=0.2)))


def test_runs_are_counted_by_tool_and_session():
    calls = calls_of(
        ["a", "b", "a", "a", "a", "a"],
        ["s1", "s1", "s1", "s2", "s2", "s2"],
        ["timeout", "ok", "timeout", "timeout", "ok", "timeout"],
        np.ones(6),
    )
    assert mean_run_length(calls) == pytest.approx(4 / 3)


def test_no_faults_have_no_run_length():
    assert mean_run_length(make_calls(fault_rate=0.0)) is None


def test_shares_are_by_kind_most_frequent_first():
    calls = calls_of(["a"] * 4, ["s"] * 4, ["ok", "ok", "timeout", "ok"], np.ones(4))
    assert list(kind_shares(calls).items()) == [("ok", 0.75), ("timeout", 0.25)]


def test_dispersion_of_bursts_is_the_formula_by_hand():
    """Windows with 10, 0, 20 and 2 faults: mean 8, variance 82.67; what is left over does not count."""
    bad = np.zeros(450, dtype=bool)
    for window, count in enumerate((10, 0, 20, 2)):
        bad[100 * window : 100 * window + count] = True
    assert burst_dispersion(bad) == pytest.approx(np.var([10, 0, 20, 2], ddof=1) / 8)
    assert burst_dispersion(np.zeros(450, dtype=bool)) == 0.0
    with pytest.raises(ValueError, match="150 calls: two windows of 100 are needed"):
        burst_dispersion(bad[:150])


def test_dispersion_of_calls_needs_long_sequences_of_one_tool():
    """10 sequences of 1,000 independent calls have a dispersion of 0.9, with a standard error of about 0.13."""
    long = make_calls(sessions=10, calls_per_session=1_000, tools=1)
    assert mean_burst_dispersion(long) == pytest.approx(0.9, abs=0.5)
    assert mean_burst_dispersion(make_calls(sessions=25, calls_per_session=400, tools=1)) is None
    assert mean_burst_dispersion(make_calls(sessions=10, calls_per_session=1_000, tools=3)) is None


def test_sessions_of_one_law_have_the_same_errors_and_totals_and_others_have_not():
    a, b = make_calls(sessions=400, seed=1), make_calls(sessions=400, seed=2)
    critical = np.sqrt(-0.5 * np.log(0.001 / 2) * 2 / 400)
    assert session_errors_ks(a, b) < critical
    assert session_totals_ks(a, b) < critical
    assert session_errors_ks(a, make_calls(sessions=400, seed=3, fault_rate=0.2)) > critical
    assert session_totals_ks(a, make_calls(sessions=400, seed=3, latency_factor=1.5)) > critical
