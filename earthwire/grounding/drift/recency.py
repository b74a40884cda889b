"""Weights sessions by age where tools were seen to change while they were recorded, and only there.

Three things must hold: a test says that sessions are not exchangeable in time, a half-life predicts later sessions
better than equal weights do, and it does so by more than sessions differ. Otherwise every law is fitted as it would
be without this module.

A weight is the probability of a session to be kept, and sessions are drawn systematically in the order of time. So
each count in a profile stays a count of calls that were made, and what cannot be weighted by fractions (runs, windows
of a rate limit, donor sessions) is weighted like everything else. The price is precision: fractional weights would
leave up to twice the effective number of sessions, which the profile states beside the kept ones.
"""

import numpy as np
from scipy import special

from earthwire.fault_models.drift import Drift, DriftWindow
from earthwire.fault_models.intervals import CONFIDENCE, Interval
from earthwire.grounding.certainty.clusters import NotStatedError, share_interval
from earthwire.grounding.certainty.quantile_intervals import quantile_interval
from earthwire.grounding.drift.drift_test import LEVEL, TimedSessions, drift_p_value, sessions_in_time
from earthwire.grounding.drift.half_life import HalfLife, best_half_life, weights
from earthwire.grounding.engine import thinned
from earthwire.grounding.samples.outcome_mix import faults
from earthwire.grounding.samples.rank_shares import rank_shares
from earthwire.traces.columns.calls import BoolArray, Calls, FloatArray

SESSIONS_MIN = 40
"""Sessions that a test for drift needs."""
TESTED_CALLS_MAX = 100_000
"""Calls that drift is tested on; of more, whole sessions are drawn at random."""
TOOL_SESSIONS_MIN = 5
"""Sessions of each tool that no weighting takes away."""
WINDOWS_MAX = 12
WINDOW_SESSIONS_MIN = 10

_SEED = 0


def measure_drift(calls: Calls) -> Drift:
    """Tell whether tools changed while they were recorded, and with which half-life old sessions are to count."""
    calls = calls.ended_by_tools()
    if not len(calls):
        return Drift("n/a: there are no calls")
    sessions = sessions_in_time(calls)
    count = len(sessions.start_s)
    if not np.isfinite(sessions.start_s).all():
        return Drift("n/a: not every session has a start time")
    if count < SESSIONS_MIN:
        return Drift(f"n/a: {count} sessions, a test needs {SESSIONS_MIN}", sessions=count)
    windows = drift_windows(calls, sessions)
    tested = thinned(calls, TESTED_CALLS_MAX, np.random.default_rng(_SEED))
    if tested.session_count < SESSIONS_MIN:
        return Drift(f"n/a: sessions are too long, fewer than {SESSIONS_MIN} can be tested", windows=windows)
    scores, in_time = _scores(tested), sessions_in_time(tested)
    p_value, feature = drift_p_value(tested, scores, in_time)
    best = best_half_life(tested, scores, in_time) if p_value <= LEVEL else None
    weighs = best is not None and best.gain_low > 0
    kept = recent(calls, best.half_life_s) if best is not None and weighs else calls
    return Drift(
        note=_note(p_value, feature, best),
        p_value=p_value,
        feature=feature,
        half_life_s=best.half_life_s if best is not None and weighs else None,
        gain=None if best is None else best.gain,
        gain_low=None if best is None else best.gain_low,
        sessions=count,
        kept_sessions=kept.session_count,
        kept_calls=len(kept),
        effective_sessions=_effective(sessions, best.half_life_s) if best is not None and weighs else count,
        windows=windows,
    )


def recent(calls: Calls, half_life_s: float) -> Calls:
    """Return whole sessions, each kept with the probability of its weight, and each tool's calls in its newest ones.

    Sampling is systematic from the newest session back: one is kept whenever the sum of weights passes a whole number.
    The calls of a tool in its newest `TOOL_SESSIONS_MIN` sessions stay whatever their age, without those of other
    tools beside them: a tool that nobody recorded lately is not lost.

    Args:
        calls: of sessions that all have a start time.
        half_life_s: age at which half of the sessions are kept.
    """
    sessions = sessions_in_time(calls)
    total = np.cumsum(weights(sessions.start_s, half_life_s)[::-1])
    # Begun at one half: a session of weight 1 always passes a whole number, one of weight w in a share w of places.
    passes = np.diff(np.floor(np.concatenate(([0.0], total)) + 0.5)) > 0
    return calls.select(passes[::-1][sessions.position] | _newest_of_tools(calls, sessions))


