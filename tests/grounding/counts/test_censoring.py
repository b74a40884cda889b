from dataclasses import replace

import numpy as np
import pytest

from earthwire.fault_models.conditions.client_timeout import timeout_share
from earthwire.grounding.calibrate import fit_laws
from earthwire.grounding.counts.censoring import complete, kaplan_meier, limits_as_latencies
from earthwire.grounding.counts.tally import merge, tally
from earthwire.grounding.fits.tables import Tables
from earthwire.traces.columns.calls import Calls
from tests.grounding.synthetic import calls_of, make_calls


def cut_off(calls: Calls, limit_s: np.ndarray | float) -> Calls:
    """Cut calls off at their limits, as a client does that leaves: outcome ``timeout``."""
    limits = np.broadcast_to(np.asarray(limit_s, dtype=float), (len(calls),))
    over = calls.latency_s > limits
    names = (*calls.kind_names, "timeout")
    return replace(
        calls,
        latency_s=np.minimum(calls.latency_s, limits),
        censored=over,
        kind_names=names,
        kind=np.where(over, len(names) - 1, calls.kind),
    )


def one_law(latency_s: np.ndarray, tool: str = "GET api.example.com/t0", sessions: int = 50) -> Calls:
    n = len(latency_s)
    return calls_of([tool] * n, [f"s{i * sessions // n:03d}" for i in range(n)], ["ok"] * n, latency_s)


def beyond(calls: Calls, time_s: float) -> float:
    """Return the fitted probability of a latency beyond a time."""
    return 1.0 - Tables(tally(limits_as_latencies(calls))).table(calls.tool_names[0], "ok").probability(
        time_s
    )


def test_kaplan_meier_is_the_product_of_what_is_survived():
    """Ends at 1, 3, 3, 6; last seen at 2, 5: S = 5/6, 5/6 × 2/4, and 0 after the last end, computed by hand."""
    bins = np.array([1, 2, 3, 5, 6])
    curve = kaplan_meier(bins, ended=np.array([1, 0, 2, 0, 1]), cut=np.array([0, 1, 0, 1, 0]))
    assert curve.mass.tolist() == pytest.approx([1 / 6, 5 / 6 * 2 / 4, 5 / 12])
    assert curve.beyond == 0.0
    assert curve.count == 6


def test_what_outlives_the_last_limit_is_left_over():
    curve = kaplan_meier(np.array([1, 2]), ended=np.array([3, 0]), cut=np.array([0, 1]))
    assert curve.beyond == pytest.approx(1 / 4)
    assert curve.limit_log_s == pytest.approx(0.025)


def test_an_end_counts_before_a_limit_in_the_same_bin():
    curve = kaplan_meier(np.array([4]), ended=np.array([1]), cut=np.array([1]))
    assert curve.mass.tolist() == [0.5]
    assert curve.beyond == 0.5


@pytest.mark.parametrize("law", ["exponential", "lognormal"])
def test_random_limits_are_seen_through(law: str):
    """Limits independent of latencies: the estimate is consistent, its error about √(S(1 - S)/n) ≈ .01."""
    rng = np.random.default_rng(3)
    n = 4_000
    latency_s = rng.exponential(1.0, n) if law == "exponential" else rng.lognormal(0.0, 0.7, n)
    calls = cut_off(one_law(latency_s), rng.uniform(0.3, 4.0, n))
    for time_s in (0.5, 1.0, 2.0):
        assert beyond(calls, time_s) == pytest.approx((latency_s > time_s).mean(), abs=0.035)


def test_dropping_limits_or_taking_them_for_values_is_wrong():
    """As values: P(min(X, C) > 1) = e⁻¹ × 3/3.7, which is .07 too low; dropped: by .12. Bound: half the errors."""
    rng = np.random.default_rng(3)
    latency_s = rng.exponential(1.0, 4_000)
    calls = limits_as_latencies(cut_off(one_law(latency_s), rng.uniform(0.3, 4.0, 4_000)))
    truth = (latency_s > 1.0).mean()
    dropped = calls.select(~calls.censored)
    values = replace(calls, censored=np.zeros(len(calls), dtype=bool))
    assert abs(beyond(calls, 1.0) - truth) < 0.035
    assert truth - beyond(dropped, 1.0) > 0.06
    assert truth - beyond(values, 1.0) > 0.035


def siblings(tools: int, cut_tool: int | None) -> tuple[Calls, np.ndarray]:
    """Log-normal tools of one shape; one of them has a client that leaves at its 90th percentile."""
    calls = make_calls(
        sessions=100, calls_per_session=60, tools=tools, session_sd=0.0, noise_sd=0.8, fault_rate=0.0
    )
    limits = np.full(len(calls), np.inf)
    if cut_tool is not None:
        rows = calls.tool == cut_tool
        limits[rows] = np.quantile(calls.latency_s[rows], 0.9)
    return cut_off(calls, limits), calls.latency_s


