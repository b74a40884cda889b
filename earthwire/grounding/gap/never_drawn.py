"""Requests that no simulation has anything to say of: those of MCP that pass as they come, whatever the profile.

A recording of the proxy holds every request of MCP, also those for which no plan is drawn: always what holds sessions
together, and all but the calls of tools unless the recipe names their methods. No law is about them, and no comparison.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from earthwire.fault_models.steps.layer import may_fail
from earthwire.traces.record import TraceRecord

_TOOL_CALL = "tools/call"


class NeverDrawn(msgspec.Struct, frozen=True):
    """Requests that were left out of a comparison since no plan is drawn for them.

    Attributes:
        real, simulated: how many on each side, by method of MCP.
    """

    real: dict[str, int] = {}
    simulated: dict[str, int] = {}

    def __str__(self) -> str:
        """Return them in words; empty where there are none."""
        counts = f"{sum(self.real.values()):,} real, {sum(self.simulated.values()):,} simulated"
        return _with_methods(counts, self.real.keys() | self.simulated.keys())


def never_drawn_text(counts: Mapping[str, int]) -> str:
    """Return the requests that were left out of one recording in words; empty where there are none.

    Args:
        counts: how many, by method of MCP.
    """
    return _with_methods(f"{sum(counts.values()):,}", counts.keys())


def _with_methods(counts: str, methods: Iterable[str]) -> str:
    named = ", ".join(sorted(methods))
    return f"{counts} ({named})" if named else ""


class DrawnCalls:
    """Chooses the calls that plans are drawn for, first of a simulation, if any, then of what is recorded.

    Args:
        methods: of MCP that a recipe lets fail besides the calls of tools, where no simulation shows them.

    Raises:
        ValueError: if one of them holds sessions together.
    """

    def __init__(self, methods: Iterable[str] = ()) -> None:
        for method in methods:
            if not may_fail(method):
                raise ValueError(f"{method!r} holds sessions together: no plan is ever drawn for it")
        self._methods = {_TOOL_CALL, *methods}
        self._real: Counter[str] = Counter()
        self._simulated: Counter[str] = Counter()

    def in_simulation(self, record: TraceRecord) -> bool:
        """Tell whether a plan was drawn for a simulated call; what cannot tell is taken for the usual case."""
        method = record.mcp_method_name
        if method is not None and may_fail(method) and record.plan_last_byte_ns:
            self._methods.add(method)
        return self._counts(record, self._simulated)

    def in_reality(self, record: TraceRecord) -> bool:
        """Tell whether a recorded call is of a kind that plans are drawn for."""
        return self._counts(record, self._real)

    def is_drawn(self, method: str | None) -> bool:
        """Tell whether plans are drawn for requests of a method of MCP; None is that of all other calls."""
        return method is None or method in self._methods

    def leave_out(self, counts: Mapping[str, int]) -> None:
        """Take note of recorded requests that were left out elsewhere, by method."""
        self._real.update(counts)

    def left_out(self) -> NeverDrawn:
        """Return what was not chosen."""
        return NeverDrawn(dict(sorted(self._real.items())), dict(sorted(self._simulated.items())))

    def _counts(self, record: TraceRecord, left_out: Counter[str]) -> bool:
        method = record.mcp_method_name
        if method is None or self.is_drawn(method):
            return True
        left_out[method] += 1
        return False
