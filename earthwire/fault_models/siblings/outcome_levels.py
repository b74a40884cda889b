"""Whose outcome counts speak for a tool, from all calls down to its own: what its outcome law backs off along."""

from collections.abc import Callable, Mapping, Sequence

from earthwire.fault_models.grouping import ancestors
from earthwire.fault_models.laws.outcome import OutcomeCounts, add_counts, without_part
from earthwire.fault_models.profile import Profile, ToolLaws

CountsOf = Callable[[ToolLaws], OutcomeCounts]


def usual_counts(laws: ToolLaws) -> OutcomeCounts:
    """Return a tool's counts from all sessions but those that failed as a whole."""
    return without_part(laws.outcomes, laws.failing_outcomes)


def failing_counts(laws: ToolLaws) -> OutcomeCounts:
    """Return a tool's counts from the sessions that failed as a whole."""
    return laws.failing_outcomes or OutcomeCounts({})


class OutcomeLevels:
    """The outcome counts of all tools and of their groups, from one kind of sessions.

    Args:
        profile: that the tools belong to.
        members: tools of each group.
        counts_of: gives a tool's counts from sessions of that kind.
    """

    def __init__(self, profile: Profile, members: Mapping[str, Sequence[str]], counts_of: CountsOf) -> None:
        self._profile = profile
        self._members = members
        self._counts_of = counts_of
        self._overall = counts_of(profile.overall)
        self._of_group: dict[str, OutcomeCounts] = {}
        self._seen_once_counts: OutcomeCounts | None = None

    def of(self, tool: str) -> list[OutcomeCounts]:
        """Return the counts that speak for a tool, known or not, from the coarsest level to its own."""
        laws = self._profile.tools.get(tool)
        groups = [group for group in reversed(ancestors(tool)) if group in self._members]
        levels = [self._overall, *map(self._group, groups)]
        if laws is not None:
            levels.append(self._counts_of(laws))
        elif self._seen_once().after:
            # Before the groups: siblings on the same server say more.
            levels.insert(1, self._seen_once())
        return levels

    def _group(self, group: str) -> OutcomeCounts:
        counts = self._of_group.get(group)
        if counts is None:
            members = (self._profile.tools[name] for name in self._members[group])
            counts = self._of_group[group] = add_counts(map(self._counts_of, members))
        return counts

    def _seen_once(self) -> OutcomeCounts:
        """Return the counts of tools that were seen in one session only.

        What was never seen is most like what was hardly seen (Good 1953, "The population frequencies of species"), not
        like the busy tools that most calls belong to.
        """
        if self._seen_once_counts is None:
            rare = (laws for laws in self._profile.tools.values() if laws.sessions == 1)
            self._seen_once_counts = add_counts(map(self._counts_of, rare))
        return self._seen_once_counts
