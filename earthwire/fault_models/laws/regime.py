"""When a tool is up and when it is bad: laws that bring faults back in bursts as they were recorded.

Two laws, either of which only decides *whether* a call fails; the outcome law then decides how.

- `AgeHazards`, semi-Markov: the probability that the regime ends depends on how long it has lasted, in bins of
  ``floor(log2 age)``. Each bin is pulled towards the outcome law, which knows no age.
- `RunHistory`, for tools that were recorded in long sequences: the recorded runs themselves, in long blocks. Failures
  of real services cluster on every scale up to weeks, which no chain with a short memory brings back.

A history is resampled by the circular block bootstrap (Politis and Romano, "A circular block-resampling procedure for
stationary data", 1992) with a random phase. Every call's position is then uniform over the history, so that the share
of bad calls is exactly the recorded one at every call index, and it is a pure function of the index.
"""

from bisect import bisect_right
from collections.abc import Mapping
from functools import cached_property
from itertools import accumulate

import msgspec

from earthwire.fault_models.uniforms import Purpose, UniformStream

AGE_BINS = 8
"""Bins of the age of a regime: 1, 2-3, 4-7, … and 128 or more."""

HAZARD_PRIOR_CALLS = 4.0
"""Weight of the law without ages, in calls."""

PASSES_PER_BLOCK = 4
"""Length of a block, in passes through the history: one jump in so many passes."""

TICK_S = 10.0
"""Step of the wall clock on which histories of upstreams advance, in seconds."""


def age_bin(age: int) -> int:
    """Return the bin of an age in calls; ages start at 1.

    >>> [age_bin(age) for age in (1, 2, 3, 4, 128, 10_000)]
    [0, 1, 1, 2, 7, 7]
    """
    return min(age.bit_length() - 1, AGE_BINS - 1)


class HazardCounts(msgspec.Struct, frozen=True):
    """How often a regime was left, by its age.

    Attributes:
        at_risk: calls that followed one of that age, by bin, shape (8,).
        left: how many of them were of the other regime, by bin, shape (8,).
    """

    at_risk: tuple[int, ...]
    left: tuple[int, ...]

    def probability(self, age: int, without_age: float) -> float:
        """Return the probability that the next call leaves the regime.

        Args:
            age: calls that the regime has lasted, from 1.
            without_age: the same probability by a law that knows no age.
        """
        i = age_bin(age)
        return (self.left[i] + HAZARD_PRIOR_CALLS * without_age) / (self.at_risk[i] + HAZARD_PRIOR_CALLS)


class AgeHazards(msgspec.Struct, frozen=True, tag="hazards"):
    """Semi-Markov law of up and bad.

    Attributes:
        after: previous outcome kind to counts by age of the regime that it is part of.
    """

    after: Mapping[str, HazardCounts]


class RunHistory(msgspec.Struct, frozen=True, tag="history", dict=True):
    """Recorded runs, up and bad in turn.

    Attributes:
        runs: lengths in calls (or ticks), the first of them up (it may be 0); the sum is positive.
    """

    runs: tuple[int, ...]

    @cached_property
    def length(self) -> int:
        """Calls (or ticks) in the whole history."""
        return sum(self.runs)

    @cached_property
    def bad_share(self) -> float:
        """Share of them that are bad."""
        return sum(self.runs[1::2]) / self.length

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(self.runs))

    def is_bad(self, position: int) -> bool:
        """Tell whether call (or tick) `position` is bad; positions go round."""
        return bisect_right(self._ends, position % self.length) % 2 == 1


RegimeLaw = AgeHazards | RunHistory


class UpstreamRegime(msgspec.Struct, frozen=True):
    """When the tools of one upstream are up or bad together, on the wall clock.

    Attributes:
        history: recorded runs in ticks of `TICK_S`.
        up_calls, up_faults: calls and faults while it was up.
        bad_calls, bad_faults: calls and faults while it was bad.
    """

    history: RunHistory
    up_calls: int
    up_faults: int
    bad_calls: int
    bad_faults: int

    def fault_probability(self, bad: bool, whatever: float) -> float:
        """Return the probability of a fault while it is bad, or while it is up.

        Args:
            bad: which of the two.
            whatever: the probability of a fault whatever the regime.
        """
        if bad:
            return (self.bad_faults + HAZARD_PRIOR_CALLS * whatever) / (self.bad_calls + HAZARD_PRIOR_CALLS)
        overall = (self.up_faults + self.bad_faults) / max(self.up_calls + self.bad_calls, 1)
        share = self.up_faults / self.up_calls / overall if self.up_calls and overall else 1.0
        return min(whatever * share, 1.0)


class RegimePath:
    """One resampled history: bad or not, at any index, in any order.

    Args:
        history: recorded runs.
        stream: uniforms of whatever shares this path.
    """

    __slots__ = ("_block", "_block_length", "_history", "_phase", "_start", "_stream")

    def __init__(self, history: RunHistory, stream: UniformStream) -> None:
        self._history = history
        self._stream = stream
        self._block_length = PASSES_PER_BLOCK * history.length
        self._phase = int(stream.at(0)[Purpose.SPARE] * self._block_length)
        self._block, self._start = -1, 0

    def is_bad(self, index: int) -> bool:
        """Tell whether call (or tick) `index`, from 0, is bad."""
        block, inside = divmod(index + self._phase, self._block_length)
        if block != self._block:
            self._block = block
            self._start = int(self._stream.at(block)[Purpose.REGIME] * self._history.length)
        return self._history.is_bad(self._start + inside)


def upstream_path(history: RunHistory, seed: int, world: str, group: str) -> RegimePath:
    """Return when an upstream is bad, by tick after the episode's start: the same for all tools of the group.

    Args:
        history: recorded runs of the group, in ticks.
        seed: of the run.
        world: what shares one sky: an episode, or a name that several episodes have in common.
        group: the upstream (`earthwire.fault_models.grouping.upstream`).
    """
    return RegimePath(history, UniformStream(seed, "upstream", world, group))


def regime_at(history: RunHistory, seed: int, world: str, group: str, tick: int) -> bool:
    """Tell whether an upstream is bad at one tick, from 0; the arguments are those of `upstream_path`."""
    return upstream_path(history, seed, world, group).is_bad(tick)
