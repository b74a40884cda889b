"""Condenses recorded and simulated calls into the few numbers that pictures of them are drawn from."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from earthwire.grounding.samples.outcome_mix import (
    Rate,
    clustered_rate,
    fault_rate,
    faults,
    run_lengths,
    session_totals,
)
from earthwire.traces.columns.calls import Calls, FloatArray, IntArray

QUANTILE_LEVELS: tuple[float, ...] = tuple(
    round(1 / (1 + math.exp(-x)), 4) for x in (-5.5 + 11 * i / 40 for i in range(41))
)
"""Probabilities of every distribution: spaced evenly on the logit scale, so that both tails can be seen."""
RUN_LENGTHS = ("1", "2", "3", "4", "5 to 9", "10 and more")
"""Classes of the number of faults in a row."""
TOOLS_DRAWN_MAX = 24
"""Tools with a distribution of their own, the busiest of the recording; all others are counted."""
KINDS_MAX = 12
"""Kinds of faults with a rate of their own, the most frequent of both sides."""

_RUN_LENGTHS_LOW = (1, 2, 3, 4, 5, 10)
_VALUES_MIN = 5
_DIGITS = 4


class Distribution(msgspec.Struct, frozen=True):
    """Recorded and simulated values as quantiles at `QUANTILE_LEVELS`.

    Attributes:
        real_count, simulated_count: values behind them.
        real, simulated: quantiles, in the unit that the name of the field ends in.
        floor: of another half of reality; None where there is none.
    """

    real_count: int
    simulated_count: int
    real: list[float]
    simulated: list[float]
    floor: list[float] | None = None


class ToolCurve(msgspec.Struct, frozen=True):
    """One tool.

    Attributes:
        real_calls, simulated_calls: on either side.
        latency_s: None where a side has fewer than five timed calls, or the tool is not among the busiest.
    """

    tool: str
    real_calls: int
    simulated_calls: int
    latency_s: Distribution | None


class KindRates(msgspec.Struct, frozen=True):
    """How often one kind of fault comes, with the intervals that the effective sample size supports."""

    kind: str
    real: Rate
    simulated: Rate


class Curves(msgspec.Struct, frozen=True):
    """What the pictures of a report are drawn from.

    Attributes:
        levels: `QUANTILE_LEVELS`.
        latency_s: of all timed calls; None where a side has fewer than five.
        tools: every tool that has calls on either side, the busiest of the recording first.
        session_total_s: total latency of each session; None where a side has fewer than five.
        faults: rate of all faults, then of each kind; empty where outcomes were not recorded.
        run_lengths_real, run_lengths_simulated: share of runs of faults in each class of `RUN_LENGTHS`; None where
            there was no fault.
    """

    levels: list[float]
    latency_s: Distribution | None
    tools: list[ToolCurve]
    session_total_s: Distribution | None
    faults: list[KindRates]
    run_lengths_real: list[float] | None
    run_lengths_simulated: list[float] | None


def draw_curves(real: Calls, simulated: Calls, confidence: float, floor: Calls | None = None) -> Curves:
    """Condense two sets of calls.

    Args:
        real, simulated: calls under the same tool codes.
        confidence: level of the intervals of rates.
        floor: another half of reality to draw beside them, under the same tool codes.
    """
    timed_real, timed_simulated = real.timed(), simulated.timed()
    timed_floor = None if floor is None else floor.timed()
    return Curves(
        levels=list(QUANTILE_LEVELS),
        latency_s=_distribution(
            timed_real.latency_s,
            timed_simulated.latency_s,
            None if timed_floor is None else timed_floor.latency_s,
        ),
        tools=_tools(timed_real, timed_simulated, timed_floor),
        session_total_s=_distribution(
            session_totals(timed_real),
            session_totals(timed_simulated),
            None if timed_floor is None else session_totals(timed_floor),
        ),
        faults=_fault_rates(real, simulated, confidence),
        run_lengths_real=_run_shares(run_lengths(real)),
        run_lengths_simulated=_run_shares(run_lengths(simulated)),
    )


def _tools(real: Calls, simulated: Calls, floor: Calls | None) -> list[ToolCurve]:
    width = len(real.tool_names)
    real_count = np.bincount(real.tool, minlength=width)
    simulated_count = np.bincount(simulated.tool, minlength=width)
    order = np.lexsort((-simulated_count, -real_count))
    curves = []
    for place, code in enumerate(order[(real_count + simulated_count)[order] > 0].tolist()):
        drawn = _tool_distribution(real, simulated, floor, code) if place < TOOLS_DRAWN_MAX else None
        curves.append(
            ToolCurve(real.tool_names[code], int(real_count[code]), int(simulated_count[code]), drawn)
        )
    return curves


def _tool_distribution(real: Calls, simulated: Calls, floor: Calls | None, code: int) -> Distribution | None:
    return _distribution(
        real.latency_s[real.tool == code],
        simulated.latency_s[simulated.tool == code],
        None if floor is None else floor.latency_s[floor.tool == code],
    )


def _distribution(
    real: FloatArray, simulated: FloatArray, floor: FloatArray | None = None
) -> Distribution | None:
    if min(len(real), len(simulated)) < _VALUES_MIN:
        return None
    has_floor = floor is not None and len(floor) >= _VALUES_MIN
    return Distribution(
        len(real),
        len(simulated),
        _quantiles(real),
        _quantiles(simulated),
        _quantiles(floor) if floor is not None and has_floor else None,
    )


def _quantiles(values: FloatArray) -> list[float]:
    return [float(f"{value:.{_DIGITS}g}") for value in np.quantile(values, QUANTILE_LEVELS).tolist()]


def _fault_rates(real: Calls, simulated: Calls, confidence: float) -> list[KindRates]:
    """Return the rate of all faults and of the most frequent kinds; nothing where a side has no outcomes."""
    if not (_has_outcomes(real) and _has_outcomes(simulated)):
        return []
    both = [(calls, calls.kind[faults(calls)].tolist()) for calls in (real, simulated)]
    share: dict[str, float] = {}
    for calls, kinds in both:
        for kind in kinds:
            name = calls.kind_names[kind]
            share[name] = share.get(name, 0.0) + 1.0 / len(calls)
    frequent = sorted(share, key=lambda name: (-share[name], name))[:KINDS_MAX]
    return [
        KindRates("any fault", fault_rate(real, confidence), fault_rate(simulated, confidence)),
        *(
            KindRates(name, _kind_rate(real, name, confidence), _kind_rate(simulated, name, confidence))
            for name in frequent
        ),
    ]


def _kind_rate(calls: Calls, kind: str, confidence: float) -> Rate:
    is_kind = np.array([name == kind for name in calls.kind_names], dtype=bool)
    return clustered_rate(is_kind[calls.kind], calls.session, confidence)


def _has_outcomes(calls: Calls) -> bool:
    names: Sequence[str] = [calls.kind_names[kind] for kind in np.unique(calls.kind).tolist()]
    return any(name != "unknown" for name in names)


def _run_shares(lengths: IntArray) -> list[float] | None:
    if not len(lengths):
        return None
    of_class = np.searchsorted(_RUN_LENGTHS_LOW, lengths, side="right") - 1
    shares = np.bincount(of_class, minlength=len(RUN_LENGTHS)) / len(lengths)
    return [float(share) for share in shares]
