"""Holds simulated calls against recorded ones: the same distances as `fidelity`, between two recorded sets.

The two sets need not ask for the same things equally often: recorded calls are weighted so that both sides use each
tool at the same rate, and only tools that both sides have are compared.
"""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np

from earthwire.grounding.fidelity import (
    CONFIDENCE,
    ENERGY_CALLS,
    SIDE_CALLS_MIN,
    SIDE_SESSIONS_MIN,
)
from earthwire.grounding.gap import yardstick
from earthwire.grounding.gap.auc_excess import AUC_EXCESS_MAX
from earthwire.grounding.gap.curves import Curves, draw_curves
from earthwire.grounding.gap.lag import LagReport, lag_problems
from earthwire.grounding.gap.never_drawn import NeverDrawn
from earthwire.grounding.gap.rivals import mock
from earthwire.grounding.gap.tool_comparison import ToolComparison, compare_tools
from earthwire.grounding.gap.upstream_own import UpstreamReport
from earthwire.grounding.gap.verdict import Verdict, rate_failures, tail_failures, verdict
from earthwire.grounding.samples import distances
from earthwire.grounding.samples.outcome_mix import (
    Rate,
    clustered_rate,
    fault_rate,
    kind_shares,
    mean_run_length,
    rates_agree,
)
from earthwire.traces.columns.calls import Calls, FloatArray, split_sessions
from earthwire.traces.quantity_text import counted

_PERMUTATIONS = 200
_ALPHA = 0.01


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `verify`.

    Attributes:
        auc: of telling simulated calls from recorded ones.
        auc_real: the floor, two halves of the recorded sessions, mean over the repeats.
        auc_mock: the same score of a mock with the recorded median delays.
        gap_closed: share of the transition gap that is closed.
        p_value: of the classifier's score, by permuting whole sessions; small means told apart.
        tools: comparison of each tool with enough calls on both sides, most calls first.
        left_out: tools that only one side has.
        taken_back_real, taken_back_simulated: share of calls that the agent did not wait for; they are left out, since
            how they would have ended is not known.
        never_drawn: requests that whoever read the calls left out, since no plan is drawn for them.
        upstream: what the upstream added to the plans, if whoever read the calls knows of plans.
        curves: what the report's pictures are drawn from.
        lag: how late the proxy was that recorded the simulated calls; None where that is not known.
    """

    real: str
    simulated: str
    real_calls: int
    simulated_calls: int
    real_sessions: int
    simulated_sessions: int
    seed: int
    repeats: int
    auc: float | None
    auc_real: float | None
    auc_mock: float | None
    gap_closed: float | None
    p_value: float | None
    fidelity_ratio_500: float | None
    quantile_ratios: dict[str, float | None]
    outcomes_real: Rate
    outcomes_simulated: Rate
    kinds_real: dict[str, float]
    kinds_simulated: dict[str, float]
    run_length_real: float | None
    run_length_simulated: float | None
    tools: list[ToolComparison]
    left_out: list[str]
    curves: Curves
    taken_back_real: Rate
    taken_back_simulated: Rate
    lag: LagReport | None
    verdict: Verdict
    reasons: list[str]
    never_drawn: NeverDrawn = NeverDrawn()
    upstream: UpstreamReport | None = None


def verify(
    real: Calls,
    simulated: Calls,
    names: tuple[str, str] = ("real", "simulated"),
    repeats: int = 5,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
    lag: LagReport | None = None,
) -> VerifyReport:
    """Compare two sets of calls.

    Args:
        real, simulated: calls; what has no latency counts for outcomes only, and what the agent took back not at all.
        names: of the two sets, for the report.
        repeats: splits of the real sessions for the floor.
        seed: of splits and classifiers.
        progress: is told what is being done.
        lag: of the simulated calls; beyond the bounds of `earthwire.grounding.gap.lag` the run is not judged.
    """
    taken_back = [clustered_rate(calls.taken_back, calls.session, CONFIDENCE) for calls in (real, simulated)]
    real, simulated, left_out = _common(real.ended_by_tools(), simulated.ended_by_tools())
    timed_real, timed_simulated = real.timed(), simulated.timed()
    shortage = _shortages(timed_real, timed_simulated) + _unlike(*taken_back)
    scores = _scores(timed_real, timed_simulated, repeats, seed, progress)
    unresolved = _unresolved(scores)
    real_rate, simulated_rate = fault_rate(real, CONFIDENCE), fault_rate(simulated, CONFIDENCE)
    ratios = _ratios(timed_real, timed_simulated)
    failures = _failures(scores, real_rate, simulated_rate, ratios.get("p99"))
    invalid = lag_problems(lag)
    return VerifyReport(
        real=names[0],
        simulated=names[1],
        real_calls=len(real),
        simulated_calls=len(simulated),
        real_sessions=real.session_count,
        simulated_sessions=simulated.session_count,
        seed=seed,
        repeats=repeats,
        auc=None if scores is None else scores.auc,
        auc_real=None if scores is None else scores.floor,
        auc_mock=None if scores is None else scores.mock,
        gap_closed=None if scores is None else yardstick.gap_closed(scores.mock, scores.auc, scores.floor),
        p_value=None if scores is None else scores.p_value,
        fidelity_ratio_500=None if scores is None else scores.energy_ratio,
        quantile_ratios=ratios,
        outcomes_real=real_rate,
        outcomes_simulated=simulated_rate,
        kinds_real=kind_shares(real),
        kinds_simulated=kind_shares(simulated),
        run_length_real=mean_run_length(real),
        run_length_simulated=mean_run_length(simulated),
        tools=compare_tools(real, simulated, CONFIDENCE),
        left_out=left_out,
        curves=draw_curves(real, simulated, CONFIDENCE),
        taken_back_real=taken_back[0],
        taken_back_simulated=taken_back[1],
        lag=lag,
        verdict=verdict(shortage, failures, unresolved, invalid),
        reasons=invalid + shortage + failures + unresolved or ["every criterion is met"],
    )


def taken_back_text(report: VerifyReport) -> str:
    """Return in words which share of calls was left out since the agent did not wait; empty where none was."""
    sides = {"real": report.taken_back_real, "simulated": report.taken_back_simulated}
    if not any(side.rate > 0 for side in sides.values()):
        return ""
    return ", ".join(
        f"{side.rate:.1%} of {counted(side.count, f'{name} call')}" for name, side in sides.items()
    )


def _scores(
    real: Calls, simulated: Calls, repeats: int, seed: int, progress: Callable[[str], None]
) -> "_Scores | None":
    """Return the classifiers' scores of timed calls; None where a side has too few sessions to split."""
    if min(real.session_count, simulated.session_count) < 4:
        return None
    return _Scores(real, simulated, repeats, seed, progress)


