"""Draws plans that count on what the upstream takes by itself: the one planner whose plans depend on what was measured.

The outcome, the recorded latency L and everything else of a call are those of `Simulation`, a pure function of the
call's identity. What is waited for at least, D, is L taken through `WaitLaw` once the upstream of the tool is known. So
two runs with the same seed agree in all but D; each record says L beside D.
"""

import copy
from collections.abc import Callable
from typing import Self

import msgspec

from earthwire.fault_models.call import Call, Drawn
from earthwire.fault_models.laws.upstream_law import CALLS_MIN, INFEASIBLE_MAX, LogHistogram, WaitLaw
from earthwire.fault_models.plan import Plan, RelayBody, RelayPieces, Step, Wait
from earthwire.fault_models.simulation import Simulation

_GROWTH = 1.25
"""Wait laws are made anew whenever the number of observed calls has grown by this factor."""


class _Upstream:
    """What is known of the upstream of one tool."""

    __slots__ = ("due_count", "histogram", "is_warned", "laws")

    def __init__(self) -> None:
        self.histogram = LogHistogram()
        # By profile, since episodes may have others, and by outcome kind.
        self.laws: dict[tuple[str, str], WaitLaw] = {}
        self.due_count = CALLS_MIN
        self.is_warned = False


class UpstreamFit(msgspec.Struct, frozen=True):
    """Whether an upstream is fast enough to stand in for a recorded tool.

    Attributes:
        calls: of the upstream that were observed.
        recorded_p50_s, upstream_p50_s: median latencies; of the recorded tool None where it is not known.
        infeasible_share: of the recorded mean latency, that calls are slower by at least; None below `CALLS_MIN` calls.
        infeasible_call_share: of the calls, that are slower than recorded; None below `CALLS_MIN` calls.
    """

    calls: int
    recorded_p50_s: float | None
    upstream_p50_s: float
    infeasible_share: float | None
    infeasible_call_share: float | None


class GroundedSimulation:
    """Draws plans for calls to an upstream that has a latency of its own.

    Attributes:
        seed: of the run.
        profile_hash: of the profile.

    Args:
        simulation: draws what is to be followed.
        warn: is told once of each tool whose upstream is too slow.
    """

    def __init__(self, simulation: Simulation, warn: Callable[[str], None] = lambda _: None) -> None:
        self.simulation = simulation
        self.seed = simulation.seed
        self.profile_hash = simulation.profile_hash
        self._warn = warn
        self._upstreams: dict[str, _Upstream] = {}

    def variant(
        self, seed: int | None = None, severity: float | None = None, randomize: bool | None = None
    ) -> Self:
        """Return a planner that shares what is known of the upstreams; see `Simulation.variant`."""
        other = copy.copy(self)
        other.simulation = self.simulation.variant(seed, severity, randomize)
        other.seed = other.simulation.seed
        return other

    def under(self, laws: Simulation) -> Self:
        """Return a planner of other laws that shares what is known of the upstreams."""
        other = copy.copy(self)
        other.simulation = laws
        other.seed = laws.seed
        other.profile_hash = laws.profile_hash
        return other

    def tool_of(self, method: str, path: str, at: str | None = None) -> str:
        """Return the tool key of an HTTP request; `path` has no query."""
        return self.simulation.tool_of(method, path, at)

    def draw(self, call: Call) -> Drawn:
        """Return the plan of the next call of this tool in this episode; see `Simulation.draw`."""
        drawn = self.simulation.draw(call)
        upstream = self._upstreams.get(call.tool)
        if upstream is None or not any(
            isinstance(step, RelayBody | RelayPieces) for step in drawn.plan.steps
        ):
            return drawn
        law = self._law(call.tool, drawn.plan.outcome, upstream)
        table = self.simulation.model(call.tool).latency(drawn.plan.outcome)
        if law is None or table is None:
            return drawn
        wait_s = law.wait_s(table.probability(drawn.plan.last_byte_s))
        return Drawn(
            drawn.call_index,
            _waiting(drawn.plan, wait_s),
            _with_recorded(drawn.conditions, drawn.plan.last_byte_s, law.infeasible_share),
        )

    def observe(self, tool: str, elapsed_s: float) -> None:
        """Learn what the upstream of a tool took for one call, from the arrival of the request, in seconds."""
        upstream = self._upstreams.setdefault(tool, _Upstream())
        upstream.histogram.add(elapsed_s)
        if upstream.histogram.count >= upstream.due_count:
            upstream.due_count = int(upstream.histogram.count * _GROWTH)
            upstream.laws.clear()

    def infeasible_shares(self) -> dict[str, float]:
        """Return which share of the recorded mean the upstream is too slow for, by tool, for ``ok`` calls."""
        return {
            tool: fit.infeasible_share
            for tool, fit in self.fits().items()
            if fit.infeasible_share is not None
        }

    def fits(self) -> dict[str, UpstreamFit]:
        """Return how well the upstream of each observed tool can stand in for it, for ``ok`` calls."""
        return {tool: self._fit(tool, upstream) for tool, upstream in sorted(self._upstreams.items())}

    def _fit(self, tool: str, upstream: _Upstream) -> UpstreamFit:
        law = self._law(tool, "ok", upstream)
        table = self.simulation.model(tool).latency("ok")
        return UpstreamFit(
            upstream.histogram.count,
            None if table is None else table.quantile_s(0.5),
            upstream.histogram.quantile_s(0.5),
            None if law is None else law.infeasible_share,
            None if law is None else law.infeasible_call_share,
        )

    def _law(self, tool: str, kind: str, upstream: _Upstream) -> WaitLaw | None:
        if upstream.histogram.count < CALLS_MIN:
            return None
        law = upstream.laws.get((self.profile_hash, kind))
        if law is None:
            table = self.simulation.model(tool).latency(kind)
            if table is None:
                return None
            law = upstream.laws[self.profile_hash, kind] = WaitLaw(table, upstream.histogram)
            if law.infeasible_share > INFEASIBLE_MAX and not upstream.is_warned:
                upstream.is_warned = True
                self._warn(
                    f"{tool}: the upstream is too slow to stand in for the recorded tool: calls will be at least "
                    f"{100 * law.infeasible_share:.0f} % slower on average than recorded"
                )
        return law


def _waiting(plan: Plan, wait_s: float) -> Plan:
    """Return the plan with its deadlines moved in proportion, so that the last byte is due at `wait_s`."""
    factor = wait_s / plan.last_byte_s if plan.last_byte_s else 0.0
    steps: list[Step] = []
    for step in plan.steps:
        if isinstance(step, Wait):
            steps.append(Wait(step.until_s * factor))
        elif isinstance(step, RelayBody):
            steps.append(RelayBody(step.last_byte_s * factor, step.fraction))
        elif isinstance(step, RelayPieces):
            due_s = tuple(time_s * factor for time_s in step.due_s)
            steps.append(msgspec.structs.replace(step, due_s=due_s))
        else:
            steps.append(step)
    return msgspec.structs.replace(
        plan,
        first_byte_s=plan.first_byte_s * factor,
        last_byte_s=plan.last_byte_s * factor,
        steps=tuple(steps),
    )


def _with_recorded(conditions: str | None, latency_s: float, infeasible_share: float) -> str:
    values = msgspec.json.decode(conditions, type=dict[str, object]) if conditions else {}
    values["earthwire.recorded_law_s"] = latency_s
    if shown := round(infeasible_share, 3):
        values["earthwire.infeasible_share"] = shown
    return msgspec.json.encode(values).decode()
