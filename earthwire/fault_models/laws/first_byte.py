"""The first byte of a response: a share of the time to its last byte, which may differ between slow and fast calls.

Both marginals stay as they are, time to the last byte and share; a Gaussian copula joins their ranks.
"""

import math
from bisect import bisect_right

import msgspec

from earthwire.fault_models.laws.dependence import normal_probability, normal_quantile

SHARE_LEVELS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""The probabilities of the share's quantiles."""

ERROR_STATUS_PREFIX = "http_"
"""What outcome kinds begin with that are answers with an error status. Their bodies are short, or never read: they have
a law of their own."""

_RANK_MIN = 1e-9


class FirstByteLaw(msgspec.Struct, frozen=True):
    """Which share of a call's latency has passed when its first byte is there.

    Attributes:
        count: calls with both times known.
        shares: quantiles at `SHARE_LEVELS`, shape (13,), in (0, 1], non-decreasing.
        rank_correlation: of the normal scores of latency and share, in (-1, 1): negative where slow calls are slow in
            their body.
    """

    count: int
    shares: tuple[float, ...]
    rank_correlation: float = 0.0

    def share(self, rank: float, u: float) -> float:
        """Return the share of a call.

        Args:
            rank: of its latency among those of its tool, in [0, 1].
            u: uniform in (0, 1), independent of the rank.
        """
        rho = self.rank_correlation
        score = rho * normal_quantile(min(max(rank, _RANK_MIN), 1.0 - _RANK_MIN))
        return self._quantile(normal_probability(score + math.sqrt(1.0 - rho * rho) * normal_quantile(u)))

    def _quantile(self, level: float) -> float:
        i = bisect_right(SHARE_LEVELS, level)
        if i == 0:
            return self.shares[0]
        if i == len(SHARE_LEVELS):
            return self.shares[-1]
        low, high = self.shares[i - 1], self.shares[i]
        return low + (high - low) * (level - SHARE_LEVELS[i - 1]) / (SHARE_LEVELS[i] - SHARE_LEVELS[i - 1])
