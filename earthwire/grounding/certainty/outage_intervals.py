"""Intervals of an upstream's regime on the wall clock: how long it is up and bad, and how often calls fail in either.

A tick counts as bad where at least half of its calls failed. Where it holds few calls that mistakes single failures
for outages, and the other way round, and each mistake makes two runs out of one. So ticks with few calls are passed
over; where too little is left then, nothing is stated.
"""

import numpy as np
from scipy import special

from earthwire.grounding.certainty.clusters import NotStatedError, share_of_clusters
from earthwire.grounding.certainty.dwell import mean_run_interval, runs_of
from earthwire.grounding.certainty.scope import Scope
from earthwire.grounding.fits.outages import UNSEEN_TICKS_MAX, Ticks, tick_spans, ticks_of
from earthwire.grounding.samples.outcome_mix import faults
from earthwire.traces.columns.calls import BoolArray, Calls, FloatArray, IntArray

TICK_CALLS_MIN = 4
"""Calls in the typical tick that it takes to tell an outage from single failures."""
MISREAD_PER_RUN_MAX = 0.005
"""Ticks taken for the wrong regime, expected for each run."""
KEPT_SHARE_MIN = 0.5
"""Share of the ticks that may not be passed over."""

_PARAMETERS = ("up_run_ticks", "bad_run_ticks", "fault_rate while up", "fault_rate while bad")


def outage_intervals(scope: Scope, calls: Calls, confidence: float) -> None:
    """State the regime of one upstream.

    Args:
        calls: of the upstream, all with start times.
    """
    ticks = ticks_of(calls)
    try:
        kept = _telling(ticks)
    except NotStatedError as error:
        for name in _PARAMETERS:
            scope.refuse(name, str(error))
        return
    tick, bad = ticks.tick[kept], ticks.bad[kept]
    stretch = np.concatenate(([0], np.cumsum(np.diff(tick) > UNSEEN_TICKS_MAX)))
    runs = runs_of(bad, stretch, tick_spans(tick))
    scope.state("up_run_ticks", mean_run_interval, runs, bad=False, confidence=confidence)
    scope.state("bad_run_ticks", mean_run_interval, runs, bad=True, confidence=confidence)
    failed, count = _by_run(calls, ticks, kept, stretch)
    for name, is_bad in (("up", False), ("bad", True)):
        of_regime = runs.bad == is_bad
        scope.state(
            f"fault_rate while {name}", share_of_clusters, failed[of_regime], count[of_regime], confidence
        )


def _by_run(calls: Calls, ticks: Ticks, kept: BoolArray, stretch: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return faults and calls of each run of the kept ticks."""
    bad = ticks.bad[kept]
    begins = np.ones(len(bad), dtype=bool)
    begins[1:] = (bad[1:] != bad[:-1]) | (stretch[1:] != stretch[:-1])
    run = np.full(len(ticks.tick), -1)
    run[kept] = np.cumsum(begins) - 1
    run = run[ticks.position]
    inside = run >= 0
    failed = np.bincount(run[inside], weights=faults(calls)[inside])
    return failed.astype(np.float64), np.bincount(run[inside]).astype(np.float64)


def _telling(ticks: Ticks) -> BoolArray:
    """Return the ticks with enough calls: as many of them as leave hardly any in the wrong regime.

    Raises:
        NotStatedError: if those would be too few.
    """
    typical = float(np.median(ticks.calls))
    if typical < TICK_CALLS_MIN:
        raise NotStatedError(
            f"{typical:g} calls in the typical tick: {TICK_CALLS_MIN} tell an outage from single failures"
        )
    runs = 1 + int((ticks.bad[1:] != ticks.bad[:-1]).sum())
    misread = np.where(ticks.bad, _misread(ticks, is_bad=True), _misread(ticks, is_bad=False))
    for least in range(1, int(typical) + 1):
        kept: BoolArray = ticks.calls >= least
        if kept.mean() < KEPT_SHARE_MIN:
            break
        if misread[kept].sum() <= MISREAD_PER_RUN_MAX * runs:
            return kept
    raise NotStatedError(
        f"of {runs} runs an expected {misread.sum():.1f} ticks are taken for the wrong regime"
    )


def _misread(ticks: Ticks, *, is_bad: bool) -> FloatArray:
    """Return the probability of each tick to look like the other regime if it were of this one, shape (n_ticks,)."""
    of_regime = ticks.bad == is_bad
    rate = ticks.out[of_regime].sum() / max(ticks.calls[of_regime].sum(), 1)
    looks_bad = special.bdtrc((ticks.calls + 1) // 2 - 1, ticks.calls, rate)
    return np.asarray(1.0 - looks_bad if is_bad else looks_bad, dtype=np.float64)
