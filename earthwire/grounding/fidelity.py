"""Asks before anything is served: calibrated on half of these sessions, how faithful is a simulation of the others?

Every repeat splits the sessions anew, fits on one half, simulates the request sequence of the other half with the same
draw that serves, and scores it beside the noise floor (real half against real half) and beside rivals.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np

from earthwire.fault_models.drift import Drift
from earthwire.grounding.calibrate import calibrate
from earthwire.grounding.drift.recency import measure_drift
from earthwire.grounding.engine import thinned
from earthwire.grounding.gap import yardstick
from earthwire.grounding.gap.auc_excess import AucExcess
from earthwire.grounding.gap.curves import Curves, draw_curves
from earthwire.grounding.gap.never_drawn import NeverDrawn
from earthwire.grounding.gap.rivals import RIVALS, Rival
from earthwire.grounding.gap.tool_comparison import ToolComparison, compare_tools
from earthwire.grounding.gap.verdict import Verdict, rate_failures, tail_failures, verdict
from earthwire.grounding.samples import distances
from earthwire.grounding.samples.outcome_mix import (
    Rate,
    fault_rate,
    kind_shares,
    mean_burst_dispersion,
    mean_run_length,
    rates_agree,
    session_errors_ks,
    session_totals_ks,
    with_fitting_error,
)
from earthwire.grounding.simulated import simulate
from earthwire.traces.columns.calls import Calls, split_sessions
from earthwire.traces.quantity_text import counted

Progress = Callable[[str], None]

SIDE_CALLS_MIN = 300
"""Calls that each half needs before a verdict is given."""
SIDE_SESSIONS_MIN = 20
"""Sessions that each half needs: 4 folds by session with at least 5 sessions of each side."""
SCORED_CALLS_MAX = 40_000
"""Calls that one repeat scores; larger sets are thinned by session."""
ENERGY_CALLS = 500
"""m of the fidelity ratio: ratios grow with √m for a biased model, so it always goes with the figure."""
REPEATS_MIN = 5
"""Splits that a verdict needs: from fewer, the spread of the scores cannot be told."""
CONFIDENCE = 0.99
"""Level of the intervals of fault rates: one false alarm in a hundred reports."""
FLOOR_RANGE = (0.45, 0.65)
"""Where the floor must lie: outside, the halves differ so much in what was asked that no score means anything."""
RATIO_MAX = 1.25


_ADVICE = {
    "tool base level": "name the tools more finely or more coarsely (import --template)",
    "log latency": "record more calls of the busiest tools; their tables rest on too few",
    "residual to the tool": "record more calls of the busiest tools; their tables rest on too few",
    "outcome": "record more sessions with faults; the outcome law rests on too few",
    "previous residual": "record longer sessions; how calls hang together rests on too few",
    "difference to the previous residual": "record longer sessions; how calls hang together rests on too few",
    "previous outcome": "record more sessions with faults; their runs rest on too few",
    "session mean of residuals": "record more sessions; how fast they are as a whole rests on too few",
    "session spread of residuals": "record more sessions; how steady they are rests on too few",
    "position in session": "record whole sessions from their first call on",
}


class ModelScore(msgspec.Struct, frozen=True):
    """Scores of one model, means over the repeats; the lists hold one value a repeat.

    Attributes:
        auc: of telling its calls from recorded ones; 0.5 is indistinguishable.
        gap_closed: share of the transition gap that is closed: 0 like the mock, 1 like another half of reality.
        fidelity_ratio_500: root energy distance of log latency over that of two halves of reality, at m = 500.
    """

    auc: float
    gap_closed: float
    fidelity_ratio_500: float
    auc_repeats: list[float]
    gap_closed_repeats: list[float]
    fidelity_ratio_500_repeats: list[float]


class OutcomeComparison(msgspec.Struct, frozen=True):
    """How often and in what runs calls fail, recorded (held-out half) and simulated, in the first repeat.

    Attributes:
        real_dispersion, simulated_dispersion: of faults in windows of 100 calls of one tool; 1 for independent ones;
            None where no tool has 500 calls in a session.
        session_errors_ks: distance of the numbers of faults a session.
        session_totals_ks: distance of the total latencies of sessions.
    """

    real: Rate
    simulated: Rate
    agree: bool
    real_kinds: dict[str, float]
    simulated_kinds: dict[str, float]
    real_run_length: float | None
    simulated_run_length: float | None
    real_dispersion: float | None
    simulated_dispersion: float | None
    session_errors_ks: float
    session_totals_ks: float


class FidelityReport(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `fidelity`.

    Attributes:
        source: name of the traces.
        calls, sessions: with a known latency.
        scored_calls: calls on the simulated side of a repeat, on average.
        seed, repeats: what the figures can be reproduced with.
        auc_real: the noise floor: real half against real half.
        models: scores of ``mock``, ``jitter``, ``lognormal`` and ``earthwire``.
        auc_excess: earthwire's AUC above the floor (or above 0.5, whichever is higher), mean over the repeats.
        auc_excess_high: its upper 95 % bound; None for a single repeat.
        auc_calls, auc_calls_real: earthwire's AUC and the floor by single calls, without what is constant in a session
            (`yardstick.CALL_FEATURES`), means over the repeats.
        quantile_ratios: simulated over real latency at p50 … p99.9, geometric mean over the repeats; None where the
            sample is too small.
        outcomes: fault rates and kinds; None where the source does not record outcomes.
        engine: how the calls of an episode hang together in the first repeat: ``compact`` or ``replay``.
        giveaways: feature to the AUC that is lost when it is shuffled, in the first repeat, the most telling one first.
        next_step: what would improve the simulation most, going by the first of the giveaways.
        tools, curves: comparison tool by tool and what pictures are drawn from, in the first repeat; the curve of the
            floor is that of the other half of reality.
        drift: how tools changed while they were recorded; halves are split by session, so that both hold all times.
        verdict: pass, fail or insufficient data.
        reasons: what the verdict rests on, one sentence each.
        never_drawn: requests that whoever read the calls left out, since no plan is drawn for them.
    """

    source: str
    calls: int
    sessions: int
    scored_calls: int
    seed: int
    repeats: int
    auc_real: float | None
    auc_real_repeats: list[float]
    models: dict[str, ModelScore]
    auc_excess: float | None
    auc_excess_high: float | None
    auc_calls: float | None
    auc_calls_real: float | None
    quantile_ratios: dict[str, float | None]
    outcomes: OutcomeComparison | None
    engine: str | None
    giveaways: dict[str, float]
    next_step: str
    tools: list[ToolComparison]
    curves: Curves | None
    drift: Drift
    verdict: Verdict
    reasons: list[str]
    never_drawn: NeverDrawn = NeverDrawn()


