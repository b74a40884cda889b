"""How the latencies of one episode hang together: in rank space, so that marginals stay as recorded.

A call's normal score is ``z = b + s (√t c + q m (√a l_k + √(1 - t - a) ε))``. The level b, the spread s and the jitter
q are those of a recorded session: sessions that are fast, slow or restless as a whole come back as such, whatever their
distribution. c and m belong to the tool in the episode: where it stands, and whether it is calm (m² = 1 - d) or
restless (m² = 1 + d). ``l_k = φ l_{k-1} + √(1 - φ²) η`` advances with each call of the tool. The rank is ``u = H(z)``,
with H the distribution of z over the sessions that the levels come from. Where earlier calls of the tool say how slow
a call is, z is moved by them before it is made a rank, see `earthwire.fault_models.laws.sequence`.

Which recorded session speaks is decided by one uniform of the episode, taken as a place in the tool's list of sessions
that used it. The lists of all tools are in the same order of level and spread, as far as their sessions allow: an
episode that is slow or restless for one tool is so for all of them, and no order of calls goes in.
"""

import math
from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import msgspec

from earthwire.fault_models.laws.sequence import SequenceLaw, SequenceScores

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_NORMAL = NormalDist()
normal_quantile = _NORMAL.inv_cdf
normal_probability = _NORMAL.cdf

EXACT_SESSIONS_MIN = 20
"""With fewer sessions their mixture is a poor estimate of H, and the normal distribution stands in for it."""

_Z_MAX = 6.0
_Z_TOP = _Z_MAX - 1e-9
_STEPS_PER_UNIT = 10
_HALF_ROOT = math.sqrt(0.5)


class Dependence(msgspec.Struct, frozen=True):
    """Shares of the variance of normal scores inside a session.

    Attributes:
        tool_share: t, of the tool within the session, in [0, 1).
        level_share: a, of the slow level, in [0, 1).
        level_memory: φ, correlation of the slow level from call to call, in [0, 1).
        session_count, pair_count: sessions, and pairs of successive calls of one tool, that the shares rest on.
        jitter_contrast: d, in [0, 1): in one half of the sessions the calls of a tool vary by 1 - d times the usual
            variance from one to the next, in the other half by 1 + d times.
    """

    tool_share: float = 0.0
    level_share: float = 0.0
    level_memory: float = 0.0
    session_count: int = 0
    pair_count: int = 0
    jitter_contrast: float = 0.0

    def weights(self) -> tuple[float, float, float]:
        """Return the factors of c, l and ε."""
        rest = max(0.0, 1.0 - self.tool_share - self.level_share)
        return math.sqrt(self.tool_share), math.sqrt(self.level_share), math.sqrt(rest)

    def own_jitters(self) -> tuple[float, ...]:
        """Return the values of m, each as likely as the others."""
        if not self.jitter_contrast:
            return (1.0,)
        return math.sqrt(1.0 - self.jitter_contrast), math.sqrt(1.0 + self.jitter_contrast)


class SessionLevels(msgspec.Struct, frozen=True):
    """Levels, spreads and jitters of recorded sessions, in normal scores.

    Those of all tools together come lowest level first. Those of one tool come in the order that brings each nearest to
    the session in the same place there, so that one uniform finds sessions of one kind for all tools.

    Attributes:
        session_count: sessions that they were thinned from.
        levels: b of each session.
        spreads: s of each session, positive, in the order of the levels.
        jitters: q of each session, positive, in the order of the levels; empty where it is 1 in all of them.
    """

    session_count: int
    levels: tuple[float, ...]
    spreads: tuple[float, ...]
    jitters: tuple[float, ...] = ()

    def at(self, u: float) -> tuple[float, float, float]:
        """Return level, spread and jitter of the session at rank `u` in (0, 1)."""
        i = min(int(u * len(self.levels)), len(self.levels) - 1)
        return self.levels[i], self.spreads[i], self.jitters[i] if self.jitters else 1.0

    def each(self) -> Iterator[tuple[float, float, float]]:
        """Yield level, spread and jitter of every session."""
        jitters = self.jitters or (1.0,) * len(self.levels)
        return zip(self.levels, self.spreads, jitters, strict=True)


NO_SESSIONS = SessionLevels(0, (0.0,), (1.0,))


class RankLaw:
    """The distribution H of normal scores over recorded sessions: makes ranks uniform.

    Args:
        sessions: the recorded sessions.
        dependence: shares of the variance inside a session.
        sequence: how earlier calls of the tool move a score; None where they do not.
        weights: how much each of the sessions counts; None for equally much.

    Attributes:
        sequence: the same, ready to move scores.
    """

    __slots__ = ("_cdf", "sequence")

    def __init__(
        self,
        sessions: SessionLevels,
        dependence: Dependence,
        sequence: SequenceLaw | None = None,
        weights: Sequence[float] | None = None,
    ) -> None:
        self.sequence = None if sequence is None else SequenceScores(sequence)
        parts = [(1.0, 0.0, 1.0)]
        if sessions.session_count >= EXACT_SESSIONS_MIN:
            t = dependence.tool_share
            # Inside a session z is normal, given m: its variance is s² (t + (1 - t) q² m²).
            parts = [
                (weight, level, spread * math.sqrt(t + (1.0 - t) * (jitter * own) ** 2))
                for weight, (level, spread, jitter) in zip(
                    weights or [1.0] * len(sessions.levels), sessions.each(), strict=True
                )
                for own in dependence.own_jitters()
            ]
        total = sum(weight for weight, _, _ in parts)
        steps = int(_Z_MAX * _STEPS_PER_UNIT)
        grid = [i / _STEPS_PER_UNIT for i in range(-steps, steps + 1)]
        self._cdf = [
            sum(weight * _phi((z - level) / deviation) for weight, level, deviation in parts) / total
            for z in grid
        ]
        if sequence is not None:
            # The distribution of moved scores: found by this very method from that of scores by themselves.
            moves = list(sequence.mixture())
            self._cdf = [
                sum(share * self.rank((z - shift) / scale) for shift, scale, share in moves) for z in grid
            ]

    def rank(self, z: float) -> float:
        """Return H(z), in (0, 1); interpolated on a grid, with an error below 0.001."""
        if z > _Z_TOP:
            z = _Z_TOP
        elif z < -_Z_MAX:
            z = -_Z_MAX
        position = (z + _Z_MAX) * _STEPS_PER_UNIT
        i = int(position)
        cdf = self._cdf
        low = cdf[i]
        return low + (position - i) * (cdf[i + 1] - low)

    def ranks(self, scores: list[float]) -> "npt.NDArray[np.float64]":
        """Return `rank` of each score."""
        # Here, since few users of this module have so many at once.
        import numpy as np

        positions = (np.clip(np.array(scores), -_Z_MAX, _Z_TOP) + _Z_MAX) * _STEPS_PER_UNIT
        i = positions.astype(np.int64)
        cdf = np.array(self._cdf)
        low = cdf[i]
        ranks: npt.NDArray[np.float64] = low + (positions - i) * (cdf[i + 1] - low)
        return ranks


def _phi(z: float) -> float:
    return 0.5 * math.erfc(-z * _HALF_ROOT)
