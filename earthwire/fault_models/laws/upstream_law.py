"""Waiting on top of an upstream that takes its own time, so that together they are as slow as what was recorded.

A call is answered at ``max(M, D)``: M is what the upstream takes, D is what is waited for at least. With F the recorded
law, F_M that of the upstream and D independent of M, ``P(max ≤ t) = F_M(t) G(t)``, so ``G = min(1, F / F_M)`` makes the
maximum follow F, wherever the upstream is no slower than what was recorded. G is made to rise by taking the largest
distribution below it (``G(t) = min over t' ≥ t``), so nothing is ever answered earlier than recorded calls were.

What the upstream is too slow for cannot be mended by waiting: the infeasible mass ``E[(Q_M - Q_F)+] / E[F]``, with both
quantiles at the same rank, is the least that the mean will be off by.
"""

import math
from bisect import bisect_left

from earthwire.fault_models.laws.latency import LatencyTable

BIN_RATIO = 1.02
"""Ratio of neighbouring bin edges: at most 1 % error on any one latency."""
FASTEST_S = 1e-5
BIN_COUNT = 1_050
"""Bins reach from 10 µs to beyond three hours."""
CALLS_MIN = 20
"""Calls of the upstream before its law is taken for known; until then every call waits as if it took no time."""
INFEASIBLE_MAX = 0.05
"""Share of the mean latency above which the upstream is too slow to stand in for what was recorded."""

_LOG_RATIO = math.log(BIN_RATIO)
_RANKS = 200


class LogHistogram:
    """Counts of times in logarithmic bins; exact to add up.

    Attributes:
        count: times counted.
    """

    __slots__ = ("_counts", "count")

    def __init__(self) -> None:
        self._counts = [0] * BIN_COUNT
        self.count = 0

    def add(self, time_s: float) -> None:
        """Count one time, in seconds."""
        self._counts[bin_of(time_s)] += 1
        self.count += 1

    def quantile_s(self, rank: float) -> float:
        """Return the upper edge, in seconds, of the bin that holds the time at `rank` in (0, 1)."""
        return edge_s(bisect_left(self.cdf(), rank))

    def cdf(self) -> list[float]:
        """Return the share of times below the upper edge of each bin, shape (`BIN_COUNT`,); all 1 if there are none."""
        if not self.count:
            return [1.0] * BIN_COUNT
        total, shares = 0, []
        for count in self._counts:
            total += count
            shares.append(total / self.count)
        return shares


def bin_of(time_s: float) -> int:
    """Return the bin of a time in seconds; those outside all bins go to the first or the last."""
    if time_s <= FASTEST_S:
        return 0
    return min(int(math.log(time_s / FASTEST_S) / _LOG_RATIO), BIN_COUNT - 1)


def edge_s(i: int) -> float:
    """Return the upper edge of a bin in seconds."""
    return float(FASTEST_S * BIN_RATIO ** (i + 1))


class WaitLaw:
    """G: how long to wait at least, by rank.

    Attributes:
        infeasible_share: of the recorded mean latency, which the upstream is too slow for.
        infeasible_call_share: of the calls, whose recorded latency the upstream cannot keep: both laws at equal ranks.

    Args:
        recorded: the law that calls are to follow.
        upstream: times that the upstream takes by itself.
    """

    __slots__ = ("_levels", "infeasible_call_share", "infeasible_share")

    def __init__(self, recorded: LatencyTable, upstream: LogHistogram) -> None:
        of_upstream = upstream.cdf()
        self.infeasible_share, self.infeasible_call_share = _infeasible_shares(recorded, of_upstream)
        levels = []
        lowest = 1.0
        for i in range(BIN_COUNT - 1, -1, -1):
            wanted = _probability(recorded, edge_s(i))
            lowest = min(lowest, wanted / of_upstream[i] if of_upstream[i] > wanted else 1.0)
            levels.append(lowest)
        self._levels = levels[::-1]

    def wait_s(self, rank: float) -> float:
        """Return how long to wait at least for a call of this rank in (0, 1), in seconds from its arrival."""
        i = bisect_left(self._levels, rank)
        if i == 0:
            return 0.0 if self._levels[0] >= rank else edge_s(0)
        if i >= BIN_COUNT:
            return edge_s(BIN_COUNT - 1)
        below, above = self._levels[i - 1], self._levels[i]
        share = (rank - below) / (above - below) if above > below else 1.0
        return edge_s(i - 1) * math.exp(share * _LOG_RATIO)


def _probability(table: LatencyTable, time_s: float) -> float:
    """Return the probability of at most `time_s`, where the outermost quantiles stand for all that lies beyond."""
    if time_s >= table.quantiles_s[-1]:
        return 1.0
    return table.probability(time_s)


def _infeasible_shares(recorded: LatencyTable, of_upstream: list[float]) -> tuple[float, float]:
    """Return the share of the recorded mean, and of calls, that the upstream is too slow for."""
    missing_s = total_s = 0.0
    too_slow = 0
    for k in range(_RANKS):
        rank = (k + 0.5) / _RANKS
        recorded_s = recorded.quantile_s(rank)
        upstream_s = edge_s(bisect_left(of_upstream, rank)) if of_upstream[0] < rank else 0.0
        missing_s += max(upstream_s - recorded_s, 0.0)
        total_s += recorded_s
        # Less than the width of a bin is not known to be slower.
        too_slow += upstream_s > BIN_RATIO * recorded_s
    return missing_s / total_s, too_slow / _RANKS