def fidelity(
    calls: Calls,
    source: str,
    repeats: int = 5,
    seed: int = 0,
    progress: Progress = lambda _: None,
    rivals: Mapping[str, Rival] = RIVALS,
) -> FidelityReport:
    """Score a calibrated simulation on held-out sessions.

    Args:
        calls: recorded calls; those that the agent took back are left out.
        source: name for the report.
        repeats: how many random splits; at least 1.
        seed: of splits, simulations and classifiers.
        progress: is told what is being done.
        rivals: what to compare with, by name; ``mock`` must be among them.
    """
    timed = calls.ended_by_tools().timed()
    shortage = _shortage(timed, repeats)
    if timed.session_count < 4 or len(timed) < 40:
        return _unscored(timed, source, repeats, seed, shortage)
    rounds = [
        _Round(timed, seed + i, rivals, progress, f"split {i + 1} of {repeats}") for i in range(repeats)
    ]
    return _report(timed, source, seed, rounds, shortage)


class _Round:
    """One split: both halves, what each model made of the second, and the scores."""

    def __init__(
        self, calls: Calls, seed: int, rivals: Mapping[str, Rival], progress: Progress, label: str
    ) -> None:
        rng = np.random.default_rng(seed)
        self.training, self.held_out = split_sessions(thinned(calls, 2 * SCORED_CALLS_MAX, rng), rng)
        progress(f"{label}: calibrating")
        profile = calibrate(self.training, has_intervals=False, weighs_age=False)
        self.engine = "replay" if profile.donor_levels else "compact"
        self.simulated = simulate(profile, self.held_out, seed)
        models = {name: rival(self.training, self.held_out, rng) for name, rival in rivals.items()}
        models["earthwire"] = self.simulated
        base = yardstick.base_levels(self.training)
        real = yardstick.features(self.held_out, base)

        def auc(other: Calls, columns: Sequence[int] = range(len(yardstick.FEATURES))) -> float:
            x = yardstick.features(other, base)[:, columns]
            return yardstick.two_sample_auc(real[:, columns], self.held_out.session, x, other.session, seed)

        progress(f"{label}: scoring reality against itself")
        self.floor = auc(self.training)
        self.calls_floor = auc(self.training, yardstick.CALL_FEATURES)
        self.calls_auc = auc(self.simulated, yardstick.CALL_FEATURES)
        self.auc: dict[str, float] = {}
        for name, answer in models.items():
            progress(f"{label}: scoring {name}")
            self.auc[name] = auc(answer)
        self.gap = {
            name: yardstick.gap_closed(self.auc["mock"], value, self.floor)
            for name, value in self.auc.items()
        }
        ours = yardstick.features(self.simulated, base)
        session = self.held_out.session
        self.giveaways = yardstick.giveaways(real, session, ours, session, seed)
        self.ratio = {name: self._energy_ratio(answer, rng) for name, answer in models.items()}

    def _energy_ratio(self, answer: Calls, rng: np.random.Generator) -> float:
        real_s = self.held_out.latency_s
        floor = distances.root_energy(self.training.latency_s, real_s, ENERGY_CALLS, rng)
        return distances.over_floor(distances.root_energy(answer.latency_s, real_s, ENERGY_CALLS, rng), floor)


