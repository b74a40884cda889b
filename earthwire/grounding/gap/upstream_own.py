"""What a simulation owes to the upstream behind the proxy: faults and time that no plan asked for.

An upstream that fails or takes its time by itself adds both to what is drawn. It is no fault of the profile, and no
better profile would mend it.
"""

import msgspec

from earthwire.grounding.gap.lag import LAG_S_MAX, LAG_SHARE_MAX
from earthwire.traces.quantity_text import counted
from earthwire.traces.record import TraceRecord

TOLD_SHARE_MIN = 0.01
"""Share of the simulated calls from which on it is told."""

_NANOSECONDS_PER_SECOND = 1e9


class UpstreamReport(msgspec.Struct, frozen=True):
    """What the upstream added in one recording of a simulation.

    Attributes:
        calls: that a plan was drawn for.
        failed: those of them that the upstream answered with an error, or not at all, where the plan asked for none.
        late: those that took longer than drawn, beyond what is tolerated of the proxy's own lag.
    """

    calls: int
    failed: int
    late: int

    def __str__(self) -> str:
        """Return it in a sentence, with the way out; empty where it is less than `TOLD_SHARE_MIN`."""
        told = []
        if self.failed >= TOLD_SHARE_MIN * self.calls:
            told.append(f"failed by itself with {self.failed:,}")
        if self.late >= TOLD_SHARE_MIN * self.calls:
            told.append(f"took longer than was drawn with {self.late:,}")
        if not told:
            return ""
        return (
            f"the upstream behind the proxy {' and '.join(told)} of {counted(self.calls, 'simulated call')}: serve in "
            "front of a mock that answers at once and does not fail"
        )


class UpstreamTally:
    """Counts what the upstream added as records are read."""

    def __init__(self) -> None:
        self._calls = self._failed = self._late = 0

    def add(self, record: TraceRecord) -> None:
        """Count one record; those that no plan was drawn for tell nothing."""
        plan_ns = record.plan_last_byte_ns
        if not plan_ns:
            return
        self._calls += 1
        is_error = record.outcome not in (None, "ok", "cancelled")
        self._failed += is_error and record.plan_outcome == "ok" and record.origin == "upstream"
        own_ns = (record.lateness_ns or 0) - (record.proxy_lag_ns or 0)
        self._late += own_ns > max(LAG_S_MAX * _NANOSECONDS_PER_SECOND, LAG_SHARE_MAX * plan_ns)

    def report(self) -> UpstreamReport | None:
        """Return what was counted; None if no record had a plan."""
        return UpstreamReport(self._calls, self._failed, self._late) if self._calls else None
