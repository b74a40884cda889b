import msgspec

from earthwire.grounding.gap.lag import LagReport
from earthwire.grounding.gap.never_drawn import NeverDrawn
from earthwire.grounding.gap.upstream_own import UpstreamReport
from earthwire.grounding.samples.outcome_mix import Rate, fault_rate
from earthwire.grounding.verify import VerifyReport
from earthwire.report import verify_page
from tests.report.pages import BREAKOUT, HOSTILE, TOOLS, calls_of, check, curves_of


def report_of() -> VerifyReport:
    curves, comparisons = curves_of(factor=3.0)
    rate = fault_rate(calls_of())
    return VerifyReport(
        real=HOSTILE,
        simulated=BREAKOUT,
        real_calls=640,
        simulated_calls=640,
        real_sessions=8,
        simulated_sessions=8,
        seed=0,
        repeats=5,
        auc=0.7,
        auc_real=0.5,
        auc_mock=0.9,
        gap_closed=0.5,
        p_value=0.005,
        fidelity_ratio_500=1.4,
        quantile_ratios={"p50": 3.0, "p99": 3.0},
        outcomes_real=rate,
        outcomes_simulated=rate,
        kinds_real={},
        kinds_simulated={},
        run_length_real=1.0,
        run_length_simulated=1.2,
        tools=comparisons,
        left_out=[f"left {HOSTILE}"],
        never_drawn=NeverDrawn({"initialize": 8}, {"initialize": 8, "tools/list": 9}),
        curves=curves,
        taken_back_real=Rate(0.0, 0.0, 0.01, 640, 640.0),
        taken_back_simulated=Rate(0.25, 0.2, 0.3, 760, 300.0),
        upstream=UpstreamReport(640, 64, 3),
        lag=LagReport(640, 0.0001, 0.002, 0.03, 0.001),
        verdict="fail",
        reasons=["AUC is above the floor"],
    )


def test_the_page_holds_verdict_scores_every_tool_and_the_lag() -> None:
    page = check(verify_page(report_of()))
    text = "\n".join(page.texts)
    for told in ("Verdict: fail", "0.700", "p = 0.005", "AUC is above the floor", f"left {HOSTILE}", *TOOLS):
        assert told in text
    assert "Lag of the proxy itself: p50 0.1 ms, p99 2 ms, worst 30 ms; 0.1 % of 640 calls distorted." in text
    assert "the agent did not wait for them: 0.0% of 640 real calls, 25.0% of 760 simulated calls." in text
    assert "no plan is drawn for them: 8 real, 17 simulated (initialize, tools/list)." in text
    assert (
        "The upstream behind the proxy failed by itself with 64 of 640 simulated calls: serve in front of"
        in text
    )
    assert len(page.charts) == 6 + len(TOOLS)


def test_the_next_step_names_the_tool_that_is_off_most() -> None:
    report = report_of()
    assert report.tools[0].ks > report.tools[0].ks_critical
    text = "\n".join(check(verify_page(report)).texts)
    assert f"Next: latencies of {report.tools[0].tool} are off most" in text


def test_a_run_that_is_invalid_says_what_to_do() -> None:
    report = msgspec.structs.replace(report_of(), verdict="INVALID")
    text = "\n".join(check(verify_page(report)).texts)
    assert "Next: serve with more workers" in text


def test_a_report_without_scores_has_a_page() -> None:
    report = msgspec.structs.replace(report_of(), auc=None, auc_real=None, auc_mock=None, tools=[], lag=None)
    page = check(verify_page(report))
    assert not [chart for chart in page.charts if chart.startswith("AUC")]
    assert "Next: no tool's latency is off" in "\n".join(page.texts)
