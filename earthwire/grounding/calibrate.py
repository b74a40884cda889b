"""Learns a profile from calls."""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from earthwire.fault_models.laws.dependence import Dependence, SessionLevels
from earthwire.fault_models.laws.failing_sessions import FailingSessions
from earthwire.fault_models.laws.latency import LatencyTable
from earthwire.fault_models.laws.outcome import OutcomeCounts, OutcomeLaw, add_counts, without_part
from earthwire.fault_models.laws.rate_limit import RateLimit
from earthwire.fault_models.laws.regime import RegimeLaw, RunHistory
from earthwire.fault_models.profile import Profile, Provenance, ToolLaws
from earthwire.grounding.certainty.intervals import state_intervals
from earthwire.grounding.counts.censoring import limits_as_latencies
from earthwire.grounding.counts.tally import Tally, tally
from earthwire.grounding.drift.recency import measure_drift, recent
from earthwire.grounding.engine import Engine, choose_engine, with_engine
from earthwire.grounding.fits.clock_steps import clock_step_s
from earthwire.grounding.fits.donor_sessions import Donors, donor_sessions
from earthwire.grounding.fits.failing_sessions import SessionKinds, failing_law, session_kinds
from earthwire.grounding.fits.first_bytes import first_bytes_by_end
from earthwire.grounding.fits.outages import upstream_regimes
from earthwire.grounding.fits.payloads import PayloadBank
from earthwire.grounding.fits.ranks import cross_fitted_scores
from earthwire.grounding.fits.rate_limits import rate_limits
from earthwire.grounding.fits.regimes import age_hazards, histories
from earthwire.grounding.fits.score_scales import differ_in_level, on_one_scale
from earthwire.grounding.fits.sequences import SequenceFit, fit_sequences
from earthwire.grounding.fits.sessions import SessionFit, fit_sessions, session_levels
from earthwire.grounding.fits.tables import Tables
from earthwire.traces.columns.calls import Calls, IntArray
from earthwire.traces.labels.outcome_kind import is_client_error, is_fault

BeginChoice = Callable[[Calls], Callable[[], Engine]]
"""Begins to choose an engine from calls with known latencies, and returns what waits for it."""

_NO_LATENCIES = np.zeros(0)


def calibrate(
    calls: Calls,
    provenance: Provenance | None = None,
    payloads: PayloadBank | None = None,
    engine: Engine | Literal["auto"] = "auto",
    *,
    counts: Tally | None = None,
    has_intervals: bool = True,
    weighs_age: bool = True,
    begin_choice: BeginChoice | None = None,
) -> Profile:
    """Fit all laws of all tools.

    Args:
        calls: what was recorded, or a sample of its sessions.
        provenance: where it came from.
        payloads: what the recorded responses looked like.
        engine: how the calls of an episode hang together; ``auto`` takes the engine that scores better on held-out
            sessions.
        counts: of all calls, where `calls` is a sample of them under the same codes.
        has_intervals: whether to state how sure the parameters are.
        weighs_age: whether to look for drift, and to weight sessions by age where it is found.
        begin_choice: begins what `choose_engine` does elsewhere; by default it is done here, after all else.

    Raises:
        ValueError: if there are no calls.
    """
    if not len(calls):
        raise ValueError("no calls to calibrate from")
    drift = measure_drift(calls) if weighs_age else None
    if drift is not None and drift.half_life_s is not None:
        calls, counts = recent(calls, drift.half_life_s), None
    chosen = _begun(engine, calls, begin_choice)
    profile, sessions = _fitted(calls, payloads, counts)
    shared = None if sessions is None else sessions.sums
    intervals = state_intervals(calls, profile, shared) if has_intervals else None
    profile = with_engine(profile, chosen())
    return msgspec.structs.replace(
        profile,
        provenance=provenance or Provenance(),
        intervals=intervals,
        drift=drift,
    )


