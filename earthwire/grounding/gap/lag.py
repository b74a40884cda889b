"""How late a simulation was by its own doing, and whether a recording of it can be judged at all.

Every served call carries how late the proxy's own loop was with it. Within a bound that is noise; beyond it the
latencies that were recorded are partly those of an overloaded proxy, and holding them against real ones tells nothing.
"""

import msgspec

from earthwire.traces.record import TraceRecord

LAG_S_MAX = 0.010
LAG_SHARE_MAX = 0.10
"""A call is distorted if the proxy was late with it by more than `LAG_S_MAX` and more than this share of its time."""
DISTORTED_SHARE_MAX = 0.01
"""Share of distorted calls above which a run is not certified."""

_NANOSECONDS_PER_SECOND = 1e9


class LagReport(msgspec.Struct, frozen=True):
    """How late the proxy was in one recording.

    Attributes:
        calls: with a known lag.
        p50_s, p99_s, worst_s: of the lag, in seconds.
        distorted_share: of the calls, in [0, 1].
    """

    calls: int
    p50_s: float
    p99_s: float
    worst_s: float
    distorted_share: float


class LagTally:
    """Counts the lag of records as they are read."""

    def __init__(self) -> None:
        self._lags_ns: list[int] = []
        self._distorted_count = 0

    def add(self, record: TraceRecord) -> None:
        """Count one record; those that no proxy of ours made have no lag."""
        lag_ns = record.proxy_lag_ns
        if lag_ns is None:
            return
        self._lags_ns.append(lag_ns)
        # What the plan asked for; a call that was only forwarded took as long as it took.
        time_ns = record.plan_last_byte_ns or record.duration_ns or 0
        self._distorted_count += lag_ns > max(LAG_S_MAX * _NANOSECONDS_PER_SECOND, LAG_SHARE_MAX * time_ns)

    def report(self) -> LagReport | None:
        """Return what was counted; None if no record had a lag."""
        lags_ns = sorted(self._lags_ns)
        if not lags_ns:
            return None
        count = len(lags_ns)
        p50_s, p99_s, worst_s = (
            lags_ns[min(int(share * count), count - 1)] / _NANOSECONDS_PER_SECOND
            for share in (0.5, 0.99, 1.0)
        )
        return LagReport(count, p50_s, p99_s, worst_s, self._distorted_count / count)


def lag_problems(report: LagReport | None) -> list[str]:
    """Return why a run is not valid: a sentence where too many of its calls are distorted."""
    if report is None or report.distorted_share <= DISTORTED_SHARE_MAX:
        return []
    return [
        f"the proxy itself was late by more than {LAG_S_MAX * 1e3:g} ms and {LAG_SHARE_MAX:.0%} of a call's time with "
        f"{report.distorted_share:.1%} of {report.calls:,} calls, more than {DISTORTED_SHARE_MAX:.0%} (lag p50 "
        f"{report.p50_s * 1e3:.1f} ms, p99 {report.p99_s * 1e3:.1f} ms): it was overloaded; serve with more "
        "--workers, or send fewer calls at once, and record again"
    ]