class _Scores:
    """Classifier scores of simulated against real calls, of real against real, and of a mock against real."""

    def __init__(
        self, real: Calls, simulated: Calls, repeats: int, seed: int, progress: Callable[[str], None]
    ) -> None:
        rng = np.random.default_rng(seed)
        base = yardstick.base_levels(real)
        x_real, x_simulated = yardstick.features(real, base), yardstick.features(simulated, base)
        weight = _tool_weights(real, simulated)
        progress("scoring simulated against real")
        self.auc, self.p_value = _auc_and_p(real, x_real, weight, simulated, x_simulated, seed)
        progress("scoring a mock against real")
        answers = yardstick.features(mock(real, simulated, rng), base)
        self.mock = yardstick.two_sample_auc(
            x_real, real.session, answers, simulated.session + real.session.max() + 1, seed, weight
        )
        floors, ratios = [], []
        for i in range(repeats):
            progress(f"scoring real against real, split {i + 1} of {repeats}")
            one, other = split_sessions(real, rng)
            split_base = yardstick.base_levels(one)
            x_one, x_other = yardstick.features(one, split_base), yardstick.features(other, split_base)
            floors.append(yardstick.two_sample_auc(x_other, other.session, x_one, one.session, seed + i))
            floor = distances.root_energy(one.latency_s, other.latency_s, ENERGY_CALLS, rng)
            matched = rng.choice(real.latency_s, 4 * ENERGY_CALLS, p=weight / weight.sum())
            distance = distances.root_energy(simulated.latency_s, matched, ENERGY_CALLS, rng)
            ratios.append(distances.over_floor(distance, floor))
        self.floor, self.energy_ratio = float(np.mean(floors)), float(np.median(ratios))
        self.excess = self.auc - max(0.5, self.floor)


