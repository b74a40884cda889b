"""Which worker serves which episode.

A plan is a function of the index of a call among those of its tool in its episode, so one process must see all calls of
an episode. Each episode therefore has one worker, found by a hash of its id: the same in every process and every run.
The worker has no part in the plan. So the same seed gives the same plans with any number of workers.

Calls outside any episode are those of the episode ``default``, and they have one worker as well, unless nothing is
drawn at all: then there is nothing to count, and every worker serves those that the kernel gives it.
"""

import hashlib

import msgspec

from earthwire.proxy.calls.routes import DEFAULT_EPISODE
from earthwire.proxy.wire.request import Request

_EPISODE_PREFIX = "/e/"


def worker_of(episode: str, worker_count: int) -> int:
    """Return the number of the worker that serves an episode, from 0."""
    digest = hashlib.blake2b(episode.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % worker_count


class Placement(msgspec.Struct, frozen=True):
    """The place of one worker among all.

    Attributes:
        index: number of this worker, from 0.
        ports: port of each worker's own, by number.
        admin_ports: of each worker's admin side; none where there is none.
        spreads_plain: calls outside any episode are served by whichever worker gets them.
    """

    index: int
    ports: tuple[int, ...]
    admin_ports: tuple[int, ...] = ()
    spreads_plain: bool = False

    @property
    def worker_count(self) -> int:
        """Number of workers."""
        return len(self.ports)

    def owns(self, episode: str) -> bool:
        """Tell whether this worker serves an episode."""
        return self._owner(episode) == self.index

    def port_of(self, episode: str) -> int:
        """Return the port of the worker that serves an episode: part of the episode's base URL."""
        return self.ports[self._owner(episode)]

    def admin_port_of(self, episode: str) -> int:
        """Return the admin port of the worker that serves an episode: where the episode is declared and asked for."""
        return self.admin_ports[self._owner(episode)]

    def owner_elsewhere(self, request: Request) -> int | None:
        """Return the worker that must serve a request, None if that is this one."""
        target = request.line.target
        if target.startswith(_EPISODE_PREFIX):
            episode = target[len(_EPISODE_PREFIX) :].partition("?")[0].partition("/")[0]
        else:
            episode = request.headers.episode or DEFAULT_EPISODE
        owner = self._owner(episode)
        return None if owner == self.index else owner

    def _owner(self, episode: str) -> int:
        if self.spreads_plain and episode == DEFAULT_EPISODE:
            return self.index
        return worker_of(episode, len(self.ports))
