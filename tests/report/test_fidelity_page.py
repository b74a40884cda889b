import math

import msgspec
import pytest

from earthwire.fault_models.drift import Drift
from earthwire.grounding.fidelity import FidelityReport, ModelScore, OutcomeComparison
from earthwire.grounding.samples.outcome_mix import fault_rate
from earthwire.report import MODEL_LABELS, fidelity_page
from tests.report.pages import HOSTILE, TOOLS, calls_of, check, curves_of

PAGE_BYTES_MAX = 250_000
"""With as many tools drawn as there can be: a page is to be mailed and opened on a phone."""
TOOLS_MANY = 400


def score(auc: float) -> ModelScore:
    return ModelScore(auc, 2 - 2 * auc, 1.1, [auc - 0.02, auc + 0.02], [0.5, 0.6], [1.0, 1.2])


def report_of(tools: tuple[str, ...] = TOOLS) -> FidelityReport:
    curves, comparisons = curves_of(tools)
    rate = fault_rate(calls_of(tools))
    return FidelityReport(
        source=HOSTILE,
        calls=1280,
        sessions=16,
        scored_calls=640,
        seed=3,
        repeats=2,
        auc_real=0.51,
        auc_real_repeats=[0.5, 0.52],
        models={
            "mock": score(0.98),
            "jitter": score(0.99),
            "lognormal": score(0.8),
            "earthwire": score(0.55),
        },
        auc_excess=0.04,
        auc_excess_high=0.07,
        auc_calls=0.53,
        auc_calls_real=0.5,
        quantile_ratios={"p50": 1.1, "p90": 1.1, "p95": 1.1, "p99": 0.6, "p99.9": None},
        outcomes=OutcomeComparison(rate, rate, True, {}, {}, 1.0, 1.0, 1.5, 1.6, 0.1, 0.2),
        engine="compact",
        giveaways={"log latency": 0.03, "outcome": -0.001},
        next_step="record more calls",
        tools=comparisons,
        curves=curves,
        drift=Drift(HOSTILE),
        verdict="fail",
        reasons=[f"a reason with {HOSTILE}"],
    )


def test_the_page_holds_verdict_figures_and_every_tool_and_model() -> None:
    page = check(fidelity_page(report_of()))
    text = "\n".join(page.texts)
    for told in (
        "Verdict: fail",
        "90 %",
        "0.550",
        "Next: record more calls.",
        *TOOLS,
        *MODEL_LABELS.values(),
    ):
        assert told in text
    assert "at most +0.070 at 95 %" in text
    assert f"a reason with {HOSTILE}" in page.texts


def test_names_from_traces_stay_text() -> None:
    """`check` admits no element but those that pages are made of: a script or an image would raise."""
    document = fidelity_page(report_of())
    assert "<script" not in document
    assert "<img" not in document
    assert "&lt;script src=" in document


def test_every_chart_says_what_it_shows() -> None:
    charts = check(fidelity_page(report_of())).charts
    assert len(charts) == 7 + len(TOOLS)
    assert all(len(chart) > 40 for chart in charts)


def test_a_page_of_many_tools_lists_all_and_stays_small() -> None:
    tools = tuple(f"GET api.example/v1/{i}/things/{{id}}" for i in range(TOOLS_MANY))
    document = fidelity_page(report_of(tools))
    assert len(document.encode()) <= PAGE_BYTES_MAX
    texts = set(check(document).texts)
    assert set(tools) <= texts
    assert f"{TOOLS_MANY - 24} more tools" in texts


def test_a_report_without_scores_says_why() -> None:
    unscored = msgspec.structs.replace(
        report_of(),
        models={},
        auc_real=None,
        giveaways={},
        curves=None,
        tools=[],
        outcomes=None,
        verdict="insufficient data",
        reasons=["3 sessions: a verdict needs 40"],
    )
    page = check(fidelity_page(unscored))
    assert "Verdict: insufficient data" in page.texts
    assert "3 sessions: a verdict needs 40" in page.texts
    assert page.charts == []


def test_the_gap_of_a_mock_that_cannot_be_told_apart_is_not_stated() -> None:
    report = report_of()
    ours = msgspec.structs.replace(report.models["earthwire"], gap_closed=math.nan)
    page = check(fidelity_page(msgspec.structs.replace(report, models={**report.models, "earthwire": ours})))
    assert page.texts[page.texts.index("of the gap between a mock and reality is closed") - 1] == "n/a"


@pytest.mark.parametrize("is_told", [True, False])
def test_sources_without_outcomes_have_no_faults(is_told: bool) -> None:
    report = report_of()
    assert report.curves is not None
    if not is_told:
        curves = msgspec.structs.replace(report.curves, faults=[])
        report = msgspec.structs.replace(report, outcomes=None, curves=curves)
    texts = check(fidelity_page(report)).texts
    assert ("The source does not record outcomes." in texts) != is_told
