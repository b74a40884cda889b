"""The latency law of one tool and outcome kind: a table of quantiles."""

import math
from bisect import bisect_right

import msgspec

from earthwire.fault_models.plan import Support

LEVELS: tuple[float, ...] = (
    0.001,
    *(round(1 / (1 + math.exp(-x)), 5) for x in (-5.5 + 11 * i / 60 for i in range(61))),
    0.999,
)
"""The 63 probabilities of every table: spaced evenly on the logit scale, so that both tails are resolved."""

LATENCY_S_MAX = 1e6
"""Longest latency that a table holds, 11.6 days. A recorded span without a start, or a tail that was inferred, may seem
to last longer."""


class Extrapolation(msgspec.Struct, frozen=True):
    """What a table says beyond the largest time limit that calls ran into: inferred from siblings, not seen.

    Attributes:
        limit_s: the largest limit, in seconds.
        share_beyond: share of the calls that outlive it.
        doubled_low, doubled_high: of these, the share that outlives twice the limit: an 80 % band.
    """

    limit_s: float
    share_beyond: float
    doubled_low: float
    doubled_high: float

    def band(self, latency_s: float) -> tuple[float, float]:
        """Return low and high of the share of all calls that last longer than `latency_s`, at least `limit_s`.

        Between limits and twice limits, and beyond, the tail is taken for a power law of the band's slope.
        """
        doublings = math.log2(latency_s / self.limit_s)
        return (
            self.share_beyond * self.doubled_low**doublings,
            self.share_beyond * self.doubled_high**doublings,
        )


class LatencyTable(msgspec.Struct, frozen=True):
    """Quantiles of a latency, in seconds.

    Attributes:
        count: calls that the table rests on.
        censored_count: how many of them outlived their time limit.
        support: whose calls speak here: the tool's own, or those of siblings where its own are too few.
        quantiles_s: latency at each of `LEVELS`, shape (63,), positive and non-decreasing.
        extrapolation: of the part beyond all time limits, or None where every call was seen to its end.
    """

    count: int
    quantiles_s: tuple[float, ...]
    censored_count: int = 0
    support: Support = "tool"
    extrapolation: Extrapolation | None = None

    def quantile_s(self, u: float) -> float:
        """Return the latency in seconds below which a share `u` of the calls falls; `u` in [0, 1].

        Between two levels the logarithm is interpolated; outside the outermost levels their values hold.
        """
        i = bisect_right(LEVELS, u)
        quantiles = self.quantiles_s
        if i == 0:
            return quantiles[0]
        if i == len(LEVELS):
            return quantiles[-1]
        low, high = quantiles[i - 1], quantiles[i]
        share = (u - LEVELS[i - 1]) / (LEVELS[i] - LEVELS[i - 1])
        growth: float = (high / low) ** share
        return low * growth

    def fastest(self, share: float) -> "LatencyTable":
        """Return the law of the fastest `share` of the calls, in (0, 1]; nothing was recorded of what it stands for."""
        quantiles_s = tuple(self.quantile_s(share * level) for level in LEVELS)
        return LatencyTable(0, quantiles_s, support="assumed")

    def scaled(self, factor: float) -> "LatencyTable":
        """Return the law of calls that last `factor` times as long, `factor` > 0."""
        beyond = self.extrapolation
        if beyond is not None:
            beyond = msgspec.structs.replace(beyond, limit_s=factor * beyond.limit_s)
        return msgspec.structs.replace(
            self, quantiles_s=tuple(factor * value for value in self.quantiles_s), extrapolation=beyond
        )

    def mean_log_s(self) -> float:
        """Return the mean of the natural logarithm of the latency in seconds, as `quantile_s` gives it."""
        log_s = [math.log(value) for value in self.quantiles_s]
        steps = zip(LEVELS, LEVELS[1:], log_s, log_s[1:], strict=False)
        inside = math.fsum((to - at) * (low + high) / 2 for at, to, low, high in steps)
        return LEVELS[0] * log_s[0] + inside + (1 - LEVELS[-1]) * log_s[-1]

    def later(self, delay_s: float) -> "LatencyTable":
        """Return the law of calls that last `delay_s` seconds longer; nothing was recorded of them."""
        return LatencyTable(0, tuple(value + delay_s for value in self.quantiles_s), support="assumed")

    def probability(self, latency_s: float) -> float:
        """Return the probability of a latency of at most `latency_s` seconds: the inverse of `quantile_s`.

        Where the table is flat, the middle of the flat part is returned.
        """
        quantiles = self.quantiles_s
        right = bisect_right(quantiles, latency_s)
        if right == 0:
            return 0.0
        if quantiles[right - 1] == latency_s:
            left = right - 1
            while left > 0 and quantiles[left - 1] == latency_s:
                left -= 1
            return (LEVELS[left] + LEVELS[right - 1]) / 2
        if right == len(LEVELS):
            return 1.0
        low, high = quantiles[right - 1], quantiles[right]
        share = math.log(latency_s / low) / math.log(high / low)
        return LEVELS[right - 1] + share * (LEVELS[right] - LEVELS[right - 1])
