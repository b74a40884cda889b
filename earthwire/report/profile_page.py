"""The page of `earthwire show`: the laws of a profile as pictures, each beside the calls that it rests on."""

from collections.abc import Sequence

import htpy

from earthwire.fault_models.profile import Profile, ToolLaws
from earthwire.pages.document import chart_grid, figure, key_figures, page, section, table
from earthwire.pages.scale import linear_scale, percent_tick
from earthwire.report.distribution_chart import law_chart
from earthwire.report.drift_section import drift_section
from earthwire.report.row_charts import ROW_LEFT, ROW_RIGHT, Mark, Row, bar_rows
from earthwire.traces.labels.outcome_kind import is_fault
from earthwire.traces.quantity_text import milliseconds, percent

TOOLS_PICTURED_MAX = 24
"""Tools with pictures of their own, the busiest ones; all others are in the table."""
_KINDS_MAX = 10
_SHARE_MIN = 0.001
_LEVELS = (0.5, 0.95, 0.99)


def profile_page(name: str, profile: Profile, tools: Sequence[str]) -> str:
    """Return a profile as one HTML document that needs nothing else.

    Args:
        name: of the profile.
        profile: what to show.
        tools: keys of the tools to show, in their order.
    """
    return page(
        f"Profile {name}",
        [
            _headline(name, profile),
            _fault_section(profile.overall),
            _tool_section(profile, tools),
            None if profile.drift is None else drift_section(profile.drift),
            _sources(profile),
        ],
    )


def _headline(name: str, profile: Profile) -> htpy.Element:
    law = profile.overall.main_latency
    figures = [
        (f"{len(profile.tools):,}", "tools"),
        (f"{profile.provenance.calls:,}", f"calls in {profile.provenance.sessions:,} sessions"),
        (_fault_share(profile.overall), "of the calls failed"),
    ]
    if law is not None:
        told = (
            f"{milliseconds(law.quantile_s(0.5))} / {milliseconds(law.quantile_s(0.99))}",
            "p50 / p99 of all calls",
        )
        figures.append(told)
    return htpy.header[htpy.h1["What these tools do"], htpy.p(class_="quiet")[name], key_figures(figures)]


def _fault_section(overall: ToolLaws) -> htpy.Element:
    total = sum(overall.outcomes.total.values())
    faults = sorted(
        ((kind, count) for kind, count in overall.outcomes.total.items() if is_fault(kind)),
        key=lambda pair: -pair[1],
    )[:_KINDS_MAX]
    if not faults:
        return section("Faults", htpy.p["None was recorded, or the source does not record outcomes."])
    rows = [
        Row(kind, (Mark("real", count / total, f"{percent(count / total)}, {count:,} calls"),))
        for kind, count in faults
    ]
    highest = max(faults[0][1] / total, _SHARE_MIN)
    chart = bar_rows("Faults by kind", rows, linear_scale(0.0, highest, ROW_LEFT, ROW_RIGHT, percent_tick))
    return section("Faults", chart_grid([figure("Share of the calls", chart)]))


def _tool_section(profile: Profile, tools: Sequence[str]) -> htpy.Element:
    laws = [(name, profile.tools[name].main_latency) for name in tools[:TOOLS_PICTURED_MAX]]
    charts = [
        figure(name, law_chart(f"Latency of {name}", law), f"{law.count:,} calls, support: {law.support}")
        for name, law in laws
        if law is not None
    ]
    head = ("tool", "calls", "faults", *(f"p{100 * level:g}" for level in _LEVELS), "support")
    return section(
        "Latency, tool by tool",
        htpy.p(class_="quiet")[
            "Share of the calls that take at most so long; both axes stretch what is rare."
        ],
        chart_grid(charts),
        table(head, [_cells(name, profile.tools[name]) for name in tools], "Every tool"),
    )


def _cells(name: str, laws: ToolLaws) -> list[str]:
    law = laws.main_latency
    known = [f"{laws.calls:,}", _fault_share(laws)]
    if law is None:
        return [name, *known, *["n/a"] * len(_LEVELS), "n/a"]
    return [name, *known, *(milliseconds(law.quantile_s(level)) for level in _LEVELS), law.support]


def _fault_share(laws: ToolLaws) -> str:
    return "n/a" if laws.fault_share is None else percent(laws.fault_share)


def _sources(profile: Profile) -> htpy.Element:
    provenance = profile.provenance
    sentences = [
        f"Learned from {source.name} ({source.format}, {source.calls:,} calls, sha256 {source.sha256[:12]}…)."
        for source in provenance.sources
    ]
    sentences += [f"Cannot tell: {reason}." for reason in provenance.cannot_tell]
    return section("Where this comes from", [htpy.p[sentence] for sentence in sentences])