def _begun(
    engine: Engine | Literal["auto"], calls: Calls, begin_choice: BeginChoice | None
) -> Callable[[], Engine]:
    """Begin the choice of the engine, where there is one; return what waits for it."""
    if engine != "auto":
        given: Engine = engine
        return lambda: given
    timed = calls.timed()
    return begin_choice(timed) if begin_choice is not None else lambda: choose_engine(timed, fit_laws)


def fit_laws(calls: Calls, payloads: PayloadBank | None = None, counts: Tally | None = None) -> Profile:
    """Fit all laws, with what either engine needs; see `calibrate`."""
    return _fitted(calls, payloads, counts)[0]


def _fitted(
    calls: Calls, payloads: PayloadBank | None, counts: Tally | None
) -> tuple[Profile, SessionFit | None]:
    """Return all laws, and what sessions have in common; None for that where no latency is known."""
    calls = limits_as_latencies(calls)
    timed = calls.select(calls.latency_s > 0)
    if timed.censored.all():
        timed = timed.select(~timed.censored)
    counts = counts or tally(calls)
    failing = _failing(calls, counts)
    together = _together(timed, failing.kinds) if len(timed) else _Together()
    builder = _Builder(counts, timed, together, failing, payloads or PayloadBank())
    profile = Profile(
        tools=builder.tools(),
        overall=builder.overall(),
        dependence=together.sessions.dependence if together.sessions is not None else Dependence(),
        donor_levels=together.donors.levels,
        donor_spreads=together.donors.spreads,
        upstreams=upstream_regimes(calls),
        failing_sessions=_failing_sessions(calls, failing.kinds, together),
    )
    return profile, together.sessions


class _Together(NamedTuple):
    """What is known of how the calls of a session hang together, and whether it matters to failing how slow it is."""

    sessions: SessionFit | None = None
    sequences: SequenceFit = SequenceFit({}, None, np.zeros(0))
    donors: Donors = Donors()
    fail_by_level: bool = False


def _together(timed: Calls, kinds: SessionKinds | None) -> _Together:
    scores = cross_fitted_scores(timed)
    fail_by_level = kinds is not None and differ_in_level(timed, scores, kinds.failing)
    if fail_by_level:
        scores = on_one_scale(timed, scores)
    sequences = fit_sequences(timed, scores)
    sessions = fit_sessions(timed, sequences.free)
    donors = donor_sessions(timed, scores, sequences.free, sessions)
    return _Together(sessions, sequences, donors, fail_by_level)


class _Failing(NamedTuple):
    """What is known of when tools fail, beside their counts: by tool code, and by kind of session."""

    limits: dict[int, RateLimit]
    histories: dict[int, RunHistory]
    kinds: SessionKinds | None


def _failing(calls: Calls, counts: Tally) -> _Failing:
    limits, runs = rate_limits(calls), histories(calls)
    return _Failing(limits, runs, session_kinds(calls, counts, limits.keys() | runs.keys()))


def _failing_sessions(
    calls: Calls, kinds: SessionKinds | None, together: _Together
) -> FailingSessions | None:
    if kinds is None:
        return None
    level, fit = np.full(len(calls.session_names), np.nan), together.sessions
    if fit is not None and together.fail_by_level:
        level[fit.usable] = fit.level[fit.usable]
    return failing_law(kinds, level)


