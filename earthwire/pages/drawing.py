"""The parts that all charts share: the canvas, axes, and the look of each series."""

from collections.abc import Sequence
from typing import Literal

import htpy

from earthwire.pages.scale import Scale

Series = Literal["real", "simulated", "floor", "other"]
"""Whose values a mark shows; colour, dash and shape follow from it (`earthwire.pages.style`)."""

WIDTH = 360
"""Units of every drawing: so narrow that its texts can be read on a phone, where it fills the screen."""
LEFT, RIGHT = 44, 348
"""Where the plotted area of a chart with a vertical axis begins and ends."""


def canvas(title: str, description: str, height: float, parts: Sequence[htpy.Node]) -> htpy.Element:
    """Return a drawing that screen readers know by title and description.

    Args:
        title: what it shows.
        description: what can be seen in it, in words.
        height: in units of the drawing.
        parts: of the drawing, the hindmost first.
    """
    return htpy.svg(
        class_="chart", viewBox=f"0 0 {WIDTH} {height:g}", role="img", aria_label=f"{title}. {description}"
    )[htpy.title[title], htpy.desc[description], list(parts)]


def segment(class_: str | None, x1: float, y1: float, x2: float, y2: float) -> htpy.Element:
    """Return a straight line."""
    return htpy.line(class_=class_, x1=f"{x1:g}", y1=f"{y1:g}", x2=f"{x2:g}", y2=f"{y2:g}")


def box(class_: str, left: float, top: float, width: float, height: float) -> htpy.Element:
    """Return a filled rectangle."""
    return htpy.rect(class_=class_, x=f"{left:g}", y=f"{top:g}", width=f"{width:.4g}", height=f"{height:.4g}")


def lettering(
    text: str, x: float, y: float, anchor: str = "start", class_: str | None = None
) -> htpy.Element:
    """Return a text whose baseline is at `y`; `anchor` is ``start``, ``middle`` or ``end``."""
    return htpy.text(class_=class_, x=f"{x:g}", y=f"{y:g}", text_anchor=anchor)[text]


def horizontal_axis(scale: Scale, top: float, bottom: float) -> htpy.Element:
    """Return grid lines from `top` to `bottom` with their texts below."""
    places = [(scale.place(value), text) for value, text in scale.ticks]
    return htpy.g(class_="axis", aria_hidden="true")[
        [[segment(None, x, top, x, bottom), lettering(text, x, bottom + 14, "middle")] for x, text in places]
    ]


def vertical_axis(scale: Scale) -> htpy.Element:
    """Return grid lines across the plotted area with their texts on the left."""
    places = [(scale.place(value), text) for value, text in scale.ticks]
    return htpy.g(class_="axis", aria_hidden="true")[
        [[segment(None, LEFT, y, RIGHT, y), lettering(text, LEFT - 6, y + 4, "end")] for y, text in places]
    ]


def marker(series: Series, x: float, y: float, text: str) -> htpy.Element:
    """Return a point: a disc for what was recorded, a diamond for what was simulated, a ring for others."""
    shape = (
        htpy.path(class_="point", d=f"M{x:g} {y - 5.5:g}l5.5 5.5l-5.5 5.5l-5.5 -5.5z")
        if series == "simulated"
        else htpy.circle(class_="point", cx=f"{x:g}", cy=f"{y:g}", r="4.5")
    )
    return htpy.g(class_=series)[htpy.title[text], shape]


def polyline(series: Series, points: Sequence[tuple[float, float]], text: str) -> htpy.Element:
    """Return a line through `points`."""
    places = " ".join(f"{x:g},{y:g}" for x, y in points)
    return htpy.g(class_=series)[htpy.title[text], htpy.polyline(class_="line", points=places)]


def legend(names: Sequence[tuple[Series, str]]) -> htpy.Element:
    """Return which series is drawn how."""
    return htpy.ul(class_="legend")[
        [
            htpy.li[
                htpy.svg(viewBox="0 0 28 12", aria_hidden="true")[
                    htpy.g(class_=series)[segment("line", 0, 6, 28, 6)],
                    marker(series, 14, 6, name),
                ],
                name,
            ]
            for series, name in names
        ]
    ]
