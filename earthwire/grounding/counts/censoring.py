"""Latencies that a time limit cut off: neither dropped nor taken for values.

Up to a cell's largest limit its own calls speak, by the product-limit estimator (Kaplan and Meier 1958, section 2) on
the binned counts of a tally. Beyond it nothing of its own was seen. There the excess over the limit, in log latency, is
that of sibling cells over their quantile of the same level; siblings whose head has the same shape count most, and a
sibling that was cut off itself counts as far as it was seen.

A call that ran into its caller's time limit would have gone on. So with a known limit it is a slow ``ok`` call, and
which callers see a time-out follows from their own patience. Only time-outs without a known limit stay an outcome.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from scipy import special

from earthwire.fault_models.laws.latency import LATENCY_S_MAX, Extrapolation
from earthwire.grounding.counts.moments import Moments
from earthwire.grounding.counts.tally import BIN_WIDTH, Tally, bin_log_s
from earthwire.traces.columns.calls import Calls, FloatArray, IntArray
from earthwire.traces.columns.tool_sequences import ToolSequences

CallsT = TypeVar("CallsT", Calls, ToolSequences)

LIMIT_KINDS = ("timeout", "cancelled")
"""Outcome kinds of a call whose caller did not wait for its end."""

_SIBLING_CALLS_MIN = 30
_SIBLINGS_MAX = 200
_SIBLINGS_FOR_BAND_MIN = 3
_HEAD_BANDWIDTH = 0.5
_HEAD_OFFSET = 0.02
_FAR_WEIGHT = 1e-6
"""Weight of a sibling of any other shape: it speaks where no one else does."""
_BAND = (0.1, 0.9)
_TAIL_ATOMS = 100
_SLOPE_MIN = 0.05
_SLOPE_MAX = 3.0
_DOUBLE = float(np.log(2.0))


@dataclass(frozen=True, slots=True)
class Survival:
    """A distribution of log latency that is known up to a limit.

    Attributes:
        log_s: where calls ended, rising, shape (n_atoms,).
        mass: probability of each, shape (n_atoms,).
        limit_log_s: the largest limit; meaningless where `beyond` is 0.
        beyond: probability of outliving it.
        count: calls, ended or cut off.
        total: probability of each and all before it, shape (n_atoms,).
    """

    log_s: FloatArray
    mass: FloatArray
    limit_log_s: float
    beyond: float
    count: int
    total: FloatArray

    def quantile(self, level: float) -> float:
        """Return the log latency that a share `level` of the calls does not exceed; the limit beyond it."""
        i = int(np.searchsorted(self.total, level - 1e-12))
        return float(self.log_s[i]) if i < len(self.log_s) else self.limit_log_s

    def above(self, log_s: float) -> tuple[FloatArray, FloatArray]:
        """Return the log latencies above one, and the probability of each."""
        i = int(np.searchsorted(self.log_s, log_s, "right"))
        return self.log_s[i:], self.mass[i:]


@dataclass(frozen=True, slots=True)
class Completed:
    """A cell's latencies with those that were cut off put where they may have ended.

    Attributes:
        log_s, weight: atoms, shape (n_atoms,); the weights add up to the number of calls.
        censored_count: calls that were cut off.
        extrapolation: what is not seen but inferred.
    """

    log_s: FloatArray
    weight: FloatArray
    censored_count: int
    extrapolation: Extrapolation | None


def limits_as_latencies(calls: CallsT, answering: Collection[str] | None = None) -> CallsT:
    """Turn time-outs with a known limit into ``ok`` calls that last longer than it.

    A tool without any ``ok`` call that ended keeps its time-outs: nothing tells that it would ever have answered.

    Args:
        calls: what was recorded.
        answering: tools that did answer, where `calls` are not all there are.
    """
    of_kind = np.isin(calls.kind_names, LIMIT_KINDS)
    cut = np.flatnonzero(calls.censored)
    cut = cut[(calls.latency_s[cut] > 0) & of_kind[calls.kind[cut]]]
    if "ok" not in calls.kind_names or not len(cut):
        return calls
    ok = calls.kind_names.index("ok")
    if answering is None:
        ended = (calls.kind == ok) & (calls.latency_s > 0) & ~calls.censored
        codes = np.flatnonzero(np.bincount(calls.tool[ended]))
        answering = {calls.tool_names[code] for code in codes}
    answers = np.array([name in answering for name in calls.tool_names], dtype=bool)
    kind = calls.kind.copy()
    kind[cut[answers[calls.tool[cut]]]] = ok
    return replace(calls, kind=kind)


def kaplan_meier(bins: IntArray, ended: IntArray, cut: IntArray) -> Survival:
    """Return the product-limit estimate of one cell.

    Args:
        bins: rising latency bins, shape (n,).
        ended, cut: calls that ended, or were last seen, in each bin, shape (n,); of equal bins the ends come first.
    """
    at_risk = np.cumsum((ended + cut)[::-1])[::-1]
    survival = np.cumprod(1.0 - ended / np.maximum(at_risk, 1))
    mass = np.concatenate(([1.0], survival[:-1])) - survival
    has_ends = ended > 0
    log_s = bin_log_s(bins)
    return Survival(
        log_s[has_ends],
        mass[has_ends],
        float(log_s[cut > 0].max()) if cut.any() else float(log_s[-1]),
        float(survival[-1]) if survival[-1] > 1e-12 else 0.0,
        int(at_risk[0]),
        np.cumsum(mass[has_ends]),
    )


def complete(counts: Tally) -> dict[tuple[int, int], Completed]:
    """Return the latencies of every cell (tool, kind) that has ended calls and censored ones."""
    ended, cut = _by_cell(counts.latency.keys), _by_cell(counts.censored.keys)
    survivals: dict[tuple[int, int], Survival] = {}
    completed: dict[tuple[int, int], Completed] = {}
    kinds = {kind for cell, kind in cut if (cell, kind) in ended}
    for cell in ended:
        if cell[1] in kinds:
            survivals[cell] = _survival(counts, ended[cell], cut.get(cell))
    for kind in kinds:
        siblings = _Siblings({cell: s for cell, s in survivals.items() if cell[1] == kind})
        for cell in (cell for cell in cut if cell[1] == kind and cell in ended):
            cut_count = int(counts.censored.counts[cut[cell]].sum())
            completed[cell] = _completed(survivals[cell], cut_count, siblings.tail(cell))
    return completed


def with_censored(cells: Moments, completed: dict[tuple[int, int], Completed]) -> Moments:
    """Return the moments with those of the completed cells in place of those of their ended calls alone."""
    count, effective = cells.count.copy(), cells.effective_count.copy()
    mean, variance = cells.mean.copy(), cells.variance.copy()
    for i, (tool, kind) in enumerate(cells.keys.tolist()):
        cell = completed.get((tool, kind))
        if cell is None:
            continue
        n = float(cell.weight.sum())
        effective[i] *= n / count[i]
        count[i] = n
        mean[i] = np.average(cell.log_s, weights=cell.weight)
        variance[i] = np.average((cell.log_s - mean[i]) ** 2, weights=cell.weight)
    return replace(cells, count=count, effective_count=effective, mean=mean, variance=variance)


@dataclass(frozen=True, slots=True)
class Tail:
    """How much longer than its limit a call lasts that outlived it.

    Attributes:
        excess: log latency above the limit, rising, all of the same probability, shape (n_atoms,).
        doubled_low, doubled_high: share that lasts longer than twice the limit: 10th and 90th percentile of siblings.
    """

    excess: FloatArray
    doubled_low: float
    doubled_high: float


class _Siblings:
    """The cells of one outcome kind, which lend one another their tails."""

    def __init__(self, survivals: dict[tuple[int, int], Survival]) -> None:
        self._all = survivals
        self._lenders = sorted(
            (cell for cell, s in survivals.items() if s.count >= _SIBLING_CALLS_MIN),
            key=lambda cell: (-survivals[cell].count, cell),
        )[: _SIBLINGS_MAX + 1]

    def tail(self, cell: tuple[int, int]) -> Tail | None:
        """Return the tail of a cell beyond its limit; None where no call outlived it."""
        own = self._all[cell]
        if own.beyond == 0.0:
            return None
        level = 1.0 - own.beyond
        head = _head(own, level, own.limit_log_s)
        excess: list[FloatArray | list[float]] = []
        mass: list[FloatArray | list[float]] = []
        cut_mass: list[FloatArray | list[float]] = []
        weights, doubled = [], []
        for lender in self._lenders:
            sibling = self._all[lender]
            start = sibling.quantile(level)
            log_s, above = sibling.above(start)
            if lender == cell or not len(above):
                continue
            beyond = float(above.sum()) + sibling.beyond
            distance = np.sum(((_head(sibling, level, start) - head) / _HEAD_BANDWIDTH) ** 2)
            weight = np.sqrt(beyond * sibling.count) * (np.exp(-0.5 * distance) + _FAR_WEIGHT)
            seen = sibling.limit_log_s - start if sibling.beyond else np.inf
            excess += [log_s - start, [min(seen, 50.0)]]
            mass += [weight * above / beyond, [0.0]]
            cut_mass += [np.zeros(len(above)), [weight * sibling.beyond / beyond]]
            if seen >= _DOUBLE:
                weights.append(weight)
                _, twice = sibling.above(start + _DOUBLE)
                doubled.append(float(twice.sum() + sibling.beyond) / beyond)
        if not excess:
            return Tail(_own_tail(own, level), 0.0, 1.0)
        low, high = _band(np.array(doubled), np.array(weights))
        return Tail(
            _pooled(np.concatenate(excess), np.concatenate(mass), np.concatenate(cut_mass)), low, high
        )


def _head(survival: Survival, level: float, end_log_s: float) -> FloatArray:
    """Return the shape of a distribution below its quantile `level`: how far that is above middle and shoulder."""
    middle = survival.quantile(level * 5 / 9)
    shoulder = survival.quantile(max(level * 8 / 9, 2 * level - 1))
    return np.log(np.array([end_log_s - middle, end_log_s - shoulder]).clip(0.0) + _HEAD_OFFSET)


def _own_tail(own: Survival, level: float) -> FloatArray:
    """Return excesses that go on from the limit as a log-normal with the upper half of the head would."""
    middle = level * 5 / 9
    z_middle, z_level = special.ndtri([middle, level])
    slope = (own.limit_log_s - own.quantile(middle)) / max(z_level - z_middle, 1e-3)
    beyond = level + (1 - level) * (np.arange(_TAIL_ATOMS) + 0.5) / _TAIL_ATOMS
    return np.asarray(np.clip(slope, _SLOPE_MIN, _SLOPE_MAX) * (special.ndtri(beyond) - z_level))


def _pooled(excess: FloatArray, mass: FloatArray, cut_mass: FloatArray) -> FloatArray:
    """Return equally probable excesses under the weighted product-limit estimate of the siblings' excesses.

    Beyond what any sibling was seen for, it goes on exponentially, with the mean of a censored exponential sample.
    """
    order = np.argsort(excess, kind="stable")
    excess, mass, cut_mass = excess[order], mass[order], cut_mass[order]
    at_risk = np.cumsum((mass + cut_mass)[::-1])[::-1]
    survival = np.cumprod(1.0 - np.minimum(mass / np.maximum(at_risk, 1e-300), 1.0))
    slope = float((excess * (mass + cut_mass)).sum() / max(mass.sum(), 1e-12))
    left = 1.0 - (np.arange(_TAIL_ATOMS) + 0.5) / _TAIL_ATOMS
    position = np.searchsorted(-survival, -left)
    inside = excess[np.minimum(position, len(excess) - 1)]
    end, end_survival = excess[mass > 0][-1], max(float(survival[-1]), 1e-12)
    beyond = end + np.clip(slope, _SLOPE_MIN, _SLOPE_MAX) * np.log(
        end_survival / np.minimum(left, end_survival)
    )
    return np.where(position < len(excess), inside, beyond)


def _band(doubled: FloatArray, weight: FloatArray) -> tuple[float, float]:
    """Return the weighted 10th and 90th percentile; the trivial bounds where too few siblings speak."""
    if len(doubled) < _SIBLINGS_FOR_BAND_MIN:
        return 0.0, 1.0
    order = np.argsort(doubled)
    position = (np.cumsum(weight[order]) - 0.5 * weight[order]) / weight.sum()
    low, high = np.interp(_BAND, position, doubled[order])
    return float(low), float(high)


def _completed(own: Survival, cut_count: int, tail: Tail | None) -> Completed:
    if tail is None:
        return Completed(own.log_s, own.mass * own.count, cut_count, None)
    extrapolation = Extrapolation(
        limit_s=min(_roundest_s(own.limit_log_s), LATENCY_S_MAX),
        share_beyond=own.beyond,
        doubled_low=tail.doubled_low,
        doubled_high=tail.doubled_high,
    )
    weight = np.concatenate((own.mass, np.full(len(tail.excess), own.beyond / len(tail.excess))))
    # Half a bin on: what outlives a limit lies above the bin that the limit is in the middle of.
    log_s = np.concatenate((own.log_s, own.limit_log_s + BIN_WIDTH / 2 + tail.excess))
    return Completed(log_s, weight * own.count, cut_count, extrapolation)


def _roundest_s(log_s: float) -> float:
    """Return the shortest decimal number of seconds in a bin: people choose limits such as 10 s, not 9.98 s."""
    rounded = [float(f"{np.exp(log_s):.{digits}g}") for digits in range(1, 5)]
    inside = [value for value in rounded if abs(np.log(value) - log_s) <= BIN_WIDTH / 2]
    return inside[0] if inside else rounded[-1]


def _survival(counts: Tally, ended: IntArray, cut: IntArray | None) -> Survival:
    parts = [(counts.latency, ended)] if cut is None else [(counts.latency, ended), (counts.censored, cut)]
    bins, position = np.unique(np.concatenate([c.keys[rows, 2] for c, rows in parts]), return_inverse=True)
    columns = np.zeros((2, len(bins)), dtype=np.int64)
    start = 0
    for column, (cells, rows) in enumerate(parts):
        np.add.at(columns[column], position[start : start + len(rows)], cells.counts[rows])
        start += len(rows)
    return kaplan_meier(bins, columns[0], columns[1])


def _by_cell(keys: IntArray) -> dict[tuple[int, int], IntArray]:
    """Return the rows of each (tool, kind) of sorted keys (tool, kind, bin)."""
    if not len(keys):
        return {}
    cells, starts = np.unique(keys[:, :2], axis=0, return_index=True)
    rows = np.split(np.arange(len(keys)), starts[1:])
    return {(int(tool), int(kind)): part for (tool, kind), part in zip(cells, rows, strict=True)}