def _report(
    calls: Calls, source: str, seed: int, rounds: list[_Round], shortage: list[str]
) -> FidelityReport:
    models = {name: _score(name, rounds) for name in rounds[0].auc}
    floors = [r.floor for r in rounds]
    excess = AucExcess.of("AUC", [r.auc["earthwire"] for r in rounds], floors)
    of_calls = AucExcess.of(
        "AUC of single calls", [r.calls_auc for r in rounds], [r.calls_floor for r in rounds]
    )
    outcomes = _compare_outcomes(rounds[0])
    ratios = _mean_ratios(rounds)
    floor = float(np.mean(floors))
    shortage = [*shortage, *_floor_problem(floor)]
    unresolved = excess.unresolved() + of_calls.unresolved()
    failures = excess.failures() + of_calls.failures()
    failures += _failures(models["earthwire"].fidelity_ratio_500, outcomes, ratios["p99"])
    return FidelityReport(
        source=source,
        calls=len(calls),
        sessions=calls.session_count,
        scored_calls=round(float(np.mean([len(r.held_out) for r in rounds]))),
        seed=seed,
        repeats=len(rounds),
        auc_real=floor,
        auc_real_repeats=floors,
        models=models,
        auc_excess=excess.mean,
        auc_excess_high=excess.high,
        auc_calls=float(np.mean([r.calls_auc for r in rounds])),
        auc_calls_real=float(np.mean([r.calls_floor for r in rounds])),
        quantile_ratios=ratios,
        outcomes=outcomes,
        engine=rounds[0].engine,
        giveaways=rounds[0].giveaways,
        next_step=_next_step(rounds[0].giveaways, excess.mean),
        tools=compare_tools(rounds[0].held_out, rounds[0].simulated, CONFIDENCE),
        curves=draw_curves(rounds[0].held_out, rounds[0].simulated, CONFIDENCE, rounds[0].training),
        drift=measure_drift(calls),
        verdict=verdict(shortage, failures, unresolved),
        reasons=shortage + failures + unresolved or ["every criterion is met"],
    )


