"""What if the agent waited longer, or less long: how often a client with a given patience would see a time-out.

Nothing of a plan depends on it: the client leaves when its patience ends, whatever was planned.
"""

import math

import msgspec

from earthwire.fault_models.laws.latency import LatencyTable
from earthwire.fault_models.profile import ToolLaws

_Z = 1.2816
"""Normal quantile of the 80 % intervals that bands are made of."""


class TimeoutShare(msgspec.Struct, frozen=True):
    """Share of a tool's calls that a client with a given patience gives up.

    Attributes:
        share: expected.
        low, high: 80 % band: of sampling, and beyond all recorded limits of what siblings do there.
        is_extrapolated: whether the recorded calls end before that time.
    """

    share: float
    low: float
    high: float
    is_extrapolated: bool


def timeout_share(laws: ToolLaws, client_timeout_s: float) -> TimeoutShare:
    """Return how often calls would outlast `client_timeout_s` seconds; those that never answer always do."""
    total = laws.outcomes.total
    calls = max(sum(total.values()), 1)
    share = low = high = 0.0
    is_extrapolated = False
    for kind, count in total.items():
        weight = count / calls
        table = laws.latency.get(kind)
        if kind == "timeout" or table is None:
            part = (float(kind == "timeout"),) * 3
        else:
            part = _beyond(table, client_timeout_s)
            inferred = table.extrapolation
            is_extrapolated |= inferred is not None and client_timeout_s > inferred.limit_s
        share, low, high = share + weight * part[0], low + weight * part[1], high + weight * part[2]
    return TimeoutShare(share, low, high, is_extrapolated)


def _beyond(table: LatencyTable, time_s: float) -> tuple[float, float, float]:
    """Return the share of calls beyond a time, and its band."""
    share = 1.0 - table.probability(time_s)
    inferred = table.extrapolation
    if inferred is not None and time_s > inferred.limit_s:
        low, high = inferred.band(time_s)
        return share, min(low, share), max(high, share)
    n = max(table.count, 1)
    centre = (share + _Z * _Z / (2 * n)) / (1 + _Z * _Z / n)
    half = _Z / (1 + _Z * _Z / n) * math.sqrt(share * (1 - share) / n + _Z * _Z / (4 * n * n))
    return share, max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))
