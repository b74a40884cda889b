"""Counts over all calls of one proxy, cheap enough to be kept for every call; `/metrics` shows them."""

from bisect import bisect_left
from collections import Counter

from earthwire.proxy.served_record import ServedRecord
from earthwire.traces.record import TraceRecord

DURATION_BOUNDS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""As OpenTelemetry's semantic conventions prescribe for the durations of MCP operations."""

LATENESS_BOUNDS_S = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)

_SECONDS_PER_NANOSECOND = 1e-9


class Histogram:
    """Counts of values by upper bound.

    Attributes:
        bounds: upper bounds of the buckets, rising; a last bucket has none.
        counts: values in each bucket, shape (len(bounds) + 1,).
        total: sum of all values.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class CallCounters:
    """What is counted of each call.

    Attributes:
        calls: by (outcome, origin).
        request_body_bytes, response_body_bytes: sums.
        intended: planned time of the last byte, of calls that have one.
        achieved: time of the last byte.
        lateness: achieved minus intended time, of calls that ended when their plan said.
        early_count: calls that ended before their plan said; never, unless a clock is broken.
    """

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self.request_body_bytes = 0
        self.response_body_bytes = 0
        self.intended = Histogram(DURATION_BOUNDS_S)
        self.achieved = Histogram(DURATION_BOUNDS_S)
        self.lateness = Histogram(LATENESS_BOUNDS_S)
        self.early_count = 0

    def add(self, record: ServedRecord | TraceRecord) -> None:
        """Count a call that is over."""
        self.calls[record.outcome, record.origin or "unknown"] += 1
        self.request_body_bytes += record.http_request_body_size or 0
        self.response_body_bytes += record.http_response_body_size or 0
        if record.duration_ns is not None:
            self.achieved.add(record.duration_ns * _SECONDS_PER_NANOSECOND)
        if record.plan_last_byte_ns:
            self.intended.add(record.plan_last_byte_ns * _SECONDS_PER_NANOSECOND)
        if record.lateness_ns is not None:
            self.early_count += record.lateness_ns < 0
            self.lateness.add(max(record.lateness_ns, 0) * _SECONDS_PER_NANOSECOND)
