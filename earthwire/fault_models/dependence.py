"""How the latencies of one episode hang together: in rank space, so that every marginal stays as recorded.

The rank of a call is ``u = Φ(z)`` with ``z = √a_s b + √a_t c + √a_l l_k + √(1 - a_s - a_t - a_l) ε`` where b belongs
to the episode, c to the tool in the episode, and ``l_k = φ l_{k-1} + √(1 - φ²) η`` advances with each call of the
tool. All are standard normal, hence so is z, and u is uniform. No term depends on the order in which calls of
different tools arrive.
"""

import math
from statistics import NormalDist

import msgspec

_NORMAL = NormalDist()
normal_quantile = _NORMAL.inv_cdf
normal_probability = _NORMAL.cdf


class Dependence(msgspec.Struct, frozen=True):
    """Shares of the variance of a call's normal score.

    Attributes:
        session_share: a_s, of the episode as a whole, in [0, 1).
        tool_share: a_t, of the tool within the episode, in [0, 1).
        level_share: a_l, of the slow level, in [0, 1).
        level_memory: φ, correlation of the slow level from call to call, in [0, 1).
        session_count, pair_count: sessions, and pairs of successive calls of one tool, that the shares rest on.
    """

    session_share: float = 0.0
    tool_share: float = 0.0
    level_share: float = 0.0
    level_memory: float = 0.0
    session_count: int = 0
    pair_count: int = 0

    def weights(self) -> tuple[float, float, float, float]:
        """Return the factors of b, c, l and ε."""
        rest = max(0.0, 1.0 - self.session_share - self.tool_share - self.level_share)
        return (
            math.sqrt(self.session_share),
            math.sqrt(self.tool_share),
            math.sqrt(self.level_share),
            math.sqrt(rest),
        )
