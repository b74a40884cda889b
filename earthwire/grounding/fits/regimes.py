"""Fits when a tool is up and when it is bad, and decides which law of it the calls support.

1. A `RunHistory` where the tool was recorded in sequences of `HISTORY_CALLS_MIN` calls, with enough bursts in them:
   what clusters over weeks is seen only in such sequences.
2. Else `AgeHazards`, where ages predict better than the outcome law, which knows none, by `EVIDENCE_MIN`. Both are
   scored on each next call given those before it (Dawid, "Present position and potential developments: the
   prequential approach", 1984), which for counts is a ratio of Beta functions: no split, hence no calls lost to it.
3. Else neither: faults follow the outcome law alone.
"""

import numpy as np
from scipy import special

from earthwire.fault_models.laws.outcome import OutcomeLaw
from earthwire.fault_models.laws.regime import (
    AGE_BINS,
    HAZARD_PRIOR_CALLS,
    AgeHazards,
    HazardCounts,
    RunHistory,
)
from earthwire.grounding.counts.cells import Cells
from earthwire.grounding.counts.tally import Tally
from earthwire.grounding.samples.outcome_mix import faults
from earthwire.traces.columns.calls import BoolArray, Calls, IntArray
from earthwire.traces.labels.outcome_kind import is_client_error, is_fault

HISTORY_CALLS_MIN = 500
"""Calls in a row, on average over the tool's calls, that a history needs."""
HISTORY_FAULTS_MIN = 20
HISTORY_BURSTS_MIN = 5
HISTORY_RUNS_MAX = 4_000
"""Runs kept: the stretch whose share of bad calls is nearest to the overall one."""
EVIDENCE_MIN = float(np.log(20))
"""Log Bayes factor in favour of ages: strong evidence on the usual scale (Kass and Raftery 1995)."""

_PROBABILITY_MIN = 1e-6


def histories(calls: Calls) -> dict[int, RunHistory]:
    """Return the history of each tool code that was recorded in long enough sequences.

    The sequences of a tool are joined in the order of their sessions.
    """
    drawn = calls.ended_by_tools()
    bad = faults(drawn)
    fault_count = np.bincount(drawn.tool, weights=bad, minlength=len(drawn.tool_names))
    found = {}
    for tool in np.flatnonzero(fault_count >= HISTORY_FAULTS_MIN).tolist():
        rows = drawn.tool == tool
        history = _history(bad[rows], drawn.session[rows])
        if history is not None:
            found[tool] = history
    return found


def run_lengths(bad: BoolArray) -> IntArray:
    """Return the lengths of the runs of up and bad in turn, the first of them up (0 if the calls begin bad)."""
    if not len(bad):
        return np.zeros(0, dtype=np.int64)
    changes = np.flatnonzero(bad[1:] != bad[:-1]) + 1
    bounds = np.concatenate(([0], changes, [len(bad)]))
    lengths = np.diff(bounds)
    return np.concatenate(([0], lengths)) if bad[0] else lengths


def run_history(runs: IntArray) -> RunHistory | None:
    """Return the history of run lengths as `run_lengths` gives them; None where there are too few bursts."""
    if len(runs) // 2 < HISTORY_BURSTS_MIN:
        return None
    return RunHistory(tuple(_thinned(runs).tolist()))


def age_hazards(counts: Tally, tool: int, law: OutcomeLaw) -> AgeHazards | None:
    """Return the hazards of a tool by age, or None where they predict no better than `law`.

    Args:
        counts: of all calls.
        tool: its code.
        law: its outcome law, which says how often a regime ends whatever its age.
    """
    by_kind = _by_kind(counts, tool)
    if not any(any(hazard.left) for hazard in by_kind.values()):
        return None
    evidence = sum(_evidence(hazard, kind, law) for kind, hazard in by_kind.items())
    return AgeHazards(by_kind) if evidence > EVIDENCE_MIN else None


def _history(bad: BoolArray, session: IntArray) -> RunHistory | None:
    sizes = np.unique(session, return_counts=True)[1]
    if (sizes.astype(float) ** 2).sum() / len(bad) < HISTORY_CALLS_MIN:
        return None
    return run_history(run_lengths(bad))


def _thinned(runs: IntArray) -> IntArray:
    """Return at most `HISTORY_RUNS_MAX` runs in a row, beginning with an up one, with a typical share of bad calls."""
    if len(runs) <= HISTORY_RUNS_MAX:
        return runs
    overall = runs[1::2].sum() / runs.sum()
    total = np.concatenate(([0], np.cumsum(runs)))
    bad = np.concatenate(([0], np.cumsum(np.where(np.arange(len(runs)) % 2, runs, 0))))
    starts = np.arange(0, len(runs) - HISTORY_RUNS_MAX + 1, 2)
    ends = starts + HISTORY_RUNS_MAX
    share = (bad[ends] - bad[starts]) / (total[ends] - total[starts])
    start = int(starts[np.argmin(np.abs(share - overall))])
    return runs[start : start + HISTORY_RUNS_MAX]


def _by_kind(counts: Tally, tool: int) -> dict[str, HazardCounts]:
    """Return the hazards after each kind but the caller's mistakes, whose runs end where callers give up."""
    cells: Cells = counts.hazards.select(counts.hazards.keys[:, 0] == tool)
    sums: dict[int, IntArray] = {}
    for (_, kind, age), pair in zip(cells.keys.tolist(), cells.counts, strict=True):
        sums.setdefault(kind, np.zeros((2, AGE_BINS), dtype=np.int64))[:, age] += pair
    return {
        counts.kind_names[kind]: HazardCounts(tuple(at_risk.tolist()), tuple(left.tolist()))
        for kind, (at_risk, left) in sorted(sums.items())
        if not is_client_error(counts.kind_names[kind])
    }


def _evidence(hazard: HazardCounts, kind: str, law: OutcomeLaw) -> float:
    """Return the log Bayes factor of ages against none, for what follows one outcome kind."""
    fault = law.fault_probability(kind)
    leaves = np.clip(1.0 - fault if is_fault(kind) else fault, _PROBABILITY_MIN, 1.0 - _PROBABILITY_MIN)
    left = np.array(hazard.left, dtype=float)
    stayed = np.array(hazard.at_risk, dtype=float) - left
    a, b = HAZARD_PRIOR_CALLS * leaves, HAZARD_PRIOR_CALLS * (1.0 - leaves)
    with_age = special.betaln(a + left, b + stayed) - special.betaln(a, b)
    without = left * np.log(leaves) + stayed * np.log1p(-leaves)
    return float((with_age - without).sum())
