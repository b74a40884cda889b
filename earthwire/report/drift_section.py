"""The section on how tools changed while they were recorded."""

import htpy

from earthwire.fault_models.drift import Drift
from earthwire.pages.document import chart_grid, figure, section
from earthwire.pages.scale import linear_scale, log_scale, percent_tick
from earthwire.report.time_chart import TIME_CHART_SPAN, time_chart
from earthwire.traces.quantity_text import milliseconds, percent

_WINDOWS_MIN = 2
_RATE_MIN = 0.001


def drift_section(drift: Drift) -> htpy.Element:
    """Return what a test for drift found, with latency and faults over the recorded time where they are known."""
    start, end = TIME_CHART_SPAN
    latency = [
        (window, window.median_latency_s) for window in drift.windows if window.median_latency_s is not None
    ]
    rates = [(window, window.fault_rate) for window in drift.windows if window.fault_rate is not None]
    charts = []
    if len(latency) >= _WINDOWS_MIN:
        scale = log_scale([v for _, i in latency for v in (i.low, i.high)], start, end, milliseconds)
        charts.append(
            figure("Median latency", time_chart("Median latency over time", latency, scale, milliseconds))
        )
    if len(rates) >= _WINDOWS_MIN:
        highest = max(max(interval.high for _, interval in rates), _RATE_MIN)
        scale = linear_scale(0.0, highest, start, end, percent_tick)
        charts.append(
            figure("Share of calls that failed", time_chart("Fault rate over time", rates, scale, percent))
        )
    evidence = "" if drift.p_value is None else f" (p = {drift.p_value:.3g} that their order does not matter)"
    note = "Windows of as many sessions each; intervals at 90 %." if charts else None
    return section(
        "Over time",
        htpy.p[f"Test for drift: {drift.note}{evidence}."],
        chart_grid(charts),
        htpy.p(class_="quiet")[note] if note else None,
    )
