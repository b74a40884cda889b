"""Maps values to places along an axis, and chooses the ticks that people read them by."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 5.0)
_TICKS_WANTED = 4
_LOG_STEPS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0))
"""Ticks in each decade of a logarithmic axis: the first of these that gives `_LOG_TICKS_MIN`, else the last."""
_LOG_TICKS_MIN = 3
_LOG_SPAN_MIN = 1.2
_LOGIT_TICKS = (0.01, 0.1, 0.5, 0.9, 0.99)
_LOGIT_EDGE = 0.004
_RATIO_TICKS = (0.25, 0.5, 0.8, 1.0, 1.25, 2.0, 4.0)

Transform = Callable[[float], float]
TickText = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Scale:
    """One axis.

    Attributes:
        low, high: values at its ends.
        start, end: where these lie in the drawing; `start` may be the larger one.
        transform: makes the axis linear: identity, logarithm or logit.
        ticks: values with their texts.
    """

    low: float
    high: float
    start: float
    end: float
    transform: Transform
    ticks: tuple[tuple[float, str], ...]

    def place(self, value: float) -> float:
        """Return where a value lies; values beyond an end lie on it."""
        inside = min(max(value, self.low), self.high)
        begin, end = self.transform(self.low), self.transform(self.high)
        share = (self.transform(inside) - begin) / (end - begin)
        return round(self.start + share * (self.end - self.start), 1)


def linear_scale(low: float, high: float, start: float, end: float, text: TickText) -> Scale:
    """Return a linear axis with ticks at round values; `high` is above `low`."""
    rough = (high - low) / _TICKS_WANTED
    decade = 10.0 ** math.floor(math.log10(rough))
    step = next((s * decade for s in _STEPS if s * decade >= rough), 10.0 * decade)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    ticks = tuple((i * step, text(i * step)) for i in range(first, last + 1))
    return Scale(low, high, start, end, float, ticks)


def log_scale(values: Sequence[float], start: float, end: float, text: TickText) -> Scale:
    """Return a logarithmic axis that holds all `values`, which are positive."""
    low, high = min(values), max(values)
    if high < low * _LOG_SPAN_MIN:
        low, high = low / _LOG_SPAN_MIN, high * _LOG_SPAN_MIN
    decades = [
        10.0**exponent for exponent in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ]
    ticks: list[float] = []
    for steps in _LOG_STEPS:
        ticks = [step * decade for decade in decades for step in steps if low <= step * decade <= high]
        if len(ticks) >= _LOG_TICKS_MIN:
            break
    return Scale(low, high, start, end, math.log, tuple((tick, text(tick)) for tick in ticks))


def ratio_scale(values: Sequence[float], start: float, end: float) -> Scale:
    """Return a logarithmic axis of ratios around 1 that holds all `values`, which are positive."""
    low, high = min(*values, _RATIO_TICKS[1]), max(*values, _RATIO_TICKS[-2])
    inside = [tick for tick in _RATIO_TICKS if low <= tick <= high]
    return Scale(
        low / 1.05, high * 1.05, start, end, math.log, tuple((tick, f"× {tick:g}") for tick in inside)
    )


def logit_scale(start: float, end: float) -> Scale:
    """Return an axis of probabilities that gives both tails as much room as the middle."""
    ticks = tuple((level, f"{100 * level:g} %") for level in _LOGIT_TICKS)
    return Scale(_LOGIT_EDGE, 1 - _LOGIT_EDGE, start, end, lambda p: math.log(p / (1 - p)), ticks)


def percent_tick(share: float) -> str:
    """Return a round share as a percentage without needless digits."""
    return f"{100 * share:.4g} %"


def spaced(scale: Scale, distance: float) -> Scale:
    """Return the scale without the ticks whose texts would run into the one before."""
    kept: list[tuple[float, str]] = []
    for tick in scale.ticks:
        if not kept or abs(scale.place(tick[0]) - scale.place(kept[-1][0])) >= distance:
            kept.append(tick)
    return Scale(scale.low, scale.high, scale.start, scale.end, scale.transform, tuple(kept))
