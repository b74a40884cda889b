"""Collects what is stated of one tool, one upstream or all calls, and what is not, with the reason."""

from collections.abc import Callable
from typing import ParamSpec

from earthwire.fault_models.intervals import Interval, ScopeIntervals
from earthwire.grounding.certainty.clusters import NotStatedError

_P = ParamSpec("_P")


class Scope:
    """Statements on the parameters of one tool, one upstream or all calls."""

    def __init__(self) -> None:
        self._stated: dict[str, Interval] = {}
        self._not_stated: dict[str, str] = {}

    def state(self, name: str, make: Callable[_P, Interval], *args: _P.args, **kwargs: _P.kwargs) -> None:
        """Take what `make` returns as the interval of a parameter; if it refuses, take the reason."""
        try:
            self._stated[name] = make(*args, **kwargs)
        except NotStatedError as error:
            self._not_stated[name] = str(error)

    def refuse(self, name: str, reason: str) -> None:
        """State of a parameter why there is no interval."""
        self._not_stated[name] = reason

    def result(self) -> ScopeIntervals:
        """Return everything that was said."""
        return ScopeIntervals(self._stated, self._not_stated)
