"""The ranks of one tool's calls in one episode, by the compact law; see `earthwire.fault_models.laws.dependence`."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from earthwire.fault_models.laws.dependence import Dependence, RankLaw, SessionLevels, normal_quantile
from earthwire.fault_models.laws.ranks_by_end import RankLawsByEnd
from earthwire.fault_models.uniforms import Purpose
from earthwire.traces.labels.outcome_kind import is_fault

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# As plain numbers: looking a member of an enumeration up takes longer than all that is done with it here.
_LEVEL, _LATENCY = int(Purpose.LEVEL), int(Purpose.LATENCY)


class CompactRanks:
    """The ranks of one tool's calls in one episode, drawn from level, spread, slow level and earlier calls.

    Args:
        dependence: shares of the variance inside a session.
        sessions: levels and spreads to choose from.
        rank_law: of those sessions.
        episode_u: the episode's uniform: which session speaks.
        tool_u, jitter_u: the tool's uniforms in the episode: where it stands, and how restless it is.
        by_end: make ranks of the scores of calls that end alike, in the place of `rank_law`; None where how a call ends
            says nothing of its session.
    """

    __slots__ = (
        "_after_fault",
        "_by_end",
        "_innovation",
        "_memory",
        "_offset",
        "_rank_law",
        "_sequence",
        "_slow",
        "_slow_weight",
        "_white",
    )

    def __init__(
        self,
        dependence: Dependence,
        sessions: SessionLevels,
        rank_law: RankLaw,
        episode_u: float,
        tool_u: float,
        jitter_u: float,
        by_end: RankLawsByEnd | None = None,
    ) -> None:
        self._by_end = by_end
        level, spread, jitter = sessions.at(episode_u)
        tool_weight, slow_weight, noise_weight = dependence.weights()
        own_jitters = dependence.own_jitters()
        restless = spread * jitter * own_jitters[int(jitter_u * len(own_jitters))]
        self._offset = level + spread * tool_weight * normal_quantile(tool_u)
        self._slow_weight = restless * slow_weight
        self._white = restless * noise_weight
        self._memory = dependence.level_memory
        self._innovation = math.sqrt(1.0 - dependence.level_memory**2)
        self._rank_law = rank_law
        self._sequence = rank_law.sequence
        self._slow: float | None = None
        self._after_fault = False

    def next_rank(self, index: int, u: tuple[float, ...], kind: str) -> float:
        """Return the rank of call `index`, in (0, 1), from its uniforms and its outcome kind; calls come in order."""
        score = self._offset
        if self._slow_weight != 0.0:
            score += self._slow_weight * self._next_slow(u[_LEVEL])
        score += self._white * normal_quantile(u[_LATENCY])
        sequence = self._sequence
        if sequence is not None:
            score = sequence.moved(score, index, self._after_fault)
            if sequence.heeds_faults:
                self._after_fault = is_fault(kind)
        return (self._rank_law if self._by_end is None else self._by_end.of(kind)).rank(score)

    def next_ranks(
        self, start: int, steps: Iterable[float], noise: Iterable[float], kinds: Sequence[str]
    ) -> "npt.NDArray[np.float64]":
        """Return the ranks of many calls, shape (n_calls,), as `next_rank` does.

        Args:
            start: index of the first of them.
            steps, noise: normal scores of the calls' uniforms, one each a call.
            kinds: outcome kind of each call.
        """
        scores = self._moved_scores(start, self._own_scores(steps, noise), kinds)
        return self._rank_law.ranks(scores) if self._by_end is None else self._by_end.ranks(scores, kinds)

    def _moved_scores(self, start: int, scores: list[float], kinds: Sequence[str]) -> list[float]:
        """Return scores by themselves moved by the calls before them."""
        sequence = self._sequence
        if sequence is None:
            return scores
        if not sequence.heeds_faults:
            return [sequence.moved(score, index, False) for index, score in enumerate(scores, start)]
        moved = []
        for index, (score, kind) in enumerate(zip(scores, kinds, strict=True), start):
            moved.append(sequence.moved(score, index, self._after_fault))
            self._after_fault = is_fault(kind)
        return moved

    def _own_scores(self, steps: Iterable[float], noise: Iterable[float]) -> list[float]:
        """Return the scores of many calls by themselves."""
        memory, innovation, slow = self._memory, self._innovation, self._slow
        offset, slow_weight, white = self._offset, self._slow_weight, self._white
        if slow_weight == 0.0:
            # No slow level, and so nothing that is remembered: the steps are not even worked out.
            return [offset + white * own for own in noise]
        scores = []
        for step, own in zip(steps, noise, strict=True):
            slow = step if slow is None else memory * slow + innovation * step
            scores.append(offset + slow_weight * slow + white * own)
        self._slow = slow
        return scores

    def _next_slow(self, u: float) -> float:
        """Let the slow level advance by one call; return where it is then."""
        step, slow = normal_quantile(u), self._slow
        self._slow = slow = step if slow is None else self._memory * slow + self._innovation * step
        return slow
