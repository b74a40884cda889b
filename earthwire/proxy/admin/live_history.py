"""What the proxy did lately: one sample a second of counts that only ever grow."""

from collections import deque
from operator import sub

import msgspec

from earthwire.proxy.admin.live_models import MOMENTS_MAX, Moment
from earthwire.proxy.recording.call_counters import CallCounters
from earthwire.proxy.recording.histogram import FINE_BOUNDS_S

WINDOW_S = 60
"""Latencies are told of the calls of the last so many samples."""

Buckets = list[int]


class RecentCounts(msgspec.Struct, frozen=True):
    """Counts of durations, each in the buckets of `FINE_BOUNDS_S`."""

    intended: Buckets
    achieved: Buckets
    delay_error: Buckets


class LiveHistory:
    """Keeps the last samples of one proxy's counters.

    Args:
        counters: of all its calls.
    """

    def __init__(self, counters: CallCounters) -> None:
        self._counters = counters
        self._moments: deque[Moment] = deque(maxlen=MOMENTS_MAX)
        nothing = [0] * (len(FINE_BOUNDS_S) + 1)
        self._snapshots = deque([RecentCounts(nothing, nothing, nothing)], maxlen=WINDOW_S)
        self._call_count = 0
        self._fault_count = 0

    @property
    def moments(self) -> list[Moment]:
        """The last seconds, oldest first."""
        return list(self._moments)

    def sample(self, unix_s: int, inflight_count: int, lag_s: float) -> None:
        """Note what the second that ends now has brought.

        Args:
            unix_s: now.
            inflight_count: calls under way.
            lag_s: how late the loop was last.
        """
        call_count = sum(tool.call_count for tool in self._counters.tools.values())
        fault_count = self._counters.fault_kinds.total()
        self._moments.append(
            Moment(
                unix_s=unix_s,
                calls=call_count - self._call_count,
                faults=fault_count - self._fault_count,
                inflight=inflight_count,
                lag_s=max(lag_s, 0.0),
            )
        )
        self._call_count, self._fault_count = call_count, fault_count
        self._snapshots.append(self._counts())

    def recent(self) -> RecentCounts:
        """Return the durations of the calls since the oldest sample of the window."""
        before, now = self._snapshots[0], self._counts()
        return RecentCounts(
            list(map(sub, now.intended, before.intended)),
            list(map(sub, now.achieved, before.achieved)),
            list(map(sub, now.delay_error, before.delay_error)),
        )

    def _counts(self) -> RecentCounts:
        counters = self._counters
        return RecentCounts(
            list(counters.intended.counts), counters.achieved().counts, list(counters.lateness.counts)
        )
