"""The page of `earthwire fidelity`: how faithful a simulation of held-out sessions is."""

import htpy

from earthwire.grounding.fidelity import FidelityReport
from earthwire.grounding.gap.auc_excess import AUC_EXCESS_MAX
from earthwire.grounding.gap.never_drawn import never_drawn_text
from earthwire.pages.document import page, section
from earthwire.report.comparison import fault_section, latency_section, session_section, tool_section
from earthwire.report.drift_section import drift_section
from earthwire.report.fidelity_scores import gap_text, score_section
from earthwire.report.headline import headline
from earthwire.traces.quantity_text import percent


def fidelity_page(report: FidelityReport) -> str:
    """Return a report as one HTML document that needs nothing else."""
    curves = report.curves
    parts: list[htpy.Node] = [_headline(report)]
    if report.models:
        parts.append(score_section(report))
    if curves is not None:
        parts += [
            latency_section(curves, report.quantile_ratios),
            fault_section(curves, _fault_sentences(report)),
            session_section(curves, _session_sentences(report)),
            tool_section(curves, report.tools),
        ]
    return page(f"Fidelity of {report.source}", [*parts, drift_section(report.drift), _method(report)])


def _headline(report: FidelityReport) -> htpy.Element:
    subtitle = (
        f"{report.source}: {report.calls:,} calls with a latency in {report.sessions:,} sessions; calibrated on one "
        "half of the sessions, held against the other half"
    )
    figures, sentences = [], []
    ours = report.models.get("earthwire")
    if ours is not None and report.auc_real is not None:
        figures = [
            (gap_text(ours.gap_closed), "of the gap between a mock and reality is closed"),
            (
                f"{ours.auc:.3f}",
                f"AUC of a classifier that tells it from reality; the floor is {report.auc_real:.3f}",
            ),
            (f"{ours.fidelity_ratio_500:.2f}", "distance of latencies over that of two halves of reality"),
        ]
        sentences.append(f"How sure: {_certainty(report)}")
    if report.outcomes is not None:
        real, simulated = percent(report.outcomes.real.rate), percent(report.outcomes.simulated.rate)
        figures.append((f"{real} / {simulated}", "of the calls failed, recorded / simulated"))
    sentences.append(f"Next: {report.next_step}.")
    return headline(
        "How faithful is the simulation?", subtitle, report.verdict, figures, sentences, report.reasons
    )


def _certainty(report: FidelityReport) -> str:
    splits = "one split" if report.repeats == 1 else f"{report.repeats} splits"
    excess = f"over {splits} the AUC is {report.auc_excess:+.3f} off the floor"
    if report.auc_excess_high is None:
        return f"{excess}; one split does not tell how much that varies."
    return f"{excess}, and at most {report.auc_excess_high:+.3f} at 95 % ({AUC_EXCESS_MAX} is allowed)."


def _fault_sentences(report: FidelityReport) -> list[str]:
    outcomes = report.outcomes
    if outcomes is None:
        return []
    sentences = [
        f"Kolmogorov-Smirnov distance of the number of faults a session: {outcomes.session_errors_ks:.3f}."
    ]
    if outcomes.real_dispersion is not None and outcomes.simulated_dispersion is not None:
        sentences.append(
            f"Dispersion of faults over 100 calls: {outcomes.real_dispersion:.2f} recorded, "
            f"{outcomes.simulated_dispersion:.2f} simulated (1: independent)."
        )
    return sentences


def _session_sentences(report: FidelityReport) -> list[str]:
    if report.outcomes is None:
        return []
    return [
        f"Kolmogorov-Smirnov distance of the total latency of sessions: {report.outcomes.session_totals_ks:.3f}."
    ]


def _method(report: FidelityReport) -> htpy.Element:
    left_out = never_drawn_text(report.never_drawn.real)
    return section(
        "How this was measured",
        htpy.p[
            f"{report.repeats} random splits by session, seed {report.seed}; {report.scored_calls:,} calls scored a "
            "split. Scores are means over the splits; pictures, faults, sessions and tools show the first one. The gap "
            "is closed by 0 % for a mock that answers with the median delay, and by 100 % for another half of reality."
        ],
        htpy.p[f"Calls of an episode hang together by the {report.engine} engine."]
        if report.engine
        else None,
        htpy.p[f"Left out, as no plan is drawn for them: {left_out}."] if left_out else None,
    )
