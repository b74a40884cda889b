"""Intervals of one tool's outcome rates, runs of faults, latencies and times to the first byte."""

import numpy as np
from scipy import special

from earthwire.fault_models.intervals import Interval
from earthwire.fault_models.laws.regime import AGE_BINS
from earthwire.grounding.certainty.clusters import clusters_of, jackknife_interval, share_interval
from earthwire.grounding.certainty.dwell import AGE_BIN_STARTS, hazard_interval, mean_run_interval, runs_of
from earthwire.grounding.certainty.quantile_intervals import quantile_interval
from earthwire.grounding.certainty.scope import Scope
from earthwire.grounding.fits.first_bytes import TOOL_CALLS_MIN as FIRST_BYTE_CALLS_MIN
from earthwire.grounding.samples.outcome_mix import faults
from earthwire.grounding.samples.rank_shares import rank_shares
from earthwire.traces.columns.calls import BoolArray, Calls, FloatArray, IntArray

LEVELS = (0.5, 0.9, 0.99)
"""Levels of the quantiles that get an interval."""


def rates(scope: Scope, calls: Calls, confidence: float) -> None:
    """State how often calls fail, and how often in each way; nothing where outcomes were not recorded."""
    kinds = np.unique(calls.kind).tolist()
    if [calls.kind_names[kind] for kind in kinds] == ["unknown"]:
        return
    scope.state("fault_rate", share_interval, _ones(faults(calls)), calls.session, confidence)
    for kind in kinds:
        name = calls.kind_names[kind]
        if name != "ok":
            scope.state(
                f"rate of {name}", share_interval, _ones(calls.kind == kind), calls.session, confidence
            )


def rates_after(scope: Scope, calls: Calls, confidence: float) -> None:
    """State how often a fault follows a fault, and another outcome, in a session; nothing for a tool that never fails.

    Args:
        calls: of one tool.
    """
    failed = faults(calls)
    if not failed.any():
        return
    same = calls.session[1:] == calls.session[:-1]
    for name, before in (("a fault", failed[:-1]), ("no fault", ~failed[:-1])):
        rows = np.flatnonzero(same & before) + 1
        scope.state(
            f"fault_rate after {name}", share_interval, _ones(failed[rows]), calls.session[rows], confidence
        )


def run_lengths(scope: Scope, calls: Calls, confidence: float) -> None:
    """State how many calls in a row are good, and bad, on average.

    Args:
        calls: of one tool that has a regime: without one, sessions differ in how often they fail, and no one mean of
            their runs is the tool's.
    """
    runs = runs_of(faults(calls), calls.session)
    scope.state("up_run_calls", mean_run_interval, runs, bad=False, confidence=confidence)
    scope.state("bad_run_calls", mean_run_interval, runs, bad=True, confidence=confidence)


def hazards(scope: Scope, calls: Calls, confidence: float) -> None:
    """State the chance that a run of good calls, and of bad ones, ends after a call of each age.

    Args:
        calls: of one tool whose regime is a law of ages.
    """
    runs = runs_of(faults(calls), calls.session)
    for name, bad in (("up", False), ("bad", True)):
        for age_bin, first in enumerate(AGE_BIN_STARTS.tolist()):
            ages = f"{first} or more" if age_bin == AGE_BINS - 1 else str(first)
            if first > 1 and age_bin < AGE_BINS - 1:
                ages = f"{first} to {2 * first - 1}"
            label = f"p_leave {name} at age {ages}"
            scope.state(label, hazard_interval, runs, age_bin, bad=bad, confidence=confidence)


def latencies(scope: Scope, calls: Calls, step_s: float, confidence: float) -> None:
    """State the latency quantiles of each outcome kind.

    Args:
        calls: of one tool.
        step_s: of the recorder's clock, 0 for none.
    """
    known = calls.select(calls.latency_s > 0)
    for kind in np.unique(known.kind).tolist():
        part = known.select(known.kind == kind)
        # Of a call that was cut off only this is known: that it is above all levels below its limit.
        latency_s = np.where(part.censored, np.inf, part.latency_s)
        for level in LEVELS:
            name = f"latency_s of {known.kind_names[kind]} at p{100 * level:g}"
            scope.state(name, quantile_interval, latency_s, part.session, level, confidence, step_s)


def first_bytes(scope: Scope, calls: Calls, name: str, confidence: float) -> None:
    """State the share of the latency until the first byte, and how it goes with the latency.

    Args:
        calls: of one tool, those that the law rests on.
        name: of the law in a profile.
    """
    known = (calls.latency_s > 0) & ~calls.censored & (calls.first_byte_s >= 0)
    if calls.measure != "duration" or known.sum() < FIRST_BYTE_CALLS_MIN:
        return
    calls = calls.select(known)
    share = np.minimum(calls.first_byte_s / calls.latency_s, 1.0)
    for level in (0.5, 0.9):
        scope.state(
            f"{name}_share at p{100 * level:g}", quantile_interval, share, calls.session, level, confidence
        )
    scope.state(f"{name}_correlation", _correlation, calls.latency_s, share, calls.session, confidence)


def _correlation(a: FloatArray, b: FloatArray, session: IntArray, confidence: float) -> Interval:
    """Return the interval of the correlation of the normal scores of two columns."""
    x, y = (special.ndtri(rank_shares(values)) for values in (a, b))
    cluster = clusters_of(session)
    parts = [np.bincount(cluster, weights=values) for values in (x * y, x * x, y * y)]
    sums = np.column_stack(parts).astype(np.float64)
    return jackknife_interval(
        sums, lambda rows: rows[:, 0] / np.sqrt(rows[:, 1] * rows[:, 2]), confidence, "fisher"
    )


def _ones(hit: BoolArray) -> FloatArray:
    return hit.astype(np.float64)
