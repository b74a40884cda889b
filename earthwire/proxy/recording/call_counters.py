"""Counts over all calls of one proxy, cheap enough to be kept for every call; metrics and dashboard show them."""

from collections import Counter

from earthwire.proxy.recording.histogram import Histogram
from earthwire.proxy.recording.served_record import ServedRecord
from earthwire.traces.labels.outcome_kind import is_fault, kind_of_record
from earthwire.traces.record import TraceRecord

TOOLS_COUNTED_MAX = 200
KINDS_COUNTED_MAX = 200
OTHERS = "(others)"
"""Stands for the tools and the kinds beyond these bounds: clients choose the paths that tools are named after."""

_SECONDS_PER_NANOSECOND = 1e-9


class ToolCounts:
    """What is counted of the calls of one tool.

    Attributes:
        calls: by (outcome, origin).
        achieved: time of the last byte.
    """

    __slots__ = ("achieved", "calls")

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self.achieved = Histogram()

    @property
    def call_count(self) -> int:
        """Calls that are over."""
        return self.calls.total()

    @property
    def fault_count(self) -> int:
        """Calls that ended as a fault."""
        return sum(count for (outcome, _), count in self.calls.items() if is_fault(outcome))


class CallCounters:
    """What is counted of each call.

    Attributes:
        fault_kinds: calls that ended as a fault, by outcome kind.
        tools: by name.
        request_body_bytes, response_body_bytes: sums.
        intended: planned time of the last byte, of calls that have one.
        lateness: achieved minus intended time, of calls that ended when their plan said.
        early_count: calls that ended before their plan said; never, unless a clock is broken.
    """

    def __init__(self) -> None:
        self.fault_kinds: Counter[str] = Counter()
        self.tools: dict[str, ToolCounts] = {}
        self.request_body_bytes = 0
        self.response_body_bytes = 0
        self.intended = Histogram()
        self.lateness = Histogram()
        self.early_count = 0

    def add_alike(self, record: ServedRecord, durations_s: list[float]) -> None:
        """Count calls in virtual time that ended as planned and whose records differ in their times alone.

        Args:
            record: of one of them.
            durations_s: of each.
        """
        tool, count = self.tools.get(record.tool) or self._new_tool(record.tool), len(durations_s)
        tool.calls[record.outcome, record.origin or "unknown"] += count
        if is_fault(record.outcome):
            self._add_fault(record, count)
        self.request_body_bytes += count * (record.http_request_body_size or 0)
        self.response_body_bytes += count * (record.http_response_body_size or 0)
        tool.achieved.add_all(durations_s)
        self.intended.add_all([duration_s for duration_s in durations_s if duration_s])

    def add(self, record: ServedRecord | TraceRecord) -> None:
        """Count a call that is over."""
        tool = self.tools.get(record.tool) or self._new_tool(record.tool)
        tool.calls[record.outcome, record.origin or "unknown"] += 1
        if record.outcome != "ok" and is_fault(record.outcome):
            self._add_fault(record)
        self.request_body_bytes += record.http_request_body_size or 0
        self.response_body_bytes += record.http_response_body_size or 0
        if record.duration_ns is not None:
            tool.achieved.add(record.duration_ns * _SECONDS_PER_NANOSECOND)
        if record.plan_last_byte_ns:
            self.intended.add(record.plan_last_byte_ns * _SECONDS_PER_NANOSECOND)
        if record.lateness_ns is not None:
            self.early_count += record.lateness_ns < 0
            self.lateness.add(max(record.lateness_ns, 0) * _SECONDS_PER_NANOSECOND)

    def calls(self) -> Counter[tuple[str, str]]:
        """Return the calls by (outcome, origin), over all tools."""
        merged: Counter[tuple[str, str]] = Counter()
        for tool in self.tools.values():
            merged.update(tool.calls)
        return merged

    def achieved(self) -> Histogram:
        """Return the times of the last byte, over all tools."""
        merged = Histogram()
        for tool in self.tools.values():
            merged.merge(tool.achieved)
        return merged

    def _new_tool(self, name: str) -> ToolCounts:
        if len(self.tools) >= TOOLS_COUNTED_MAX:
            name = OTHERS
        return self.tools.setdefault(name, ToolCounts())

    def _add_fault(self, record: ServedRecord | TraceRecord, count: int = 1) -> None:
        kind = kind_of_record(record)
        has_room = kind in self.fault_kinds or len(self.fault_kinds) < KINDS_COUNTED_MAX
        self.fault_kinds[kind if has_room else OTHERS] += count
