"""States how sure a profile is of its parameters: an interval for each, or the reason why there is none.

Everything is computed by session, since calls of one session hang together: the interval of a rate at the plain number
of calls covers the next sessions far too rarely.
"""

import numpy as np

from earthwire.fault_models.intervals import CONFIDENCE, Interval, Intervals, ScopeIntervals
from earthwire.fault_models.laws.regime import AgeHazards
from earthwire.fault_models.profile import Profile, ToolLaws
from earthwire.grounding.certainty import tool_intervals
from earthwire.grounding.certainty.clusters import NotStatedError, jackknife_interval
from earthwire.grounding.certainty.limit_intervals import limit_intervals
from earthwire.grounding.certainty.outage_intervals import outage_intervals
from earthwire.grounding.certainty.scope import Scope
from earthwire.grounding.counts.censoring import limits_as_latencies
from earthwire.grounding.engine import thinned
from earthwire.grounding.fits import dependence_fit
from earthwire.grounding.fits.first_bytes import error_answers
from earthwire.grounding.fits.outages import calls_by_upstream
from earthwire.grounding.fits.rate_limits import Evidence, limit_evidence
from earthwire.traces.columns.calls import Calls, FloatArray

TOOL_CALLS_MIN = 20
"""Of a tool with fewer calls nothing is stated."""
INTERVAL_CALLS_MAX = 200_000
"""Calls that intervals are computed from; of more, whole sessions are drawn at random, and intervals are wider."""

_SEED = 0
_DEPENDENCE = ("session_share", "tool_share", "level_share", "level_memory")
_NO_PARAMETERS = {
    "session_levels": "levels and spreads of single sessions are recorded values; session_share says how they differ",
    "jitter_contrast": "it rests on variances of few calls each, whose own noise is known as for normal scores only",
    "resolution_s": "the step of the recorder's clock is found or not",
    "donor_ranks": "ranks of donor sessions are recorded values",
    "failing_sessions": "which sessions fail as a whole is a guess at each of them, whose own error is not counted",
    "sequence": "it is stated where it is beyond chance, at one in a thousand, and else left out",
    "extrapolation": "what lies beyond a time limit has a band of its own, of 80 %, beside the table",
    "stream": "the number and gaps of chunks are recorded quantiles, kept without their sessions",
    "payload": "responses are counted without their sessions, so that how much they hang together cannot be told",
}


def state_intervals(
    calls: Calls, profile: Profile, shared: FloatArray | None = None, confidence: float = CONFIDENCE
) -> Intervals:
    """Return the intervals of all parameters of a profile.

    Args:
        calls: that the profile was fitted to.
        profile: the fitted one; only what it holds is stated.
        shared: sums by session that the shares of the profile were fitted to, see `dependence_fit.session_sums`; None
            where no latency is known.
        confidence: coverage of each interval.
    """
    calls = limits_as_latencies(calls)
    drawn = calls.ended_by_tools()
    used = thinned(drawn, INTERVAL_CALLS_MAX, np.random.default_rng(_SEED))
    return Intervals(
        confidence=confidence,
        calls=len(used),
        overall=_overall(used, shared, confidence),
        tools=_tools(used, profile, limit_evidence(drawn), confidence),
        upstreams=_upstreams(drawn, profile, confidence),
    )


def _overall(calls: Calls, shared: FloatArray | None, confidence: float) -> ScopeIntervals:
    scope = Scope()
    tool_intervals.rates(scope, calls, confidence)
    if shared is not None:
        for column, name in enumerate(_DEPENDENCE):
            scope.state(name, _dependence, shared, column, confidence)
    for name, reason in _NO_PARAMETERS.items():
        scope.refuse(name, reason)
    return scope.result()


def _dependence(sums: FloatArray, column: int, confidence: float) -> Interval:
    total = sums.sum(axis=0)
    if column and total[dependence_fit.PAIRS][0] < dependence_fit.PAIRS_MIN:
        raise NotStatedError("too few pairs of calls of one tool in a session")
    if not column and total[dependence_fit.ACROSS_CALLS] < dependence_fit.PAIRS_MIN:
        raise NotStatedError("sessions use one tool each: what they share is part of tool_share")
    if column == _DEPENDENCE.index("level_memory") and dependence_fit.at_edge(total):
        raise NotStatedError(
            "the memory lies at the edge of what is looked for: the level is too weak to tell"
        )
    return jackknife_interval(sums, lambda rows: dependence_fit.shares(rows)[:, column], confidence, "logit")


def _tools(
    calls: Calls, profile: Profile, limits: dict[int, Evidence], confidence: float
) -> dict[str, ScopeIntervals]:
    found: dict[str, ScopeIntervals] = {}
    are_errors_apart = profile.overall.error_first_byte is not None
    for tool, rows in calls.rows_by_tool.items():
        name = calls.tool_names[tool]
        if name in profile.tools:
            of_tool, laws = calls.select(rows), profile.tools[name]
            found[name] = _tool(of_tool, laws, limits.get(tool), are_errors_apart, confidence)
    return found


def _tool(
    calls: Calls, laws: ToolLaws, limit: Evidence | None, are_errors_apart: bool, confidence: float
) -> ScopeIntervals:
    scope = Scope()
    if len(calls) < TOOL_CALLS_MIN:
        scope.refuse("every parameter", f"{len(calls)} calls: {TOOL_CALLS_MIN} are needed")
        return scope.result()
    tool_intervals.rates(scope, calls, confidence)
    tool_intervals.rates_after(scope, calls, confidence)
    if laws.regime is not None:
        tool_intervals.run_lengths(scope, calls, confidence)
    if isinstance(laws.regime, AgeHazards):
        tool_intervals.hazards(scope, calls, confidence)
    if limit is not None and laws.rate_limit is not None:
        limit_intervals(scope, limit, confidence)
    tool_intervals.latencies(scope, calls, laws.resolution_s, confidence)
    of_error = error_answers(calls) if are_errors_apart else np.zeros(len(calls), dtype=bool)
    tool_intervals.first_bytes(scope, calls.select(~of_error), "first_byte", confidence)
    tool_intervals.first_bytes(scope, calls.select(of_error), "error_first_byte", confidence)
    return scope.result()


def _upstreams(calls: Calls, profile: Profile, confidence: float) -> dict[str, ScopeIntervals]:
    found: dict[str, ScopeIntervals] = {}
    for name, part in calls_by_upstream(calls):
        if name in profile.upstreams:
            scope = Scope()
            outage_intervals(scope, part, confidence)
            found[name] = scope.result()
    return found
