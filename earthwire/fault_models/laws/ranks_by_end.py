"""Ranks among calls that end alike, where faults and other calls come from different sessions.

Faults have latency tables of their own. Where slow sessions fail more often (`failing_sessions`), most faults come from
slow sessions, and their table is a slow one: a call of a slow session is slow among good calls, and as usual among
faults. So the score of a call, which says how slow its session is, becomes a rank by the distribution of scores over
the sessions that calls ending like it come from: each session weighs as much as it has of them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from earthwire.fault_models.laws.dependence import Dependence, RankLaw, SessionLevels
from earthwire.fault_models.laws.failing_sessions import FailingSessions
from earthwire.fault_models.laws.sequence import SequenceLaw
from earthwire.traces.labels.outcome_kind import is_fault

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class RankLawsByEnd(NamedTuple):
    """What makes ranks of scores.

    Attributes:
        of_faults: of calls that end as a fault.
        of_others: of all others.
    """

    of_faults: RankLaw
    of_others: RankLaw

    def of(self, kind: str) -> RankLaw:
        """Return the law of calls that end so."""
        return self.of_faults if is_fault(kind) else self.of_others

    def ranks(self, scores: Sequence[float], kinds: Sequence[str]) -> "npt.NDArray[np.float64]":
        """Return the rank of each score, shape (n_calls,)."""
        # Here, since few users of this module have so many at once.
        import numpy as np

        return np.array([self.of(kind).rank(score) for score, kind in zip(scores, kinds, strict=True)])


def rank_laws_by_end(
    law: FailingSessions,
    shares: tuple[float, float],
    sessions: SessionLevels,
    dependence: Dependence,
    sequence: SequenceLaw | None = None,
) -> RankLawsByEnd:
    """Return the laws of one tool.

    Args:
        law: how many sessions fail, by level.
        shares: of the tool's calls that are faults, in usual sessions and in those that fail.
        sessions: the recorded sessions, lowest level first.
        dependence, sequence: as those of `RankLaw`.
    """
    usual, failing = shares
    count = len(sessions.levels)
    faults = [usual + law.share_at((i + 0.5) / count) * (failing - usual) for i in range(count)]
    others = [1.0 - share for share in faults]
    return RankLawsByEnd(
        *(
            RankLaw(sessions, dependence, sequence, weights if any(weights) else None)
            for weights in (faults, others)
        )
    )