def _newest_of_tools(calls: Calls, sessions: TimedSessions) -> BoolArray:
    """Return which calls belong to the newest sessions of their tool, shape (n_calls,)."""
    count = len(sessions.start_s)
    pairs, pair = np.unique(calls.tool * count + sessions.position, return_inverse=True)
    tool = pairs // count
    end = np.searchsorted(tool, tool, side="right")
    newest: BoolArray = (np.arange(len(pairs)) >= end - TOOL_SESSIONS_MIN)[pair]
    return newest


def drift_windows(
    calls: Calls, sessions: TimedSessions, confidence: float = CONFIDENCE
) -> tuple[DriftWindow, ...]:
    """Cut the recorded time into windows of as many sessions each, and say how slow and how faulty calls were there.

    Args:
        calls: of sessions that all have a start time.
        sessions: of these calls.
    """
    count = len(sessions.start_s)
    windows = max(min(WINDOWS_MAX, count // WINDOW_SESSIONS_MIN), 1)
    window = (np.arange(count) * windows // count)[sessions.position]
    has_outcomes = [name for name in calls.kind_names if name != "unknown"]
    found = []
    for i in range(windows):
        part = calls.select(window == i)
        start_s = sessions.start_s[np.arange(count) * windows // count == i]
        found.append(
            DriftWindow(
                start_s=float(start_s[0]),
                end_s=float(start_s[-1]),
                sessions=len(start_s),
                calls=len(part),
                median_latency_s=_median(part, confidence),
                fault_rate=_fault_rate(part, confidence) if has_outcomes else None,
            )
        )
    return tuple(found)


def _scores(calls: Calls) -> FloatArray:
    """Return the normal score of each call among those of its tool and kind, NaN where its latency is not known.

    Sessions that are alike get scores that are alike, whatever their order: that is all that the test asks for. So
    equal latencies, which coarse clocks make many of, have equal scores.
    """
    scores = np.full(len(calls), np.nan)
    rows = np.flatnonzero((calls.latency_s > 0) & ~calls.censored)
    cell, latency_s = (calls.tool * len(calls.kind_names) + calls.kind)[rows], calls.latency_s[rows]
    order = np.argsort(cell, kind="stable")
    _, starts = np.unique(cell[order], return_index=True)
    for cell_rows in np.split(order, starts[1:]) if len(order) else ():
        scores[rows[cell_rows]] = special.ndtri(rank_shares(latency_s[cell_rows]))
    return scores


def _median(calls: Calls, confidence: float) -> Interval | None:
    known = calls.select(calls.latency_s > 0)
    latency_s = np.where(known.censored, np.inf, known.latency_s)
    try:
        return quantile_interval(latency_s, known.session, 0.5, confidence)
    except NotStatedError:
        return None


def _fault_rate(calls: Calls, confidence: float) -> Interval | None:
    try:
        return share_interval(faults(calls).astype(np.float64), calls.session, confidence)
    except NotStatedError:
        return None


def _effective(sessions: TimedSessions, half_life_s: float) -> float:
    weight = weights(sessions.start_s, half_life_s)
    return round(float(weight.sum() ** 2 / (weight**2).sum()), 1)


def _note(p_value: float, feature: str, best: HalfLife | None) -> str:
    if p_value > LEVEL:
        return "no drift was found: all sessions count alike"
    if best is None:
        return f"{feature} changed, but too few sessions are left by any weighting: all count alike"
    if best.gain_low <= 0:
        return (
            f"{feature} changed, but the newest sessions alone predict later ones no better: all count alike"
        )
    return f"{feature} changed: sessions are weighted by age"
