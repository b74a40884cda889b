"""The section of scores: how well a classifier tells each simulation from reality, and what it goes by."""

import math

import htpy

from earthwire.grounding.fidelity import FidelityReport, ModelScore
from earthwire.grounding.gap.auc_excess import AUC_EXCESS_MAX
from earthwire.pages.document import chart_grid, figure, section, table
from earthwire.pages.drawing import Series
from earthwire.pages.scale import linear_scale
from earthwire.report.row_charts import ROW_LEFT, ROW_RIGHT, Mark, Row, bar_rows, point_rows

MODEL_LABELS = {
    "mock": "mock (median delay)",
    "jitter": "mean ± jitter",
    "lognormal": "log-normal per tool",
    "earthwire": "earthwire",
}
"""Names of the models in tables and charts."""

_FLOOR_LABEL = "real half vs real half (floor)"
_AUC_LOW = 0.4
_GIVEAWAYS_MAX = 6


def gap_text(gap_closed: float | None) -> str:
    """Return the share of the gap that is closed; it means nothing where even the mock cannot be told apart."""
    return "n/a" if gap_closed is None or math.isnan(gap_closed) else f"{100 * gap_closed:.0f} %"


def score_section(report: FidelityReport) -> htpy.Element:
    """Return the scores of a report that has some, and what the classifier went by."""
    rows = [_score_row(MODEL_LABELS.get(name, name), score) for name, score in report.models.items()]
    low, high = min(report.auc_real_repeats), max(report.auc_real_repeats)
    floor_text = f"{report.auc_real:.3f} [{low:.2f}, {high:.2f}]"
    rows.append((_FLOOR_LABEL, floor_text, "100 %", "1"))
    note = (
        "A classifier is trained to tell simulated calls from recorded ones. AUC 0.5: it cannot. 1: it always can. In "
        "brackets and as whiskers: least and largest of the splits. By single calls, without what is constant in a "
        f"session: AUC {report.auc_calls:.3f}, floor {report.auc_calls_real:.3f}."
    )
    return section(
        "Scores, beside rivals and the noise floor",
        table(
            ("simulation", "AUC", "gap closed", "ratio, m = 500"), rows, "Scores", MODEL_LABELS["earthwire"]
        ),
        htpy.p(class_="quiet")[note],
        chart_grid(
            [
                figure(
                    "AUC: how well it can be told from reality",
                    _score_chart(report),
                    "Further left is better.",
                ),
                figure(
                    "What gives the simulation away",
                    _giveaway_chart(report),
                    "AUC lost when one feature is shuffled: a long bar is what the classifier goes by.",
                ),
            ]
        ),
    )


def _score_row(label: str, score: ModelScore) -> tuple[str, ...]:
    low, high = min(score.auc_repeats), max(score.auc_repeats)
    ratio = f"{score.fidelity_ratio_500:.2f}"
    return (label, f"{score.auc:.3f} [{low:.2f}, {high:.2f}]", gap_text(score.gap_closed), ratio)


def _score_chart(report: FidelityReport) -> htpy.Element:
    assert report.auc_real is not None, "a report with scores has a floor"
    scored = [
        (name, MODEL_LABELS.get(name, name), score.auc, score.auc_repeats)
        for name, score in report.models.items()
    ]
    scored.append(("floor", _FLOOR_LABEL, report.auc_real, report.auc_real_repeats))
    series: dict[str, Series] = {"earthwire": "simulated", "floor": "floor"}
    rows = [
        Row(label, (Mark(series.get(name, "other"), auc, f"{auc:.3f}", min(each), max(each)),))
        for name, label, auc, each in scored
    ]
    lowest = min(_AUC_LOW, *(min(each) for _, _, _, each in scored))
    scale = linear_scale(lowest, 1.0, ROW_LEFT, ROW_RIGHT, lambda value: f"{value:.1f}")
    floor = max(0.5, report.auc_real)
    return point_rows(
        "AUC of each simulation", rows, scale, band=(min(0.5, report.auc_real), floor + AUC_EXCESS_MAX)
    )


def _giveaway_chart(report: FidelityReport) -> htpy.Element:
    telling = list(report.giveaways.items())[:_GIVEAWAYS_MAX]
    rows = [Row(name, (Mark("other", fall, f"{fall:+.3f}"),)) for name, fall in telling]
    falls = [*(fall for _, fall in telling), 0.0, 0.01]
    scale = linear_scale(min(falls), max(falls), ROW_LEFT, ROW_RIGHT, lambda value: f"{value:.2f}")
    return bar_rows("AUC lost when one feature is shuffled", rows, scale)
