"""Donor sessions: the recorded ranks of whole sessions, replayed through the quantile tables.

The second of two ways in which the calls of an episode hang together; `dependence` is the compact one. An episode takes
one recorded session as its donor. Each tool replays the ranks of its own calls there, in order; where the donor never
used the tool, one of like standing among those that did lends them, and where its calls are used up another one does.
What a session does over time (a slow first call, drift, stalls) comes along without being modelled.
"""

from array import array
from collections.abc import Sequence

import msgspec

from earthwire.fault_models.uniforms import Purpose

RANK_STEPS = 1 << 16
"""Ranks are kept as unsigned 16-bit integers."""

DONORS_MIN = 3
"""Sessions that a tool needs for donors of its own."""

_NEAR_SESSIONS = 4


class DonorRanks(msgspec.Struct, frozen=True):
    """Recorded ranks of one tool's calls.

    Attributes:
        sessions: numbers of the sessions that used the tool, ascending; they index the profile's `donor_levels`.
        lengths: calls of the tool in each of them, shape (n_sessions,), at least 1.
        ranks: rank of each call among all calls like it, session after session, in order, as 16-bit steps.
    """

    sessions: tuple[int, ...]
    lengths: tuple[int, ...]
    ranks: tuple[int, ...]


def places_by_level(levels: Sequence[float]) -> list[float]:
    """Return the place of each session among all by level, in (0, 1), the lowest first."""
    places = [0.0] * len(levels)
    for i, session in enumerate(sorted(range(len(levels)), key=lambda session: (levels[session], session))):
        places[session] = (i + 0.5) / len(levels)
    return places


class DonorPool:
    """The sessions that can lend ranks to one tool.

    Args:
        ranks: of the tool, or of siblings that stand in for it.
        places: of every session of the profile, by session number; see `places_by_level`.
    """

    __slots__ = ("_by_level", "_calls", "_places")

    def __init__(self, ranks: DonorRanks, places: Sequence[float]) -> None:
        self._places = places
        self._calls: dict[int, array[int]] = {}
        start = 0
        for session, length in zip(ranks.sessions, ranks.lengths, strict=True):
            self._calls[session] = array("H", ranks.ranks[start : start + length])
            start += length
        self._by_level = sorted(self._calls, key=places.__getitem__)

    def __len__(self) -> int:
        return len(self._by_level)

    def lend(self, wanted: int, u: float, again: bool = False) -> "array[int]":
        """Return the ranks that a session lends, in order.

        Args:
            wanted: session number of the episode's donor; where it never used the tool, or `again` is set because its
                calls are used up, one of the sessions that stand, among those that used the tool, where this one stands
                among all. So a tool that only slow sessions use is not fast because most sessions are.
            u: chooses among those, in (0, 1).
        """
        if wanted in self._calls and not again:
            return self._calls[wanted]
        near = min(_NEAR_SESSIONS, len(self._by_level))
        at = round(self._places[wanted] * len(self._by_level))
        low = min(max(at - near // 2, 0), len(self._by_level) - near)
        return self._calls[self._by_level[low + int(u * near)]]


class DonorRanksInTurn:
    """The ranks of one tool's calls in one episode, replayed from the episode's donor.

    Args:
        pool: sessions that can lend.
        donor: session number of the episode's donor.
        tool_u: the tool's uniform in the episode.
    """

    __slots__ = ("_at", "_calls", "_donor", "_pool")

    def __init__(self, pool: DonorPool, donor: int, tool_u: float) -> None:
        self._pool = pool
        self._donor = donor
        self._calls = pool.lend(donor, tool_u)
        self._at = 0

    def next_rank(self, index: int, u: tuple[float, ...]) -> float:
        """Return the rank of call `index`, in (0, 1), from the call's uniforms; calls come in order."""
        if self._at == len(self._calls):
            self._calls = self._pool.lend(self._donor, u[Purpose.LATENCY], again=True)
            self._at = 0
        step = self._calls[self._at]
        self._at += 1
        return (step + 0.5) / RANK_STEPS


def join(parts: list[DonorRanks]) -> DonorRanks:
    """Return the ranks of several tools taken together, by session."""
    calls: dict[int, list[int]] = {}
    for part in parts:
        start = 0
        for session, length in zip(part.sessions, part.lengths, strict=True):
            calls.setdefault(session, []).extend(part.ranks[start : start + length])
            start += length
    sessions = tuple(sorted(calls))
    return DonorRanks(
        sessions,
        tuple(len(calls[session]) for session in sessions),
        tuple(rank for session in sessions for rank in calls[session]),
    )