def _auc_and_p(
    real: Calls, x_real: FloatArray, weight: FloatArray, simulated: Calls, x_simulated: FloatArray, seed: int
) -> tuple[float, float]:
    """Return the AUC and its p-value: how often whole sessions with shuffled labels reach it."""
    x = np.concatenate((x_real, x_simulated))
    group = np.concatenate((real.session, simulated.session + real.session.max() + 1))
    label = np.concatenate((np.zeros(len(x_real), np.int64), np.ones(len(x_simulated), np.int64)))
    weights = np.concatenate((weight, np.ones(len(x_simulated))))
    scores = yardstick.out_of_fold_scores(x, label, group, seed, weights)
    auc = yardstick.area_under_curve(label, scores, weights)
    rng = np.random.default_rng(seed)
    _, position = np.unique(group, return_inverse=True)
    side = np.zeros(position.max() + 1, dtype=np.int64)
    side[position] = label
    reached = 0
    for _ in range(_PERMUTATIONS):
        shuffled = rng.permutation(side)[position]
        reached += yardstick.area_under_curve(shuffled, scores, weights) >= auc
    return auc, (reached + 1) / (_PERMUTATIONS + 1)


def _common(real: Calls, simulated: Calls) -> tuple[Calls, Calls, list[str]]:
    """Bring both sides under the same tool codes and keep the tools that both have."""
    used_real = {real.tool_names[i] for i in np.unique(real.tool)}
    used_simulated = {simulated.tool_names[i] for i in np.unique(simulated.tool)}
    names = tuple(sorted(used_real & used_simulated))
    code = {name: i for i, name in enumerate(names)}

    def recoded(calls: Calls) -> Calls:
        of_tool = np.array([code.get(name, -1) for name in calls.tool_names], dtype=np.int64)
        tool = of_tool[calls.tool] if len(calls) else calls.tool
        return replace(calls, tool_names=names, tool=tool).select(tool >= 0)

    return recoded(real), recoded(simulated), sorted(used_real ^ used_simulated)


def _tool_weights(real: Calls, simulated: Calls) -> FloatArray:
    """Return a weight for each real call under which both sides use every tool equally often."""
    width = len(real.tool_names)
    have = np.bincount(real.tool, minlength=width)
    want = np.bincount(simulated.tool, minlength=width)
    weight = (want / np.maximum(have, 1))[real.tool]
    scaled: FloatArray = weight * (len(real) / max(weight.sum(), 1e-12))
    return scaled


def _ratios(real: Calls, simulated: Calls) -> dict[str, float | None]:
    if not len(real) or not len(simulated):
        return {}
    return distances.quantile_ratios(simulated.latency_s, real.latency_s)


def _shortages(real: Calls, simulated: Calls) -> list[str]:
    if not real.tool_names:
        return ["no tool is on both sides: name tools alike (earthwire import --template)"]
    return _shortage(real, "real") + _shortage(simulated, "simulated")


def _shortage(calls: Calls, side: str) -> list[str]:
    reasons = []
    if len(calls) < SIDE_CALLS_MIN:
        reasons.append(
            f"{counted(len(calls), f'{side} call')} of common tools: a verdict needs {SIDE_CALLS_MIN}"
        )
    if calls.session_count < SIDE_SESSIONS_MIN:
        reasons.append(
            f"{counted(calls.session_count, f'{side} session')}: a verdict needs {SIDE_SESSIONS_MIN}"
        )
    return reasons


def _unlike(real: Rate, simulated: Rate) -> list[str]:
    """Say so where agents took back calls of one side more often: those that are left are not alike then."""
    if not min(real.count, simulated.count) or rates_agree(real, simulated):
        return []
    return [
        f"agents did not wait for {real.rate:.1%} of real and {simulated.rate:.1%} of simulated calls, so that those "
        "that are left are not alike: record both with clients that read every answer and wait equally long"
    ]


def _unresolved(scores: _Scores | None) -> list[str]:
    """Say so where the classifier seems to see a difference, but shuffled sessions often look as different."""
    if scores is None or scores.excess <= AUC_EXCESS_MAX or scores.p_value <= _ALPHA:
        return []
    return [
        f"AUC {scores.auc:.3f} is {scores.excess:.3f} above the floor, more than {AUC_EXCESS_MAX}, but chance gives as "
        f"much with p = {scores.p_value:.3f}: more sessions would tell"
    ]


def _failures(scores: _Scores | None, real: Rate, simulated: Rate, tail: float | None) -> list[str]:
    if not min(real.count, simulated.count):
        return []
    failures = []
    if scores is not None and scores.excess > AUC_EXCESS_MAX and scores.p_value <= _ALPHA:
        failures.append(
            f"AUC {scores.auc:.3f} is {scores.excess:.3f} above the floor, more than {AUC_EXCESS_MAX} "
            f"(p = {scores.p_value:.3f})"
        )
    return failures + rate_failures(real, simulated) + tail_failures(tail)
