"""Draws distributions: which share of the values is at most so large, both tails as wide as the middle."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import htpy

from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
from earthwire.pages.drawing import LEFT, RIGHT, Series, canvas, horizontal_axis, polyline, vertical_axis
from earthwire.pages.scale import log_scale, logit_scale, spaced
from earthwire.traces.quantity_text import milliseconds

if TYPE_CHECKING:
    from earthwire.grounding.gap.curves import Distribution

_TOP, _BOTTOM, _HEIGHT = 8, 178, 200
_TICK_DISTANCE = 46
_VALUES_BEYOND_MIN = 1.0
"""Values that must lie beyond a quantile for it to be drawn: what is further out is one call, not a law."""
_TOLD = (0.5, 0.99)


def distribution_chart(title: str, drawn: "Distribution", levels: Sequence[float]) -> htpy.Element:
    """Return a chart of durations in seconds, positive, on a logarithmic axis."""
    lines: list[tuple[Series, list[float] | None, int]] = [
        ("floor", drawn.floor, drawn.real_count),
        ("real", drawn.real, drawn.real_count),
        ("simulated", drawn.simulated, drawn.simulated_count),
    ]
    shown = {
        series: [
            (value, level) for value, level in zip(values, levels, strict=True) if _is_seen(level, count)
        ]
        for series, values, count in lines
        if values is not None
    }
    return _chart(title, _in_words(drawn, levels), shown)


def law_chart(title: str, law: LatencyTable) -> htpy.Element:
    """Return a chart of a latency law."""
    told = (f"{100 * level:g} % within {milliseconds(law.quantile_s(level))}" for level in _TOLD)
    words = f"From {law.count:,} calls: {'; '.join(told)}"
    return _chart(title, words, {"real": list(zip(law.quantiles_s, LEVELS, strict=True))})


def _chart(title: str, words: str, lines: Mapping[Series, Sequence[tuple[float, float]]]) -> htpy.Element:
    """Draw each series through its points (value in seconds, level), the hindmost first."""
    y = logit_scale(_BOTTOM, _TOP)
    # Points further out would pile up on the edges.
    inside = {
        series: [(value, level) for value, level in points if y.low <= level <= y.high]
        for series, points in lines.items()
    }
    values = [value for points in inside.values() for value, _ in points]
    x = spaced(log_scale(values, LEFT, RIGHT, milliseconds), _TICK_DISTANCE)
    drawn = (
        polyline(series, [(x.place(value), y.place(level)) for value, level in points], series)
        for series, points in inside.items()
    )
    return canvas(title, words, _HEIGHT, [vertical_axis(y), horizontal_axis(x, _TOP, _BOTTOM), *drawn])


def at_level(values: Sequence[float], levels: Sequence[float], level: float) -> float:
    """Return the quantile whose level is nearest."""
    return min(zip(levels, values, strict=True), key=lambda pair: abs(pair[0] - level))[1]


def _is_seen(level: float, count: int) -> bool:
    return count * min(level, 1 - level) >= _VALUES_BEYOND_MIN


def _in_words(drawn: "Distribution", levels: Sequence[float]) -> str:
    told = [
        f"{100 * level:g} % within {milliseconds(at_level(drawn.real, levels, level))} recorded and "
        f"{milliseconds(at_level(drawn.simulated, levels, level))} simulated"
        for level in _TOLD
        if _is_seen(level, min(drawn.real_count, drawn.simulated_count))
    ]
    return f"{drawn.real_count:,} recorded and {drawn.simulated_count:,} simulated values: {'; '.join(told)}"
