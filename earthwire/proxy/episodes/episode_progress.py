"""How far an episode has come: what the calls of one episode share while it lasts."""

from earthwire.proxy.episodes.episodes import EpisodeRun


class EpisodeProgress:
    """How far an episode has come.

    Attributes:
        call_count: calls so far.
        first_arrival_s: when its first call arrived (monotonic).
        run: the episode, if it was declared, else None.
        is_over: calls under its id count from 0 again; whoever remembers this has to look anew.
    """

    __slots__ = ("call_count", "first_arrival_s", "is_over", "run")

    def __init__(self, first_arrival_s: float, run: EpisodeRun | None) -> None:
        self.first_arrival_s = first_arrival_s
        self.call_count = 0
        self.run = run
        self.is_over = False
