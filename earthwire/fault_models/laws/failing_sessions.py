"""Sessions that fail as a whole: a key without rights, an account over its quota, a client far away.

Whether an episode is such a session is decided once for all its tools, by two uniforms of the episode: so no order of
calls goes in. In such an episode every tool fails as it was recorded to fail in failing sessions. Where slow sessions
fail more often than fast ones, slow episodes do so too: the share of failing sessions is kept by level.
"""

from collections.abc import Callable

import msgspec

from earthwire.fault_models.uniforms import Purpose, UniformStream


class FailingSessions(msgspec.Struct, frozen=True):
    """How many sessions fail as a whole.

    Attributes:
        sessions: that were told apart.
        failing: those that failed.
        by_level: share that failed of equally many sessions each, fastest first, in [0, 1); at least one.
    """

    sessions: int
    failing: int
    by_level: tuple[float, ...]

    def share_at(self, place: float) -> float:
        """Return the share of failing sessions at a place among all sessions by level, 0 the fastest, below 1."""
        return self.by_level[int(place * len(self.by_level))]

    @property
    def share(self) -> float:
        """Share of all episodes that fail."""
        return sum(self.by_level) / len(self.by_level)


class FailingEpisodes:
    """Tells which episodes fail as a whole.

    Args:
        law: how many do.
        place: makes of the episode's uniform of its level the part of all sessions that are faster.
    """

    __slots__ = ("_law", "_place", "share")

    def __init__(self, law: FailingSessions, place: Callable[[float], float]) -> None:
        self._law = law
        self._place = place
        self.share = law.share

    def fails(self, seed: int, episode: str) -> bool:
        """Tell whether an episode fails, the same for all its tools."""
        u = UniformStream(seed, "episode", episode).at(0)
        return u[Purpose.SPARE] < self._law.share_at(self._place(u[Purpose.LEVEL]))