def test_the_tail_beyond_a_common_limit_is_that_of_siblings():
    """Truth: P(z > z.9 + log 2 / .8) = .0158. Sampling at 900 calls: ± .004; the tail of 5 siblings: less."""
    calls, _ = siblings(tools=6, cut_tool=0)
    table = Tables(tally(limits_as_latencies(calls))).table("GET api.example.com/t0", "ok")
    inferred = table.extrapolation
    assert inferred is not None
    assert inferred.share_beyond == pytest.approx(0.1, abs=0.002)
    assert 1 - table.probability(2 * inferred.limit_s) == pytest.approx(0.0158, abs=0.008)
    low, high = inferred.band(2 * inferred.limit_s)
    assert 0.0 < low <= 0.0158 <= high < 0.1
    assert table.censored_count == calls.censored.sum()
    assert table.count == (calls.tool == 0).sum()


def test_a_tool_alone_goes_on_as_its_own_head_does_and_admits_that_nothing_is_known():
    """One log-normal tool, cut at its 90th percentile: the head says log-normal; the band is the trivial one."""
    rng = np.random.default_rng(5)
    latency_s = rng.lognormal(0.0, 0.8, 4_000)
    limit_s = float(np.quantile(latency_s, 0.9))
    table = Tables(tally(limits_as_latencies(cut_off(one_law(latency_s), limit_s)))).table(
        "GET api.example.com/t0", "ok"
    )
    assert 1 - table.probability(2 * limit_s) == pytest.approx(0.0158, abs=0.01)
    assert table.extrapolation is not None
    assert table.extrapolation.band(2 * limit_s) == (0.0, pytest.approx(0.1, abs=0.002))


def test_completing_shards_and_completing_the_whole_is_the_same():
    calls, _ = siblings(tools=3, cut_tool=0)
    calls = limits_as_latencies(calls)
    halves = [calls.of_sessions(np.flatnonzero(np.arange(len(calls.session_names)) % 2 == i)) for i in (0, 1)]
    whole, merged = complete(merge([tally(calls)])), complete(merge([tally(half) for half in halves]))
    assert whole.keys() == merged.keys()
    for cell, completed in whole.items():
        np.testing.assert_array_equal(completed.weight, merged[cell].weight)


def test_a_time_out_with_a_known_limit_is_a_slow_success():
    calls, _ = siblings(tools=3, cut_tool=1)
    laws = fit_laws(calls).tools["GET api.example.com/t1"]
    assert set(laws.outcomes.total) == {"ok"}
    limit_s = laws.latency["ok"].extrapolation.limit_s
    at_limit = timeout_share(laws, limit_s)
    longer = timeout_share(laws, 3 * limit_s)
    assert at_limit.share == pytest.approx(0.1, abs=0.01)
    assert not at_limit.is_extrapolated
    assert longer.is_extrapolated
    assert longer.low <= longer.share <= longer.high < at_limit.share


def test_a_tool_that_never_answered_keeps_its_time_outs():
    calls = cut_off(one_law(np.array([5.0, 6.0, 7.0, 8.0])), 1.0)
    laws = fit_laws(calls).tools["GET api.example.com/t0"]
    assert set(laws.outcomes.total) == {"timeout"}
    assert timeout_share(laws, 60.0).share == 1.0


def test_a_time_out_whose_limit_is_unknown_stays_an_outcome():
    calls = calls_of(["a"] * 40, [f"s{i}" for i in range(40)], ["ok", "timeout"] * 20, np.full(40, 0.2))
    late = np.arange(40) % 2 == 1
    calls = replace(calls, latency_s=np.where(late, np.nan, 0.2), censored=late)
    laws = fit_laws(calls).tools["a"]
    assert laws.outcomes.total == {"ok": 20, "timeout": 20}
    assert laws.latency["ok"].censored_count == 0


def test_sessions_that_ran_into_limits_count_as_slow():
    """Half the sessions are three times slower and lose their slow calls to a limit: their level must still be high."""
    rng = np.random.default_rng(0)
    n = 60 * 30
    session = np.repeat(np.arange(60), 30)
    slow = session % 2 == 1
    latency_s = np.exp(rng.normal(np.where(slow, np.log(3.0), 0.0), 0.3, n))
    calls = cut_off(calls_of(["a"] * n, [f"s{i:02d}" for i in session], ["ok"] * n, latency_s), 3.0)
    assert level_gap(calls) > 0.8


def level_gap(calls: Calls) -> float:
    """Return how far the middle of the upper half of the session levels lies above that of the lower half."""
    levels = fit_laws(calls).tools["a"].session_levels
    assert levels is not None
    half = len(levels.levels) // 2
    return float(np.median(levels.levels[half:]) - np.median(levels.levels[:half]))
