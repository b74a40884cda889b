"""The sections that hold recorded calls against simulated ones, whichever report they belong to."""

from collections.abc import Sequence

import htpy

from earthwire.grounding.gap.curves import RUN_LENGTHS, TOOLS_DRAWN_MAX, Curves, Distribution
from earthwire.grounding.gap.tool_comparison import ToolComparison
from earthwire.grounding.gap.verdict import TAIL_RANGE
from earthwire.grounding.samples.outcome_mix import Rate
from earthwire.pages.document import chart_grid, figure, section, table
from earthwire.pages.drawing import Series, legend
from earthwire.pages.scale import linear_scale, percent_tick, ratio_scale
from earthwire.report.distribution_chart import at_level, distribution_chart
from earthwire.report.row_charts import ROW_LEFT, ROW_RIGHT, Mark, Row, bar_rows, point_rows
from earthwire.traces.quantity_text import milliseconds, percent

_NOT_KNOWN = "n/a"
_TABLE_LEVELS = (0.5, 0.95, 0.99)
_VALUES_BEYOND_MIN = 10
_TOOL_NOTE = (
    "Recorded / simulated. * beyond what independent calls of one law show 1 % of the time; calls of one session hang "
    "together, so that two halves of reality often differ by more as well. "
    f"{_NOT_KNOWN}: too few calls to tell, or not among the tools drawn."
)
_SIDES: list[tuple[Series, str]] = [("real", "recorded"), ("simulated", "simulated")]
_HALVES: list[tuple[Series, str]] = [*_SIDES, ("floor", "another half of reality")]


def latency_section(curves: Curves, ratios: dict[str, float | None]) -> htpy.Element:
    """Return the latency of all calls and how far each quantile is off."""
    charts = []
    if curves.latency_s is not None:
        charts.append(
            figure(
                "Latency of all calls",
                distribution_chart("Latency of all calls", curves.latency_s, curves.levels),
                "Share of the calls that took at most so long; both axes stretch what is rare, to show the tails.",
            )
        )
    known = {name: ratio for name, ratio in ratios.items() if ratio is not None}
    if known:
        charts.append(figure("Simulated latency over recorded latency", _ratio_chart(known), _ratio_note()))
    unknown = [name for name in ratios if name not in known]
    too_few = f"Too few calls to tell: {', '.join(unknown)}." if unknown else None
    return section(
        "Latency",
        legend(_names(curves.latency_s)),
        chart_grid(charts),
        htpy.p(class_="quiet")[too_few] if too_few else None,
    )


def tool_section(curves: Curves, comparisons: Sequence[ToolComparison]) -> htpy.Element:
    """Return every tool in a table, and the latency of the busiest ones in pictures."""
    drawn = [(tool, tool.latency_s) for tool in curves.tools if tool.latency_s is not None]
    charts = [
        figure(tool.tool, distribution_chart(f"Latency of {tool.tool}", latency, curves.levels))
        for tool, latency in drawn
    ]
    by_name = {comparison.tool: comparison for comparison in comparisons}
    rows = [
        (
            tool.tool,
            f"{tool.real_calls:,} / {tool.simulated_calls:,}",
            *_quantile_cells(tool.latency_s, curves.levels),
            *_distance_cells(by_name.get(tool.tool)),
        )
        for tool in curves.tools
    ]
    head = ("tool", "calls", *(f"p{100 * level:g}" for level in _TABLE_LEVELS), "KS", "faults")
    return section(
        "Tool by tool",
        legend(_names(drawn[0][1])) if drawn else None,
        chart_grid(charts),
        table(head, rows[:TOOLS_DRAWN_MAX], "The busiest tools"),
        _folded_table(head, rows[TOOLS_DRAWN_MAX:]),
        htpy.p(class_="quiet")[_TOOL_NOTE],
    )


def _folded_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> htpy.Element | None:
    if not rows:
        return None
    name = f"{len(rows):,} more tools"
    return htpy.details[htpy.summary[name], table(head, rows, name)]


