"""Donor sessions: the recorded ranks of whole sessions, replayed through the quantile tables.

The second of two ways in which the calls of an episode hang together; `dependence` is the compact one. An episode takes
one recorded session as its donor, and each tool replays the ranks of its own calls there, in order. What a session does
over time (a slow first call, drift, stalls) comes along without being modelled.

Where the donor never used a tool, or used it less often, another session stands in from that call on: the next one, in
an order that all tools share, with calls enough. So tools that were recorded together mostly have the same stand-in,
and what hangs together in it still does. The order is that of spreads, so that an episode stays as steady or restless
as its donor was; scores are moved by the difference of two levels, so that it stays as slow.
"""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from earthwire.fault_models.laws.dependence import SessionLevels, normal_probability, normal_quantile
from earthwire.fault_models.laws.ranks_by_end import RankLawsByEnd

RANK_STEPS = 1 << 16
"""Ranks are kept as unsigned 16-bit integers."""

DONORS_MIN = 3
"""Sessions that a tool needs for donors of its own."""

TYPICAL_MAX = 32
"""Sessions that stand for all where they are taken together."""

_RANK_MIN = 0.5 / RANK_STEPS


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


class DonorSessions:
    """All sessions of a profile that can be donors.

    Args:
        levels: of each session: its mean normal score.
        spreads: of each session: how far its scores scatter about that; empty where that is not known.

    Attributes:
        levels: the same.
        standings: how many sessions have a lower level, by session number.
        places: of each session in the order in which stand-ins are looked for: by spread, and shuffled among equals.
    """

    __slots__ = ("_spreads", "levels", "places", "standings")

    def __init__(self, levels: Sequence[float], spreads: Sequence[float] = ()) -> None:
        self.levels = levels
        self._spreads = spreads
        self.standings = _positions(
            sorted(range(len(levels)), key=lambda session: (levels[session], session))
        )
        # By a hash: where sessions of one kind were recorded in a row, the first would stand in for all others.
        shuffled = sorted(range(len(levels)), key=_hash)
        self.places = _positions(sorted(shuffled, key=spreads.__getitem__) if spreads else shuffled)

    def __len__(self) -> int:
        return len(self.levels)

    def donor(self, episode_u: float) -> int:
        """Return the number of the session that is the donor of an episode with this uniform."""
        return int(episode_u * len(self.levels))

    def place(self, episode_u: float) -> float:
        """Return which part of the sessions has a lower level than an episode's donor, in [0, 1)."""
        return self.standings[self.donor(episode_u)] / len(self.levels)

    def typical(self) -> SessionLevels:
        """Return levels and spreads of at most `TYPICAL_MAX` sessions, lowest level first and evenly spaced."""
        total = len(self.levels)
        by_level = sorted(range(total), key=self.standings.__getitem__)
        count = min(total, TYPICAL_MAX)
        chosen = [by_level[int((i + 0.5) / count * total)] for i in range(count)]
        return SessionLevels(
            total,
            tuple(self.levels[session] for session in chosen),
            tuple(self._spreads[session] if self._spreads else 1.0 for session in chosen),
        )