def _score(name: str, rounds: list[_Round]) -> ModelScore:
    auc, gap, ratio = ([getattr(r, what)[name] for r in rounds] for what in ("auc", "gap", "ratio"))
    return ModelScore(
        float(np.mean(auc)), float(np.mean(gap)), float(np.median(ratio)), list(auc), list(gap), list(ratio)
    )


def _compare_outcomes(first: _Round) -> OutcomeComparison | None:
    real, simulated = first.held_out, first.simulated
    real_kinds = kind_shares(real)
    if set(real_kinds) == {"unknown"}:
        return None
    real_rate = fault_rate(real, CONFIDENCE)
    fitted_to = fault_rate(first.training, CONFIDENCE)
    simulated_rate = with_fitting_error(fault_rate(simulated, CONFIDENCE), fitted_to, CONFIDENCE)
    return OutcomeComparison(
        real_rate,
        simulated_rate,
        rates_agree(real_rate, simulated_rate),
        real_kinds,
        kind_shares(simulated),
        mean_run_length(real),
        mean_run_length(simulated),
        mean_burst_dispersion(real),
        mean_burst_dispersion(simulated),
        session_errors_ks(real, simulated),
        session_totals_ks(real, simulated),
    )


def _shortage(calls: Calls, repeats: int) -> list[str]:
    reasons = []
    if repeats < REPEATS_MIN:
        reasons.append(f"{counted(repeats, 'split')}: a verdict needs {REPEATS_MIN} (--repeats)")
    if len(calls) < 2 * SIDE_CALLS_MIN:
        reasons.append(f"{counted(len(calls), 'call')} with a latency: a verdict needs {2 * SIDE_CALLS_MIN}")
    if calls.session_count < 2 * SIDE_SESSIONS_MIN:
        reasons.append(f"{counted(calls.session_count, 'session')}: a verdict needs {2 * SIDE_SESSIONS_MIN}")
    return reasons


def _floor_problem(floor: float) -> list[str]:
    low, high = FLOOR_RANGE
    if low <= floor <= high:
        return []
    return [f"two halves of reality differ by themselves: floor {floor:.3f} is outside [{low}, {high}]"]


def _failures(ratio: float, outcomes: OutcomeComparison | None, tail: float | None) -> list[str]:
    failures = []
    if ratio > RATIO_MAX:
        failures.append(f"median fidelity ratio {ratio:.2f} is more than {RATIO_MAX}")
    if outcomes is not None:
        failures += rate_failures(outcomes.real, outcomes.simulated)
    return failures + tail_failures(tail)


def _next_step(giveaways: dict[str, float], excess: float) -> str:
    if excess <= 0:
        return "nothing that a classifier can see is left to improve"
    feature = next(iter(giveaways))
    return f"the simulation is given away by the {feature}: {_ADVICE[feature]}"


def _mean_ratios(rounds: list[_Round]) -> dict[str, float | None]:
    """Return the geometric mean of the quantile ratios; None where any split is too small."""
    splits = [distances.quantile_ratios(r.simulated.latency_s, r.held_out.latency_s) for r in rounds]
    means: dict[str, float | None] = {}
    for name in splits[0]:
        values = [split[name] for split in splits]
        known = [value for value in values if value is not None]
        means[name] = float(np.exp(np.mean(np.log(known)))) if len(known) == len(values) else None
    return means


def _unscored(calls: Calls, source: str, repeats: int, seed: int, shortage: list[str]) -> FidelityReport:
    return FidelityReport(
        source=source,
        calls=len(calls),
        sessions=calls.session_count,
        scored_calls=0,
        seed=seed,
        repeats=repeats,
        auc_real=None,
        auc_real_repeats=[],
        models={},
        auc_excess=None,
        auc_excess_high=None,
        auc_calls=None,
        auc_calls_real=None,
        quantile_ratios={},
        outcomes=None,
        engine=None,
        giveaways={},
        next_step="record more sessions",
        tools=[],
        curves=None,
        drift=measure_drift(calls),
        verdict="insufficient data",
        reasons=shortage,
    )
