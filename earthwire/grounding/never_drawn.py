"""Requests that no simulation has anything to say of: those of MCP that pass as they come, whatever the profile.

A recording of the proxy holds every request of MCP, also those for which no plan is drawn: always what holds sessions
together, and all but the calls of tools unless the recipe names their methods. A comparison is not about them.
"""

from collections import Counter

import msgspec

from earthwire.fault_models.layer import may_fail
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
        methods = sorted(self.real.keys() | self.simulated.keys())
        counts = f"{sum(self.real.values()):,} real, {sum(self.simulated.values()):,} simulated"
        return f"{counts} ({', '.join(methods)})" if methods else ""


class DrawnCalls:
    """Chooses the calls that plans are drawn for, first of a simulation, then of what it is compared with."""

    def __init__(self) -> None:
        self._methods = {_TOOL_CALL}
        self._real: Counter[str] = Counter()
        self._simulated: Counter[str] = Counter()

    def in_simulation(self, record: TraceRecord) -> bool:
        """Tell whether a plan was drawn for a simulated call; what cannot tell is taken for the usual case."""
        method = record.mcp_method_name
        if method is not None and may_fail(method) and record.plan_last_byte_ns:
            self._methods.add(method)
        return self._counts(record, self._simulated)

    def in_reality(self, record: TraceRecord) -> bool:
        """Tell whether a recorded call is of a kind that plans were drawn for in the simulation."""
        return self._counts(record, self._real)

    def left_out(self) -> NeverDrawn:
        """Return what was not chosen."""
        return NeverDrawn(dict(sorted(self._real.items())), dict(sorted(self._simulated.items())))

    def _counts(self, record: TraceRecord, left_out: Counter[str]) -> bool:
        method = record.mcp_method_name
        if method is None or method in self._methods:
            return True
        left_out[method] += 1
        return False
