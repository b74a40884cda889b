import numpy as np
import pytest
from scipy import stats

from earthwire.fault_models.laws.latency import LEVELS
from earthwire.grounding.calibrate import calibrate
from earthwire.grounding.counts.tally import tally
from earthwire.grounding.fits.ranks import normal_scores
from earthwire.grounding.fits.tables import Tables
from earthwire.traces.columns.calls import calls_from_records
from earthwire.traces.record import TraceRecord
from tests.grounding.synthetic import calls_of, make_calls

TOOL = "GET api.example.com/t0"


def ks_to_normal(table_log_s: np.ndarray, mean: float, sd: float) -> float:
    return float(np.abs(stats.norm.cdf(table_log_s, mean, sd) - np.array(LEVELS)).max())


@pytest.mark.parametrize(("calls_per_session", "bound"), [(1, 0.20), (10, 0.08), (100, 0.03)])
def test_table_comes_closer_to_the_truth_with_more_calls(calls_per_session: int, bound: float):
    """Independent calls, so KS falls like 1/√n; the 1 % critical value 1.63/√n is 0.16, 0.05 and 0.016 here."""
    calls = make_calls(
        sessions=100, calls_per_session=calls_per_session, tools=1, session_sd=0.0, fault_rate=0.0, seed=4
    )
    tables = Tables(tally(calls))
    assert ks_to_normal(tables.log_quantiles(TOOL, "ok"), np.log(0.1), 0.4) < bound


def test_table_of_a_shifted_law_is_rejected():
    calls = make_calls(sessions=100, tools=1, session_sd=0.0, fault_rate=0.0, latency_factor=1.2)
    assert ks_to_normal(Tables(tally(calls)).log_quantiles(TOOL, "ok"), np.log(0.1), 0.4) > 0.15


def test_sparse_tool_leans_on_its_siblings():
    rng = np.random.default_rng(1)
    tools, sessions, latency_s = [], [], []
    for tool in range(20):
        for session in range(30):
            tools.append(f"GET api.example.com/v1/t{tool}")
            sessions.append(f"s{session}")
            latency_s.append(np.exp(rng.normal(-2, 0.3)))
    tools.append("GET api.example.com/v1/new")
    sessions.append("s0")
    latency_s.append(5.0)
    tables = Tables(tally(calls_of(tools, sessions, ["ok"] * len(tools), np.array(latency_s))))
    median_s = np.exp(np.interp(0.5, LEVELS, tables.log_quantiles("GET api.example.com/v1/new", "ok")))
    assert 0.1 < median_s < 1.0
    assert tables.table("GET api.example.com/v1/new", "ok").support == "server"
    assert tables.table("GET api.example.com/v1/t0", "ok").support == "tool"


def test_tool_never_seen_gets_the_law_of_its_group():
    tables = Tables(tally(make_calls(tools=4)))
    quantiles = tables.log_quantiles("GET api.example.com/unseen", "ok")
    assert np.all(np.diff(quantiles) >= 0)
    assert tables.table("GET api.example.com/unseen", "ok").count == 0


def test_normal_scores_of_the_law_itself_are_normal():
    calls = make_calls(sessions=400, calls_per_session=10, tools=1, session_sd=0.0, fault_rate=0.0)
    quantiles = Tables(tally(calls)).log_quantiles(TOOL, "ok")
    scores = normal_scores(np.log(calls.latency_s), quantiles)
    assert scores.mean() == pytest.approx(0.0, abs=0.05)
    assert scores.std() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("latency_s", [np.array([0.25]), np.full(50, 0.25)])
def test_constant_latency_gives_a_rising_finite_table(latency_s: np.ndarray):
    names = [f"s{i}" for i in range(len(latency_s))]
    tables = Tables(tally(calls_of(["x"] * len(names), names, ["ok"] * len(names), latency_s)))
    quantiles = np.array(tables.table("x", "ok").quantiles_s)
    assert np.all(np.isfinite(quantiles))
    assert np.all(np.diff(quantiles) >= 0)
    assert quantiles[31] == pytest.approx(0.25, rel=0.05)


def test_only_kinds_that_were_timed_have_a_latency():
    records = [
        TraceRecord(tool="a", outcome="ok", duration_ns=10**8, session_id=f"s{i % 5}", seq=i)
        for i in range(40)
    ] + [
        TraceRecord(
            tool="a", outcome="http_error", http_response_status_code=429, session_id="s1", seq=50 + i
        )
        for i in range(9)
    ]
    profile = calibrate(calls_from_records(records), engine="compact")
    assert set(profile.overall.latency) == {"ok"}
    assert set(profile.tools["a"].latency) == {"ok"}
    assert profile.overall.outcomes.total["http_4xx:429"] == 9