class _Builder:
    """Puts the fitted laws together, tool by tool."""

    def __init__(
        self,
        counts: Tally,
        timed: Calls,
        together: _Together,
        failing: _Failing,
        payloads: PayloadBank,
    ) -> None:
        self._counts = counts
        self._payloads = payloads
        self._sessions, self._sequences, self._donors, _ = together
        self._failing = failing
        self._tables = Tables(counts) if len(timed) else None
        self._outcomes = counts.outcomes()
        self._all_outcomes = add_counts(self._outcomes.values())
        self._failing_outcomes = {} if failing.kinds is None else failing.kinds.outcomes
        self._all_failing = add_counts(self._failing_outcomes.values()) if failing.kinds is not None else None
        self._session_counts = {tool: n for (tool,), n in counts.sessions.pairs()}
        self._sessions_of_tool = {
            tool: np.unique(timed.session.take(rows)) for tool, rows in timed.rows_by_tool.items()
        }
        self._first_bytes, self._error_first_bytes = first_bytes_by_end(timed)
        self._all_sessions = np.unique(timed.session)
        known_in_full = timed.timed()
        self._latencies_of_tool = {
            tool: known_in_full.latency_s.take(rows) for tool, rows in known_in_full.rows_by_tool.items()
        }
        self._overall_step_s = clock_step_s(counts, None, known_in_full.latency_s) or 0.0

    def tools(self) -> dict[str, ToolLaws]:
        names = self._counts.tool_names
        return {names[tool]: self._tool(tool, names[tool]) for tool in self._outcomes}

    def overall(self) -> ToolLaws:
        outcomes = self._all_outcomes
        total = outcomes.total
        latency: dict[str, LatencyTable] = {}
        if self._tables is not None:
            latency = {
                kind: self._tables.overall_table(kind, count)
                for kind, count in total.items()
                if self._tables.has_latency(kind)
            }
        return ToolLaws(
            calls=sum(total.values()),
            sessions=self._counts.session_count,
            outcomes=outcomes,
            latency=latency,
            session_levels=self._levels(self._all_sessions),
            first_byte=self._first_bytes.overall,
            error_first_byte=self._error_first_bytes.overall,
            resolution_s=self._overall_step_s,
            payload=self._payloads.overall(),
            stream=self._payloads.overall_stream_law(),
            sequence=self._sequences.overall,
            failing_outcomes=self._all_failing,
        )

    def _tool(self, tool: int, name: str) -> ToolLaws:
        outcomes = self._outcomes[tool]
        total = outcomes.total
        step_s = clock_step_s(self._counts, tool, self._latencies_of_tool.get(tool, _NO_LATENCIES))
        levels = self._levels(self._sessions_of_tool.get(tool))
        return ToolLaws(
            calls=sum(total.values()),
            sessions=self._session_counts.get(tool, 0),
            outcomes=outcomes,
            latency=self._latency(name, total),
            session_levels=levels,
            donor_ranks=self._donors.ranks.get(name),
            first_byte=self._first_bytes.of_tool.get(tool),
            error_first_byte=self._error_first_bytes.of_tool.get(tool),
            resolution_s=self._overall_step_s if step_s is None else step_s,
            responses=self._payloads.responses(name),
            regime=self._regime(tool, outcomes),
            rate_limit=self._failing.limits.get(tool),
            payload=self._payloads.law(name),
            stream=self._payloads.stream_law(name),
            sequence=self._sequences.laws.get(tool) if levels is not None else None,
            failing_outcomes=self._failing_outcomes.get(tool),
        )

    def _regime(self, tool: int, outcomes: OutcomeCounts) -> RegimeLaw | None:
        if tool in self._failing.limits:
            return None
        history = self._failing.histories.get(tool)
        usual = without_part(outcomes, self._failing_outcomes.get(tool))
        if history is not None or not any(_is_the_tools_fault(kind) for kind in usual.total):
            return history
        law = OutcomeLaw(without_part(self._all_outcomes, self._all_failing), usual)
        kinds = self._failing.kinds
        return age_hazards(self._counts if kinds is None else kinds.usual, tool, law)

    def _latency(self, name: str, kinds: Iterable[str]) -> dict[str, LatencyTable]:
        if self._tables is None:
            return {}
        fitted = {kind: self._tables.table(name, kind) for kind in kinds}
        return {kind: table for kind, table in fitted.items() if table.count}

    def _levels(self, sessions: IntArray | None) -> SessionLevels | None:
        if self._sessions is None or sessions is None:
            return None
        return session_levels(self._sessions, sessions)


def _is_the_tools_fault(kind: str) -> bool:
    """Tell whether a kind can be a sign of a regime: what callers do wrong says nothing of how the tool is doing."""
    return is_fault(kind) and not is_client_error(kind)
