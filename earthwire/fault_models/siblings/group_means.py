"""What its groups say about a tool: means pooled from the coarsest group down to the nearest one."""

from collections.abc import Iterable, Mapping

from earthwire.fault_models.grouping import ancestors

WEIGHT_MAX = 5.0
"""Weight of one tool at most, in sessions: a busy one is not to speak for its whole group."""
SHRINKAGE = 3.0
"""Weight of the next coarser group, in sessions."""

_ALL = ""
_WEIGHT_MIN = 1e-9
"""What is less than this is what rounding left of nothing."""


class GroupMeans:
    """Means by group; each tool counts in all groups that it belongs to.

    Args:
        means: tool to its mean and the weight of that, which counts up to `WEIGHT_MAX`.
    """

    def __init__(self, means: Mapping[str, tuple[float, float]]) -> None:
        self._own = {tool: (mean, min(weight, WEIGHT_MAX)) for tool, (mean, weight) in means.items()}
        self._sums: dict[str, tuple[float, float]] = {}
        for tool, (mean, weight) in self._own.items():
            for group in (_ALL, *ancestors(tool)):
                total, of_all = self._sums.get(group, (0.0, 0.0))
                self._sums[group] = total + weight * mean, of_all + weight

    def expected(self, groups: Iterable[str], whatever: float, without: str = "") -> float:
        """Return the mean that is to be expected of a tool: that of its groups, each pulled towards the coarser one.

        Args:
            groups: of the tool, nearest first; those that are not known say nothing.
            whatever: what all tools together are pulled towards.
            without: a tool that is left out of account.
        """
        own_mean, own_weight = self._own.get(without, (0.0, 0.0))
        own_groups = {_ALL, *ancestors(without)} if own_weight else set()
        mean = whatever
        for group in (_ALL, *reversed(tuple(groups))):
            total, weight = self._sums.get(group, (0.0, 0.0))
            if group in own_groups:
                total, weight = total - own_weight * own_mean, weight - own_weight
            if weight > _WEIGHT_MIN:
                mean = (total + SHRINKAGE * mean) / (weight + SHRINKAGE)
        return mean
