"""The robust radius: up to which multiple of recorded reality an agent still succeeds often enough.

All seeds run at every multiple with the same uniforms, so that success falls in one direction. The radius is found by
bisection on a grid. Its interval follows from the interval of the success rate: where the upper end falls below the
target, and where the lower end does (inversion, as for an effective dose).
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from earthwire.grounding.stress.rates import Estimate

Known = Mapping[float, Estimate]
"""Multiple to the success rate there."""

_CURVES: Final[tuple[Callable[[Estimate], float], ...]] = (
    lambda rate: rate.value,
    lambda rate: rate.low,
    lambda rate: rate.high,
)


class RadiusSearch(msgspec.Struct, frozen=True):
    """What is sought.

    Attributes:
        target: success rate that is enough, in (0, 1).
        most: largest multiple that is tried.
        step: distance of neighbouring multiples.
    """

    target: float
    most: float
    step: float

    @property
    def last(self) -> int:
        """Index of the largest multiple on the grid."""
        return int(self.most / self.step + 1e-9)


class Radius(msgspec.Struct, frozen=True):
    """Where success falls below the target.

    Attributes:
        target: success rate that is enough.
        holds_to: largest multiple at which it was enough; None if it is not even when clean.
        falls_by: smallest multiple at which it was not; None if it never fell.
        low: multiple up to which it is surely enough, 0 if nowhere.
        high: multiple from which on it surely is not; None if nowhere.
    """

    target: float
    holds_to: float | None
    falls_by: float | None
    low: float
    high: float | None


def next_multiple(search: RadiusSearch, known: Known) -> float | None:
    """Return the multiple to be tried next; None when the radius and its interval are known."""
    for wanted in (0, search.last):
        if _at(search, wanted) not in known:
            return _at(search, wanted)
    for curve in _CURVES:
        holds, falls = _bracket(search, known, curve)
        if holds is not None and falls is not None and falls - holds > 1:
            return _at(search, (holds + falls) // 2)
    return None


def radius(search: RadiusSearch, known: Known) -> Radius:
    """Return what is known of the radius."""
    (holds, falls), (low, _), (_, high) = (_bracket(search, known, curve) for curve in _CURVES)
    return Radius(
        search.target,
        None if holds is None else _at(search, holds),
        None if falls is None else _at(search, falls),
        0.0 if low is None else _at(search, low),
        None if high is None else _at(search, high),
    )


def _at(search: RadiusSearch, index: int) -> float:
    return round(index * search.step, 9)


def _bracket(
    search: RadiusSearch, known: Known, curve: Callable[[Estimate], float]
) -> tuple[int | None, int | None]:
    """Return between which neighbours on the grid a curve is known to fall below the target."""
    enough = {
        index: curve(known[_at(search, index)]) >= search.target
        for index in range(search.last + 1)
        if _at(search, index) in known
    }
    falls = min((index for index, is_enough in enough.items() if not is_enough), default=None)
    below = [index for index, is_enough in enough.items() if is_enough and (falls is None or index < falls)]
    return max(below, default=None), falls
