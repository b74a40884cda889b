"""Draws how a figure changed over windows of recorded time, with its interval."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import htpy

from earthwire.fault_models.drift import DriftWindow
from earthwire.fault_models.intervals import Interval
from earthwire.pages.drawing import LEFT, RIGHT, canvas, lettering, marker, polyline, segment, vertical_axis
from earthwire.pages.scale import Scale

_TOP, _BOTTOM, _HEIGHT = 8.0, 128.0, 150.0
TIME_CHART_SPAN = (_BOTTOM, _TOP)
"""Start and end of its vertical axis."""


def time_chart(
    title: str,
    windows: Sequence[tuple[DriftWindow, Interval]],
    scale: Scale,
    text: Callable[[float], str],
) -> htpy.Element:
    """Return a line through the estimates, one a window at its middle, with a whisker for each interval.

    Args:
        title: what it shows.
        windows: at least two, in the order of time.
        scale: vertical, over `TIME_CHART_SPAN`.
        text: writes a value.
    """
    begin_s, end_s = windows[0][0].start_s, windows[-1][0].end_s
    span_s = max(end_s - begin_s, 1.0)
    parts, points = [vertical_axis(scale), _dates(begin_s, end_s)], []
    for window, interval in windows:
        middle_s = (window.start_s + window.end_s) / 2
        x = round(LEFT + 8 + (middle_s - begin_s) / span_s * (RIGHT - LEFT - 16), 1)
        points.append((x, scale.place(interval.estimate)))
        told = (
            f"{_date(middle_s)}: {text(interval.estimate)} [{text(interval.low)}, {text(interval.high)}], "
            f"{window.calls:,} calls"
        )
        whisker = segment("whisker", x, scale.place(interval.low), x, scale.place(interval.high))
        parts += [htpy.g(class_="real")[whisker], marker("real", x, points[-1][1], told)]
    first, last = windows[0][1].estimate, windows[-1][1].estimate
    words = f"From {text(first)} to {text(last)} in {len(windows)} windows"
    return canvas(title, words, _HEIGHT, [*parts, polyline("real", points, title)])


def _dates(begin_s: float, end_s: float) -> htpy.Element:
    y = _BOTTOM + 16
    return htpy.g(class_="axis", aria_hidden="true")[
        lettering(_date(begin_s), LEFT, y),
        lettering(_date(end_s), RIGHT, y, "end"),
    ]


def _date(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M")
