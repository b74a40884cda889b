"""What clients do not know of their conversations with models, until a request of theirs needs it again."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from earthwire.fault_models.action import HiddenTurns
from earthwire.fault_models.observation.json_text import write_json

HIDDEN_BYTES_MAX = 64 * 1024 * 1024
"""Bound on what is kept; beyond, the oldest episode's is dropped: its models find their turns as its client does."""


class HiddenTurnStore:
    """What is hidden, by episode and by the id of each call of the client's own that stood beside or behind it."""

    def __init__(self) -> None:
        self._episodes: OrderedDict[str, dict[str, HiddenTurns]] = OrderedDict()
        self._sizes: dict[str, int] = {}

    @property
    def held_bytes(self) -> int:
        """About how much is kept."""
        return sum(self._sizes.values())

    def hide(self, episode: str, own: Sequence[str], hidden: HiddenTurns) -> None:
        """Keep what an answer of an episode hides.

        Args:
            episode: of the answer.
            own: ids of the calls in it that its client sees.
            hidden: what that does not see.
        """
        turns = self._episodes.setdefault(episode, {})
        turns.update(dict.fromkeys(own, hidden))
        size_bytes = len(write_json(hidden)) + sum(map(len, own))
        self._sizes[episode] = self._sizes.get(episode, 0) + size_bytes
        while self._episodes and self.held_bytes > HIDDEN_BYTES_MAX:
            self.forget(next(iter(self._episodes)))

    def of(self, episode: str) -> Mapping[str, HiddenTurns]:
        """Return what is hidden in an episode."""
        return self._episodes.get(episode, {})

    def forget(self, episode: str) -> None:
        """Drop what the answers of an episode hide."""
        self._episodes.pop(episode, None)
        self._sizes.pop(episode, None)