def fault_section(curves: Curves, sentences: Sequence[str]) -> htpy.Element:
    """Return how often calls fail, how, and in what runs.

    Args:
        curves: of the report.
        sentences: what else is known of faults.
    """
    if not curves.faults:
        return section("Faults", htpy.p["The source does not record outcomes."])
    rows = [
        Row(
            fault.kind,
            tuple(_rate_mark(series, name, rate) for (series, name), rate in zip(_SIDES, rates, strict=True)),
        )
        for fault, rates in ((fault, (fault.real, fault.simulated)) for fault in curves.faults)
    ]
    highest = max(mark.high or mark.value for row in rows for mark in row.marks)
    scale = linear_scale(0.0, min(max(highest, 0.001), 1.0), ROW_LEFT, ROW_RIGHT, percent_tick)
    charts = [
        figure(
            "Share of the calls",
            point_rows("Faults by kind", rows, scale),
            "Intervals at 99 %, at the number of independent calls that clustered faults are worth.",
        )
    ]
    if curves.run_lengths_real is not None:
        charts.append(
            figure(
                "Faults in a row",
                _run_chart(curves.run_lengths_real, curves.run_lengths_simulated),
                "Share of the runs of faults of one tool in one session that are so long.",
            )
        )
    return section("Faults", legend(_SIDES), chart_grid(charts), [htpy.p[sentence] for sentence in sentences])


def session_section(curves: Curves, sentences: Sequence[str]) -> htpy.Element | None:
    """Return how long whole sessions took; nothing where there are too few."""
    if curves.session_total_s is None:
        return None
    chart = distribution_chart("Total latency of a session", curves.session_total_s, curves.levels)
    return section(
        "Sessions",
        legend(_names(curves.session_total_s)),
        chart_grid(
            [
                figure(
                    "Total latency of a session",
                    chart,
                    "Share of the sessions whose calls took at most so long.",
                )
            ]
        ),
        [htpy.p[sentence] for sentence in sentences],
    )


def _ratio_chart(ratios: dict[str, float]) -> htpy.Element:
    rows = [Row(name, (Mark("simulated", ratio, f"× {ratio:.2f}"),)) for name, ratio in ratios.items()]
    scale = ratio_scale(list(ratios.values()), ROW_LEFT, ROW_RIGHT)
    return point_rows("Simulated latency over recorded latency, by quantile", rows, scale, band=TAIL_RANGE)


def _ratio_note() -> str:
    low, high = TAIL_RANGE
    return f"× 1 is exact; p99 has to lie in the shaded part, × {low:g} to × {high:g}."


def _run_chart(real: list[float], simulated: list[float] | None) -> htpy.Element:
    rows = []
    for i, length in enumerate(RUN_LENGTHS):
        marks = [Mark("real", real[i], f"{percent(real[i])} recorded")]
        if simulated is not None:
            marks.append(Mark("simulated", simulated[i], f"{percent(simulated[i])} simulated"))
        rows.append(Row(length, tuple(marks)))
    return bar_rows("Faults in a row", rows, linear_scale(0.0, 1.0, ROW_LEFT, ROW_RIGHT, percent_tick))


def _rate_mark(series: Series, name: str, rate: Rate) -> Mark:
    text = f"{percent(rate.rate)} [{percent(rate.low)}, {percent(rate.high)}] {name}"
    return Mark(series, rate.rate, text, rate.low, rate.high)


def _quantile_cells(latency: Distribution | None, levels: Sequence[float]) -> list[str]:
    if latency is None:
        return [_NOT_KNOWN] * len(_TABLE_LEVELS)
    few = min(latency.real_count, latency.simulated_count)
    return [
        f"{milliseconds(at_level(latency.real, levels, level))} / "
        f"{milliseconds(at_level(latency.simulated, levels, level))}"
        if few * (1 - level) >= _VALUES_BEYOND_MIN
        else _NOT_KNOWN
        for level in _TABLE_LEVELS
    ]


def _distance_cells(comparison: ToolComparison | None) -> list[str]:
    if comparison is None:
        return [_NOT_KNOWN, _NOT_KNOWN]
    is_far, differs = comparison.ks > comparison.ks_critical, not comparison.agree
    return [
        f"{comparison.ks:.3f}{'*' if is_far else ''}",
        f"{percent(comparison.real.rate)} / {percent(comparison.simulated.rate)}{'*' if differs else ''}",
    ]


def _names(drawn: Distribution | None) -> list[tuple[Series, str]]:
    return _HALVES if drawn is not None and drawn.floor is not None else _SIDES
