"""The outcome law of one tool: a categorical over outcome kinds, given the tool's previous outcome.

Counts back off along a chain, as in Dirichlet smoothing of n-grams (MacKay and Peto 1995):
``p_l = (n_l + κ p_{l-1}) / (N_l + κ)``, from all calls to the server to the tool to (tool, previous outcome).
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import accumulate

import msgspec

from earthwire.fault_models.laws.giving_up import given_up
from earthwire.traces.labels.outcome_kind import is_fault

KAPPA = 1.0
"""Weight of the coarser level, in calls."""

START = "start"
"""Stands for the previous outcome where there is none: the tool's first call in an episode."""

Counts = Mapping[str, int]


class OutcomeCounts(msgspec.Struct, frozen=True):
    """How often each outcome kind followed each previous one.

    Attributes:
        after: previous outcome kind (or `START`) to counts by outcome kind.
    """

    after: dict[str, dict[str, int]]

    @property
    def total(self) -> dict[str, int]:
        """Counts by outcome kind, whatever came before."""
        total: dict[str, int] = {}
        for counts in self.after.values():
            for kind, count in counts.items():
                total[kind] = total.get(kind, 0) + count
        return total

    def fault_share(self) -> float:
        """Return the share of the calls that ended as a fault; 0 where there are none."""
        total = self.total
        return sum(count for kind, count in total.items() if is_fault(kind)) / max(sum(total.values()), 1)


def add_counts(parts: Iterable[OutcomeCounts]) -> OutcomeCounts:
    """Return the counts of several tools taken together."""
    total: dict[str, dict[str, int]] = {}
    for part in parts:
        for previous, counts in part.after.items():
            into = total.setdefault(previous, {})
            for kind, count in counts.items():
                into[kind] = into.get(kind, 0) + count
    return OutcomeCounts(total)


def without_part(whole: OutcomeCounts, part: OutcomeCounts | None) -> OutcomeCounts:
    """Return the counts of a tool less those of a part of its calls."""
    if part is None:
        return whole
    after: dict[str, dict[str, int]] = {}
    for previous, counts in whole.after.items():
        taken = part.after.get(previous, {})
        left = {kind: rest for kind, count in counts.items() if (rest := count - taken.get(kind, 0))}
        if left:
            after[previous] = left
    return OutcomeCounts(after)


class OutcomeLaw:
    """Probabilities of the outcome of a tool's next call.

    Args:
        levels: counts from the coarsest level to the tool's own, each by previous outcome.
    """

    __slots__ = ("_cumulative", "_fault_probability", "_given_up", "_levels", "_prior")

    def __init__(self, *levels: OutcomeCounts) -> None:
        prior: dict[str, float] = {}
        for level in levels:
            prior = back_off(level.total, prior)
        self._prior = prior
        self._levels = levels
        self._given_up = given_up(levels[-1].after, START) if levels else {}
        self._cumulative: dict[str, tuple[list[float], list[str]]] = {}
        self._fault_probability: dict[str, float] = {}

    def probabilities(self, previous: str = START) -> dict[str, float]:
        """Return the probability of each outcome kind after `previous`; they sum to 1."""
        return back_off(self.counts_after(previous), self._prior)

    def counts_after(self, previous: str) -> Counts:
        """Return the tool's own counts of outcome kinds after `previous`.

        Some sequences that ended with a mistake of the caller count as ends of a run; see `giving_up`.
        """
        if not self._levels:
            return {}
        counts = self._levels[-1].after.get(previous, {})
        ends = self._given_up.get(previous)
        return counts if ends is None else {**counts, "ok": counts.get("ok", 0) + ends}

    def marginal(self) -> dict[str, float]:
        """Return the probability of each outcome kind, whatever came before."""
        return dict(self._prior)

    def fault_share(self) -> float:
        """Return the probability of any fault, whatever came before."""
        return math.fsum(p for kind, p in self.marginal().items() if is_fault(kind))

    def draw(self, u: float, previous: str) -> str:
        """Return the outcome kind at position `u` in [0, 1) of the cumulative distribution, faults first."""
        table = self._cumulative.get(previous)
        bounds, kinds = self.cumulative(previous) if table is None else table
        return kinds[bisect_right(bounds, u)]

    def cumulative(self, previous: str) -> tuple[list[float], list[str]]:
        """Return upper bounds of what `draw` compares with, all but the last, and the kinds; faults come first."""
        table = self._cumulative.get(previous)
        if table is None:
            table = self._cumulative[previous] = self._cumulate(previous)
        return table

    def fault_probability(self, previous: str) -> float:
        """Return the probability of any fault after `previous`."""
        known = self._fault_probability.get(previous)
        if known is None:
            faults = (p for kind, p in self.probabilities(previous).items() if is_fault(kind))
            known = self._fault_probability[previous] = math.fsum(faults)
        return known

    def draw_given(self, u: float, previous: str, fault_probability: float) -> str:
        """Draw as `draw` does, but with this probability of a fault: the law only tells one fault from another."""
        own = self.fault_probability(previous)
        if u < fault_probability:
            return self.draw(u / fault_probability * own, previous)
        rest = (u - fault_probability) / (1.0 - fault_probability)
        return self.draw(own + rest * (1.0 - own), previous)

    def _cumulate(self, previous: str) -> tuple[list[float], list[str]]:
        """Return upper bounds (all but the last) and kinds; fault kinds come first, so that a low `u` is a fault."""
        probabilities = self.probabilities(previous) or {"ok": 1.0}
        kinds = sorted(probabilities, key=lambda kind: (kind in ("ok", "unknown"), kind))
        return list(accumulate(probabilities[kind] for kind in kinds[:-1])), kinds


def back_off(counts: Counts, prior: Mapping[str, float]) -> dict[str, float]:
    """Return ``(n + κ prior) / (N + κ)`` for every kind of either; plain frequencies where there is no prior."""
    total = sum(counts.values())
    if not prior:
        return {kind: count / total for kind, count in counts.items()} if total else {}
    kinds = counts.keys() | prior.keys()
    return {
        kind: (counts.get(kind, 0) + KAPPA * prior.get(kind, 0.0)) / (total + KAPPA) for kind in sorted(kinds)
    }