class DonorPool:
    """The sessions that can lend ranks to one tool.

    Args:
        ranks: of the tool, or of siblings that stand in for it.
        sessions: all sessions of the profile.
    """

    __slots__ = ("_by_level", "_by_place", "_calls", "_places", "_sessions", "_standings")

    def __init__(self, ranks: DonorRanks, sessions: DonorSessions) -> None:
        self._sessions = sessions
        self._calls: dict[int, array[int]] = {}
        start = 0
        for session, length in zip(ranks.sessions, ranks.lengths, strict=True):
            self._calls[session] = array("H", ranks.ranks[start : start + length])
            start += length
        self._by_place = sorted(self._calls, key=sessions.places.__getitem__)
        self._places = [sessions.places[session] for session in self._by_place]
        self._by_level = sorted(self._calls, key=sessions.standings.__getitem__)
        self._standings = [sessions.standings[session] for session in self._by_level]

    def __len__(self) -> int:
        return len(self._by_level)

    def calls(self, session: int) -> "array[int]":
        """Return the ranks of the tool's calls in a session that used it, in order."""
        return self._calls[session]

    def level(self, donor: int) -> float:
        """Return the level that an episode with this donor has for the tool.

        Where the donor never used the tool, it is that of the session that stands, among those that used it, where this
        one stands among the others. So a tool that only slow sessions use is not fast because most sessions are.
        """
        if donor not in self._calls:
            standing = self._sessions.standings[donor]
            below = bisect_left(self._standings, standing)
            others = len(self._sessions) - len(self._by_level)
            share = (standing - below + 0.5) / others
            donor = self._by_level[int(share * len(self._by_level))]
        return self._sessions.levels[donor]

    def next_lender(self, session: int, index: int = 0) -> int | None:
        """Return the first session from `session` on, in the order of stand-ins, that has the tool's call `index`.

        Returns:
            None if no session has so many calls.
        """
        lenders, places = self._by_place, self._places
        if index:
            lenders = [lender for lender in lenders if len(self._calls[lender]) > index]
            places = [self._sessions.places[lender] for lender in lenders]
        if not lenders:
            return None
        return lenders[bisect_left(places, self._sessions.places[session]) % len(lenders)]

    def lender_after(self, session: int) -> int:
        """Return the session after one that lends, in the order of stand-ins; the only one follows itself."""
        at = bisect_left(self._places, self._sessions.places[session])
        return self._by_place[(at + 1) % len(self._by_place)]

    def shift(self, lender: int, level: float) -> float:
        """Return by how much the scores of a session that lends are moved for an episode of this level."""
        return level - self._sessions.levels[lender]


class DonorRanksInTurn:
    """The ranks of one tool's calls in one episode, replayed from the episode's donor.

    Args:
        pool: sessions that can lend.
        donor: session number of the episode's donor.
        by_end: make ranks of the scores of calls that end alike; None where how a call ends says nothing of its
            session.
    """

    __slots__ = ("_at", "_by_end", "_calls", "_donor", "_lender", "_level", "_pool", "_shift")

    def __init__(self, pool: DonorPool, donor: int, by_end: RankLawsByEnd | None = None) -> None:
        self._pool = pool
        self._by_end = by_end
        self._donor = donor
        self._level = pool.level(donor)
        self._lender = donor
        self._lend(0)

    def next_rank(self, index: int, u: tuple[float, ...], kind: str) -> float:
        """Return the rank of call `index`, in (0, 1); calls come in order, and no uniform of them matters."""
        if self._at == len(self._calls):
            self._lend(index)
        rank = (self._calls[self._at] + 0.5) / RANK_STEPS
        self._at += 1
        if self._shift == 0.0 and self._by_end is None:
            return rank
        score = normal_quantile(rank) + self._shift
        moved = normal_probability(score) if self._by_end is None else self._by_end.of(kind).rank(score)
        return min(max(moved, _RANK_MIN), 1.0 - _RANK_MIN)

    def _lend(self, index: int) -> None:
        """Go on with call `index` of a session that has one, else in the middle of the next session.

        There it is not the first calls again, which are like no later ones.
        """
        lender = self._pool.next_lender(self._donor, index)
        self._at = index
        if lender is None:
            lender = self._pool.lender_after(self._lender)
            self._at = len(self._pool.calls(lender)) // 2
        self._lender = lender
        self._calls = self._pool.calls(lender)
        self._shift = self._pool.shift(lender, self._level)


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


def _positions(order: Sequence[int]) -> list[int]:
    """Return where each number from 0 stands in an order of them."""
    positions = [0] * len(order)
    for position, number in enumerate(order):
        positions[number] = position
    return positions


def _hash(session: int) -> bytes:
    return hashlib.blake2b(session.to_bytes(8), digest_size=8).digest()
