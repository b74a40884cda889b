"""Where the ranks of a tool's calls come from: its own sessions, or those of its siblings where it has too few."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from earthwire.fault_models.grouping import ancestors
from earthwire.fault_models.laws.compact_ranks import CompactRanks
from earthwire.fault_models.laws.dependence import NO_SESSIONS, Dependence, RankLaw, SessionLevels
from earthwire.fault_models.laws.donors import DONORS_MIN, DonorPool, DonorRanksInTurn, DonorSessions, join
from earthwire.fault_models.laws.outcome_path import OutcomeModel
from earthwire.fault_models.laws.ranks_by_end import RankLawsByEnd, rank_laws_by_end
from earthwire.fault_models.laws.sequence import SequenceLaw
from earthwire.fault_models.profile import Profile


class RankSource(Protocol):
    """Where the ranks of one tool's calls in one episode come from."""

    def next_rank(self, index: int, u: tuple[float, ...], kind: str) -> float:
        """Return the rank of call `index`, in (0, 1), from its uniforms and its outcome kind; calls come in order."""


OpenRanks = Callable[[float, float, float], RankSource]
"""Makes the source of a tool's ranks in one episode, from a uniform of the episode and two of the tool in it."""


class RankSources:
    """The sources of all tools of a profile.

    Args:
        profile: the laws.
        members: tools of each group.
        all_tools: name of the group that every tool is in.
    """

    def __init__(self, profile: Profile, members: Mapping[str, Sequence[str]], all_tools: str) -> None:
        self._profile = profile
        self._members = members
        self._all_tools = all_tools
        self._overall_rank_law: RankLaw | None = None
        self._group_donors: dict[str, DonorPool] = {}
        self._donor_sessions = DonorSessions(profile.donor_levels, profile.donor_spreads)

    def of(self, tool: str, outcomes: OutcomeModel) -> OpenRanks:
        """Return what makes the ranks of a tool, known or not, whose calls end as `outcomes` says."""
        return self._donor(tool, outcomes) if self._profile.donor_levels else self._compact(tool, outcomes)

    def place(self, episode_u: float) -> float:
        """Return which part of the sessions is faster than that of an episode with this uniform, in [0, 1)."""
        # Levels of the compact law come lowest first.
        return self._donor_sessions.place(episode_u) if self._profile.donor_levels else episode_u

    def _compact(self, tool: str, outcomes: OutcomeModel) -> OpenRanks:
        dependence, overall = self._profile.dependence, self._profile.overall
        laws = self._profile.tools.get(tool)
        if laws is not None and laws.session_levels is not None:
            levels, sequence = laws.session_levels, laws.sequence
            rank_law = RankLaw(levels, dependence, sequence)
        else:
            levels, sequence = overall.session_levels or NO_SESSIONS, overall.sequence
            if self._overall_rank_law is None:
                self._overall_rank_law = RankLaw(levels, dependence, sequence)
            rank_law = self._overall_rank_law
        by_end = self._by_end(outcomes, levels, dependence, sequence)
        return partial(CompactRanks, dependence, levels, rank_law, by_end=by_end)

    def _donor(self, tool: str, outcomes: OutcomeModel) -> OpenRanks:
        pool, donor = self._pool(tool), self._donor_sessions.donor
        by_end = self._by_end(outcomes, self._donor_sessions.typical(), Dependence())

        def ranks(episode_u: float, tool_u: float, jitter_u: float) -> RankSource:
            return DonorRanksInTurn(pool, donor(episode_u), by_end)

        return ranks

    def _by_end(
        self,
        outcomes: OutcomeModel,
        sessions: SessionLevels,
        dependence: Dependence,
        sequence: SequenceLaw | None = None,
    ) -> RankLawsByEnd | None:
        """Return what makes ranks among calls that end alike; None where faults do not come by session."""
        law = self._profile.failing_sessions
        if law is None or outcomes.failing_law is None:
            return None
        shares = outcomes.law.fault_share(), outcomes.failing_law.fault_share()
        return rank_laws_by_end(law, shares, sessions, dependence, sequence)

    def _pool(self, tool: str) -> DonorPool:
        """Return the donors of a tool: its own, or those of the nearest group that has enough of them."""
        tools = self._profile.tools
        own = tools[tool].donor_ranks if tool in tools else None
        if own is not None and len(own.sessions) >= DONORS_MIN:
            return DonorPool(own, self._donor_sessions)
        for group in (*ancestors(tool), self._all_tools):
            if group not in self._group_donors:
                members = (tools[name].donor_ranks for name in self._members.get(group, ()))
                joined = join([ranks for ranks in members if ranks is not None])
                self._group_donors[group] = DonorPool(joined, self._donor_sessions)
            pool = self._group_donors[group]
            if len(pool) >= DONORS_MIN or group == self._all_tools:
                break
        return pool
