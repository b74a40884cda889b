"""The page of `earthwire verify`: a recording of simulated tools held against one of the real tools."""

import htpy

from earthwire.grounding.verify import VerifyReport, taken_back_text
from earthwire.pages.document import figure, page, section, table
from earthwire.pages.scale import linear_scale
from earthwire.report.comparison import fault_section, latency_section, session_section, tool_section
from earthwire.report.fidelity_scores import gap_text
from earthwire.report.headline import headline
from earthwire.report.row_charts import ROW_LEFT, ROW_RIGHT, Mark, Row, point_rows
from earthwire.traces.quantity_text import milliseconds, percent

_AUC_LOW = 0.4


def verify_page(report: VerifyReport) -> str:
    """Return a report as one HTML document that needs nothing else."""
    runs = _run_sentences(report)
    return page(
        f"{report.simulated} against {report.real}",
        [
            _headline(report),
            _score_section(report),
            latency_section(report.curves, report.quantile_ratios),
            fault_section(report.curves, runs),
            session_section(report.curves, []),
            tool_section(report.curves, report.tools),
            _method(report),
        ],
    )


def _headline(report: VerifyReport) -> htpy.Element:
    subtitle = (
        f"{report.simulated} ({report.simulated_calls:,} calls, {report.simulated_sessions:,} sessions) against "
        f"{report.real} ({report.real_calls:,} calls, {report.real_sessions:,} sessions)"
    )
    figures, sentences = [], []
    if report.auc is not None and report.auc_real is not None and report.p_value is not None:
        figures = [
            (gap_text(report.gap_closed), "of the gap between a mock and reality is closed"),
            (
                f"{report.auc:.3f}",
                f"AUC of a classifier that tells it from reality; the floor is {report.auc_real:.3f}",
            ),
            (f"{report.fidelity_ratio_500:.2f}", "distance of latencies over that of two halves of reality"),
        ]
        sentences.append(
            f"How sure: sessions with shuffled labels are told apart as well with p = {report.p_value:.3f}; "
            f"the floor is the mean of {report.repeats} splits."
        )
    real, simulated = percent(report.outcomes_real.rate), percent(report.outcomes_simulated.rate)
    figures.append((f"{real} / {simulated}", "of the calls failed, recorded / simulated"))
    sentences.append(f"Next: {_next_step(report)}")
    return headline(
        "Does the simulation match?", subtitle, report.verdict, figures, sentences, report.reasons
    )


def _next_step(report: VerifyReport) -> str:
    if report.verdict == "INVALID":
        return "serve with more workers, or send fewer calls at once, and record again."
    far = [tool for tool in report.tools if tool.ks > tool.ks_critical]
    if not far:
        return "no tool's latency is off by more than chance; where the verdict is not a pass, look at the faults."
    worst = max(far, key=lambda tool: tool.ks * tool.simulated_calls)
    return (
        f"latencies of {worst.tool} are off most (KS {worst.ks:.3f}, {worst.simulated_calls:,} calls); "
        "`earthwire verify --correct PROFILE` corrects the tables of the profile by this recording."
    )


def _score_section(report: VerifyReport) -> htpy.Element | None:
    scores = [
        ("simulated", report.auc),
        ("mock (median delay)", report.auc_mock),
        ("real half vs real half (floor)", report.auc_real),
    ]
    known = [(name, auc) for name, auc in scores if auc is not None]
    if not known:
        return None
    series = dict(zip((name for name, _ in scores), ("simulated", "other", "floor"), strict=True))
    rows = [Row(name, (Mark(series[name], auc, f"{auc:.3f}"),)) for name, auc in known]  # type: ignore[arg-type]
    lowest = min(_AUC_LOW, *(auc for _, auc in known))
    scale = linear_scale(lowest, 1.0, ROW_LEFT, ROW_RIGHT, lambda value: f"{value:.1f}")
    chart = point_rows("AUC of each side", rows, scale)
    return section(
        "Scores, beside a mock and the noise floor",
        htpy.div(class_="charts wide")[
            figure("AUC: how well it can be told from reality", chart, "0.5: not at all. 1: always."),
            table(("simulation", "AUC"), [(name, f"{auc:.3f}") for name, auc in known], "Scores"),
        ],
    )


def _run_sentences(report: VerifyReport) -> list[str]:
    if report.run_length_real is None or report.run_length_simulated is None:
        return []
    return [
        f"Faults in a row, on average: {report.run_length_real:.2f} recorded, "
        f"{report.run_length_simulated:.2f} simulated."
    ]


def _method(report: VerifyReport) -> htpy.Element:
    sentences = [
        f"Seed {report.seed}. Recorded calls are weighted so that both sides use each tool equally often; only tools "
        "that both sides have are compared."
    ]
    if taken_back := taken_back_text(report):
        sentences.append(f"Left out, as the agent did not wait for them: {taken_back}.")
    if str(report.never_drawn):
        sentences.append(f"Left out, as no plan is drawn for them: {report.never_drawn}.")
    if report.left_out:
        sentences.append(f"Only one side has: {', '.join(report.left_out)}.")
    if report.lag is not None:
        lag = report.lag
        sentences.append(
            f"Lag of the proxy itself: p50 {milliseconds(lag.p50_s)}, p99 {milliseconds(lag.p99_s)}, worst "
            f"{milliseconds(lag.worst_s)}; {percent(lag.distorted_share)} of {lag.calls:,} calls distorted."
        )
    if report.upstream is not None and (added := str(report.upstream)):
        sentences.append(f"{added[0].upper()}{added[1:]}.")
    return section("How this was measured", [htpy.p[sentence] for sentence in sentences])
