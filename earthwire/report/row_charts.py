"""Draws one row a name: points with intervals, or bars. Names stand above their row, so that long ones fit."""

from collections.abc import Callable, Sequence

import htpy
import msgspec

from earthwire.pages.drawing import Series, box, canvas, horizontal_axis, lettering, marker, segment
from earthwire.pages.scale import Scale

ROW_LEFT, ROW_RIGHT = 10.0, 346.0
"""Where rows begin and end."""
_NAME_HEIGHT, _MARK_HEIGHT, _ROW_GAP, _AXIS_HEIGHT = 15, 14, 7, 22
_NAME_CHARACTERS_MAX = 52
_BAR_WIDTH_MIN = 1.0


class Mark(msgspec.Struct, frozen=True):
    """A value of one row.

    Attributes:
        low, high: ends of its interval; None where it has none.
        text: the value in words.
    """

    series: Series
    value: float
    text: str
    low: float | None = None
    high: float | None = None


class Row(msgspec.Struct, frozen=True):
    """A name and its values, each on a line of its own."""

    name: str
    marks: tuple[Mark, ...]


_Draw = Callable[[Mark, Scale, float], htpy.Element]


def point_rows(
    title: str, rows: Sequence[Row], scale: Scale, band: tuple[float, float] | None = None
) -> htpy.Element:
    """Return points with whiskers for their intervals.

    Args:
        title: what it shows.
        rows: from top to bottom.
        scale: horizontal, from `ROW_LEFT` to `ROW_RIGHT`.
        band: values between which all is well.
    """
    shade = []
    if band is not None:
        left, right = scale.place(band[0]), scale.place(band[1])
        width = round(right - left, 1)
        shade = [box("band", left, 0, width, _height(rows))]
    return _chart(title, rows, scale, shade, _point)


def bar_rows(title: str, rows: Sequence[Row], scale: Scale) -> htpy.Element:
    """Return bars that begin at 0, which lies on the scale."""
    return _chart(title, rows, scale, [], _bar)


def _chart(
    title: str, rows: Sequence[Row], scale: Scale, behind: list[htpy.Element], draw: _Draw
) -> htpy.Element:
    bottom = _height(rows)
    parts, y = [*behind, horizontal_axis(scale, 0, bottom)], 0.0
    for row in rows:
        name = lettering(_shortened(row.name), ROW_LEFT, y + 12, class_="name")
        parts.append(htpy.g[htpy.title[row.name], name])
        y += _NAME_HEIGHT
        for mark in row.marks:
            parts.append(draw(mark, scale, y + _MARK_HEIGHT / 2))
            y += _MARK_HEIGHT
        y += _ROW_GAP
    words = "; ".join(f"{row.name}: {', '.join(mark.text for mark in row.marks)}" for row in rows)
    return canvas(title, words, bottom + _AXIS_HEIGHT, parts)


def _point(mark: Mark, scale: Scale, y: float) -> htpy.Element:
    point = marker(mark.series, scale.place(mark.value), y, mark.text)
    if mark.low is None or mark.high is None:
        return point
    whisker = segment("whisker", scale.place(mark.low), y, scale.place(mark.high), y)
    return htpy.g[htpy.g(class_=mark.series)[whisker], point]


def _bar(mark: Mark, scale: Scale, y: float) -> htpy.Element:
    begin, end = sorted((scale.place(0.0), scale.place(mark.value)))
    bar = box("bar", begin, y - 5, max(end - begin, _BAR_WIDTH_MIN if mark.value else 0.0), _MARK_HEIGHT - 4)
    return htpy.g(class_=mark.series)[htpy.title[mark.text], bar]


def _height(rows: Sequence[Row]) -> float:
    return sum(_NAME_HEIGHT + _MARK_HEIGHT * len(row.marks) + _ROW_GAP for row in rows)


def _shortened(name: str) -> str:
    return name if len(name) <= _NAME_CHARACTERS_MAX else name[: _NAME_CHARACTERS_MAX - 1] + "…"
