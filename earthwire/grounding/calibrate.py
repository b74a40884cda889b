"""Learns a profile from calls."""

from collections.abc import Iterator, Mapping

import numpy as np

from earthwire.fault_models.dependence import Dependence
from earthwire.fault_models.grouping import ancestors
from earthwire.fault_models.latency import LatencyTable
from earthwire.fault_models.outcome import OutcomeCounts
from earthwire.fault_models.profile import ErrorResponse, Profile, Provenance, ToolLaws
from earthwire.grounding.dependence import fit_dependence, score_products
from earthwire.grounding.ranks import cross_fitted_scores
from earthwire.grounding.tables import Tables
from earthwire.grounding.tally import CLOCK_STEPS_S, Cells, Tally, tally
from earthwire.traces.calls import Calls

Responses = Mapping[str, Mapping[str, tuple[ErrorResponse, ...]]]
"""Tool to outcome kind to recorded responses."""

_CLOCK_CALLS_MIN = 20
_CLOCK_SHARE_MIN = 0.99


def calibrate(
    calls: Calls, provenance: Provenance | None = None, responses: Responses | None = None
) -> Profile:
    """Fit all laws of all tools.

    Args:
        calls: what was recorded.
        provenance: where it came from; counts are filled in here.
        responses: recorded error responses, redacted.

    Raises:
        ValueError: if there are no calls.
    """
    if not len(calls):
        raise ValueError("no calls to calibrate from")
    counts = tally(calls)
    timed = calls.select((calls.latency_s > 0) & ~calls.censored)
    dependence = Dependence()
    if len(timed):
        dependence = fit_dependence(score_products(timed, cross_fitted_scores(timed)))
    return build_profile(counts, dependence, provenance or Provenance(), responses or {})


def build_profile(
    counts: Tally, dependence: Dependence, provenance: Provenance, responses: Responses
) -> Profile:
    """Put the laws together from counts alone."""
    return _Builder(counts, responses).profile(dependence, provenance)


class _Builder:
    def __init__(self, counts: Tally, responses: Responses) -> None:
        self.counts = counts
        self.responses = responses
        self.tables = Tables(counts) if len(counts.latency.counts) else None
        self.transitions = _nested(counts)
        self.sessions = {int(tool): int(n) for (tool,), n in _pairs(counts.sessions)}
        self.overall_step_s = _clock_step_s(counts, None) or 0.0

    def profile(self, dependence: Dependence, provenance: Provenance) -> Profile:
        seen = [i for i in range(len(self.counts.tool_names)) if i in self.transitions]
        members: dict[str, list[int]] = {}
        for tool in seen:
            for group in ancestors(self.counts.tool_names[tool]):
                members.setdefault(group, []).append(tool)
        return Profile(
            tools={self.counts.tool_names[tool]: self.tool(tool) for tool in seen},
            groups={
                group: self.group(group, tools) for group, tools in sorted(members.items()) if len(tools) > 1
            },
            overall=self.group("", seen),
            dependence=dependence,
            provenance=provenance,
        )

    def tool(self, tool: int) -> ToolLaws:
        name = self.counts.tool_names[tool]
        outcomes = self.transitions[tool]
        kinds = sorted({kind for after in outcomes.values() for kind in after})
        step_s = _clock_step_s(self.counts, tool)
        return ToolLaws(
            calls=sum(sum(after.values()) for after in outcomes.values()),
            sessions=self.sessions.get(tool, 0),
            outcomes=OutcomeCounts(outcomes),
            latency=self._tool_latency(name, kinds),
            resolution_s=self.overall_step_s if step_s is None else step_s,
            responses=dict(self.responses.get(name, {})),
        )

    def group(self, group: str, tools: list[int]) -> ToolLaws:
        outcomes = _summed([self.transitions[tool] for tool in tools])
        kinds: dict[str, int] = {}
        for after in outcomes.values():
            for kind, count in after.items():
                kinds[kind] = kinds.get(kind, 0) + count
        latency: dict[str, LatencyTable] = {}
        if self.tables is not None:
            for kind, count in sorted(kinds.items()):
                latency[kind] = self.tables.group_table(group, kind, count)
        return ToolLaws(
            calls=sum(kinds.values()),
            sessions=None if group else self.counts.session_count,
            outcomes=OutcomeCounts(outcomes),
            latency=latency,
            resolution_s=self.overall_step_s,
        )

    def _tool_latency(self, name: str, kinds: list[str]) -> dict[str, LatencyTable]:
        if self.tables is None:
            return {}
        fitted = {kind: self.tables.table(name, kind) for kind in kinds}
        return {kind: table for kind, table in fitted.items() if table.count}


def _nested(counts: Tally) -> dict[int, dict[str, dict[str, int]]]:
    nested: dict[int, dict[str, dict[str, int]]] = {}
    for (tool, previous, kind), count in _pairs(counts.transitions):
        after = nested.setdefault(int(tool), {}).setdefault(counts.kind_names[previous], {})
        after[counts.kind_names[kind]] = int(count)
    return nested


def _pairs(cells: Cells) -> Iterator[tuple[list[int], int]]:
    return zip(cells.keys.tolist(), cells.counts.tolist(), strict=True)


def _summed(parts: list[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    total: dict[str, dict[str, int]] = {}
    for part in parts:
        for previous, after in part.items():
            into = total.setdefault(previous, {})
            for kind, count in after.items():
                into[kind] = into.get(kind, 0) + count
    return total


def _clock_step_s(counts: Tally, tool: int | None) -> float | None:
    """Return the coarsest step that 99 % of the latencies are multiples of, 0 for none, None for too few calls."""
    n = _count(counts.session_sums, tool, 0)
    if n < _CLOCK_CALLS_MIN:
        return None
    for i, step_s in enumerate(CLOCK_STEPS_S):
        rows = counts.on_step.keys[:, 1] == i
        if tool is not None:
            rows &= counts.on_step.keys[:, 0] == tool
        if counts.on_step.counts[rows].sum() >= _CLOCK_SHARE_MIN * n:
            return step_s
    return 0.0


def _count(sums: Cells, tool: int | None, column: int) -> int:
    rows = np.ones(len(sums.keys), dtype=bool) if tool is None else sums.keys[:, 0] == tool
    return int(sums.counts[rows, column].sum())
