"""Fits when the tools of one upstream were bad together, on the wall clock, where calls have start times.

Time is cut into ticks. A tick is bad where at least half of the upstream's calls in it failed in a way that is not the
caller's doing. Ticks without a call are as the one before them, but for no longer than `UNSEEN_TICKS_MAX`: what nobody
saw is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from earthwire.fault_models.grouping import upstream
from earthwire.fault_models.laws.regime import TICK_S, UpstreamRegime
from earthwire.grounding.fits.regimes import HISTORY_FAULTS_MIN, run_history, run_lengths
from earthwire.grounding.samples.outcome_mix import faults
from earthwire.traces.columns.calls import BoolArray, Calls, IntArray, map_tools

UNSEEN_TICKS_MAX = round(7_200 / TICK_S)
"""Two hours: hourly probes see all of the time."""

_OUTAGES = ("conn_error", "timeout", "http_5xx")
"""Outcomes that an upstream brings about whatever it is asked for."""


def is_outage(kind: str) -> bool:
    """Tell whether an outcome kind may be a sign of an outage.

    >>> is_outage("http_5xx:503"), is_outage("http_4xx:404")
    (True, False)
    """
    return kind.partition(":")[0] in _OUTAGES


@dataclass(frozen=True, slots=True)
class Ticks:
    """The ticks in which an upstream was called, in order.

    Attributes:
        tick: number of each, shape (n_ticks,).
        span: ticks that each stands for: until the next one, within the bound; the last for one.
        bad: whether at least half of its calls failed in a way that is not the caller's doing.
        out, calls: calls that failed so, and all calls, in each.
        position: tick of each call, shape (n_calls,).
    """

    tick: IntArray
    span: IntArray
    bad: BoolArray
    out: IntArray
    calls: IntArray
    position: IntArray


def upstream_regimes(calls: Calls) -> dict[str, UpstreamRegime]:
    """Return the regime of each upstream that was seen to go down and come back often enough."""
    found = {name: _regime(part) for name, part in calls_by_upstream(calls.ended_by_tools())}
    return {name: regime for name, regime in found.items() if regime is not None}


def calls_by_upstream(calls: Calls) -> Iterator[tuple[str, Calls]]:
    """Yield name and calls with start times of each upstream that failed often enough for a regime."""
    names, group = map_tools(calls, upstream)
    timed = np.isfinite(calls.start_s)
    out = _is_out(calls) & timed
    for code in np.flatnonzero(np.bincount(group[out], minlength=len(names)) >= HISTORY_FAULTS_MIN):
        yield names[code], calls.select(timed & (group == code))


def ticks_of(calls: Calls) -> Ticks:
    """Cut the time of calls, all of them with a start time, into ticks."""
    tick, position = np.unique((calls.start_s // TICK_S).astype(np.int64), return_inverse=True)
    out = np.bincount(position, weights=_is_out(calls)).astype(np.int64)
    count = np.bincount(position)
    return Ticks(tick, tick_spans(tick), 2 * out >= count, out, count, position)


def _is_out(calls: Calls) -> BoolArray:
    of_kind = np.array([is_outage(name) for name in calls.kind_names], dtype=bool)
    return of_kind[calls.kind] if len(calls) else np.zeros(0, dtype=bool)


def _regime(calls: Calls) -> UpstreamRegime | None:
    ticks = ticks_of(calls)
    history = run_history(_joined(run_lengths(ticks.bad), ticks.span))
    if history is None:
        return None
    failed, in_bad = faults(calls), ticks.bad[ticks.position]
    return UpstreamRegime(
        history=history,
        up_calls=int((~in_bad).sum()),
        up_faults=int((failed & ~in_bad).sum()),
        bad_calls=int(in_bad.sum()),
        bad_faults=int((failed & in_bad).sum()),
    )


def tick_spans(tick: IntArray) -> IntArray:
    """Return how many ticks each observed one stands for: until the next one, within the bound; the last for one."""
    return np.append(np.minimum(np.diff(tick), UNSEEN_TICKS_MAX), 1).astype(np.int64)


def _joined(runs: IntArray, counts: IntArray) -> IntArray:
    """Return run lengths in ticks from those in observed ticks."""
    ends = np.concatenate(([0], np.cumsum(counts)))[np.cumsum(runs)]
    return np.diff(ends, prepend=0)
