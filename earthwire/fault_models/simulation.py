"""The draw: from a profile, a seed and the identity of a call to its plan.

A plan is a pure function of (profile, seed, episode, tool, call index of the tool in the episode). Nothing else goes
in: not the time, not the calls of other tools, not the order in which concurrent calls arrive. What a tool remembers
(its previous outcome, its slow level) advances with its own call index.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Self

import msgspec

from earthwire.fault_models.call import Call, Drawn, Foreseen
from earthwire.fault_models.conditions.posterior import DrawnLaws
from earthwire.fault_models.conditions.severity import (
    SEVERITY_MAX,
    SevereOutcomes,
    open_severe,
    severe_latency_s,
)
from earthwire.fault_models.laws.compact_ranks import CompactRanks
from earthwire.fault_models.laws.first_byte import ERROR_STATUS_PREFIX
from earthwire.fault_models.laws.latency import LatencyTable
from earthwire.fault_models.laws.outcome_path import (
    AS_RECORDED,
    SCHEMA_DRIFT,
    AgedPath,
    FaultRules,
    HistoryPath,
    OutcomeModel,
    OutcomePath,
    RegimeClock,
)
from earthwire.fault_models.laws.rate_limit import with_retry_after
from earthwire.fault_models.laws.stream import streamed
from earthwire.fault_models.plan import Plan, Support
from earthwire.fault_models.profile import Profile, profile_hash
from earthwire.fault_models.siblings.family import Family, ToolModel
from earthwire.fault_models.siblings.matching import ToolMatcher
from earthwire.fault_models.siblings.rank_sources import RankSource
from earthwire.fault_models.steps.delivery import RELAYED_KINDS, deliver, relay
from earthwire.fault_models.steps.pace import SLOW_DRIP, drip_first_byte_s
from earthwire.fault_models.uniforms import Purpose, UniformStream

STREAMS_MAX = 200_000
"""Bound on the (episode, tool) pairs that one simulation remembers."""

# As plain numbers: looking a member of an enumeration up takes a tenth of a microsecond each time.
_OUTCOME, _PAYLOAD = int(Purpose.OUTCOME), int(Purpose.PAYLOAD)
_DAMAGE, _GAPS = int(Purpose.DAMAGE), int(Purpose.GAPS)

_PECULIAR_KINDS = frozenset((SLOW_DRIP, SCHEMA_DRIFT))


_ALONE = (OutcomePath, HistoryPath, AgedPath)
"""Outcomes that follow from a tool's own calls alone, and say nothing but the kind."""

ROW_COUNT = 16
"""Plans of a tool in an episode that are made in a row: between the calls of a server each one takes twice as long."""
ROW_STREAMS_MAX = 2_000
"""Bound on the (episode, tool) pairs alive while plans wait: a row of them takes 7 KB."""
SINGLE_COUNT = 64
"""Calls whose plans are made one by one: most episodes are not longer."""

_Decided = tuple[int, float, str, float, float, Support]
"""What is decided of a call before its plan is made: index, uniform of the first byte, kind, rank, latency, support."""


class TooManyStreamsError(RuntimeError):
    """More (episode, tool) pairs than `STREAMS_MAX` are alive."""


class _Stream:
    """What one (episode, tool) remembers from call to call."""

    __slots__ = (
        "conditions",
        "drift_u",
        "following",
        "index",
        "latency",
        "model",
        "outcomes",
        "prepared",
        "ranks",
        "uniforms",
    )

    def __init__(
        self,
        model: ToolModel,
        latency: Callable[[str], LatencyTable | None],
        uniforms: UniformStream,
        outcomes: OutcomePath,
        ranks: RankSource,
        conditions: str | None,
        drift_u: float | None,
    ) -> None:
        self.drift_u = drift_u
        self.model = model
        self.latency = latency
        self.conditions = conditions
        self.uniforms = uniforms
        self.ranks = ranks
        self.outcomes = outcomes
        self.index = 0
        # Draws the calls from here on, once they are drawn ahead.
        self.following: Iterator[Foreseen] | None = None
        self.prepared: list[Drawn | _Decided] = []

    def peculiar(
        self, kind: str, first_byte_s: float, latency_s: float, damage_u: float
    ) -> tuple[float, float]:
        """Return first byte and uniform of the damage of a call of one of `_PECULIAR_KINDS`."""
        if kind == SLOW_DRIP:
            return drip_first_byte_s(first_byte_s, latency_s), damage_u
        return first_byte_s, damage_u if self.drift_u is None else self.drift_u


class Simulation:
    """Draws plans for calls.

    Args:
        profile: the laws.
        seed: of the run; the same seed and the same calls give the same plans.
        server: host of the recorded tools that requests stand for, where the profile knows several.
        regime_clock: what outages and rate limits advance by. With ``time`` a plan also depends on the time of its call
            in the episode: calls at the same times get the same plans.
        severity: 0 clean, 1 as recorded, higher harsher, up to `SEVERITY_MAX`; see
            `earthwire.fault_models.conditions.severity`.
        randomize: every episode has laws of its own, as far as the recorded calls leave them open; see
            `earthwire.fault_models.conditions.posterior`.
        rules: what is made of the profile's faults; see `earthwire.fault_models.laws.outcome_path.FaultRules`.
    """

    def __init__(
        self,
        profile: Profile,
        seed: int,
        server: str | None = None,
        regime_clock: RegimeClock = "calls",
        severity: float = 1.0,
        randomize: bool = False,
        rules: FaultRules = AS_RECORDED,
    ) -> None:
        self.severity = _checked_severity(severity)
        self.randomize = randomize
        self.profile = profile
        self.seed = seed
        self.regime_clock: RegimeClock = regime_clock
        self.profile_hash = profile_hash(profile)
        most_used_first = sorted(profile.tools, key=lambda name: -profile.tools[name].calls)
        self._matcher = ToolMatcher(most_used_first, server)
        self._family = Family(profile, rules)
        self.rules = rules
        self._models: dict[str, ToolModel] = {}
        self._streams: dict[tuple[str, str], _Stream] = {}

    def draw(self, call: Call) -> Drawn:
        """Return the plan of the next call of this tool in this episode.

        Raises:
            TooManyStreamsError: if the (episode, tool) pair is new and `STREAMS_MAX` are alive.
        """
        stream = self._streams.get((call.episode, call.tool)) or self._opened(call)
        prepared = stream.prepared
        if not prepared:
            if stream.following is not None:
                return self.drawn_ahead(call, *next(stream.following))
            if stream.index < SINGLE_COUNT or not self._may_prepare(stream):
                return _drawn(stream, call, *self._decide(stream, call.at_s))
            prepared = self._prepare(stream, call)
        first = prepared.pop()
        return first if isinstance(first, Drawn) else _drawn(stream, call, *first)

    def ahead(self, call: Call, count_max: int | None = None) -> Iterator[Foreseen] | None:
        """Return what draws the next calls of this tool in this episode ahead of need; see `Ahead`.

        It is the same one whenever it is asked for, and what `draw` goes on with. What it yields goes to `drawn_ahead`
        where the plan is wanted.

        Args:
            call: any call of the tool.
            count_max: most calls drawn at once; None for as many as pays.

        Returns:
            None where calls can only be drawn one by one: where they depend on time, or on more than their own past;
            and as long as plans wait that `draw` made in a row.

        Raises:
            TooManyStreamsError: as `draw`.
        """
        stream = self._streams.get((call.episode, call.tool)) or self._opened(call)
        if stream.following is not None:
            return stream.following
        ranks, outcomes = stream.ranks, stream.outcomes
        if not isinstance(ranks, CompactRanks) or type(outcomes) not in _ALONE or stream.model.resolution_s:
            return None
        if stream.prepared:
            return None
        # Here, since it needs numpy, which few users of this module do.
        from earthwire.fault_models.ahead import AHEAD_COUNT_MAX, Ahead

        calls = Ahead(
            stream.uniforms, outcomes, ranks, stream.latency, stream.index, count_max or AHEAD_COUNT_MAX
        )
        stream.following = iter(calls)
        return stream.following

    def drawn_ahead(
        self, call: Call, index: int, kind: str, rank: float, latency_s: float, first_byte_u: float
    ) -> Drawn:
        """Return the plan of a call that `ahead` has yielded."""
        stream = self._streams[call.episode, call.tool]
        table = stream.latency(kind)
        support: Support = "assumed" if table is None else table.support
        return _drawn(stream, call, index, first_byte_u, kind, rank, latency_s, support)

    def variant(
        self, seed: int | None = None, severity: float | None = None, randomize: bool | None = None
    ) -> Self:
        """Return a simulation of the same profile that remembers no calls; what is None stays as it is here.

        It shares all that was worked out from the profile, so that one an episode is cheap.
        """
        other = copy.copy(self)
        other._streams = {}
        other.seed = self.seed if seed is None else seed
        other.severity = self.severity if severity is None else _checked_severity(severity)
        other.randomize = self.randomize if randomize is None else randomize
        return other

    def tool_of(self, method: str, path: str, at: str | None = None) -> str:
        """Return the tool key of an HTTP request; `path` has no query, `at` is which of several servers it asks."""
        return self._matcher.tool(method, path, at)

    def forget(self, episode: str) -> None:
        """Drop what an episode's tools remember; its next calls start at index 0 again."""
        for key in [key for key in self._streams if key[0] == episode]:
            del self._streams[key]

    def model(self, tool: str) -> ToolModel:
        """Return the laws of a tool, resolved for drawing."""
        model = self._models.get(tool)
        if model is None:
            model = self._models[tool] = self._family.model(tool)
        return model

    def _decide(self, stream: _Stream, at_s: float | None) -> _Decided:
        """Decide on outcome kind and latency of the next call."""
        index = stream.index
        stream.index = index + 1
        u = stream.uniforms.usual(index)
        model = stream.model
        kind = stream.outcomes.next(index, u[_OUTCOME], at_s)
        table = stream.latency(kind)
        rank = stream.ranks.next_rank(index, u, kind)
        latency_s = 0.0 if table is None else table.quantile_s(rank)
        if isinstance(stream.outcomes, SevereOutcomes):
            latency_s = severe_latency_s(stream.latency, kind, stream.outcomes.recorded, rank, self.severity)
        if model.resolution_s:
            latency_s = _in_clock_steps(latency_s, model.resolution_s)
        return index, u[3], kind, rank, latency_s, "assumed" if table is None else table.support

    def _may_prepare(self, stream: _Stream) -> bool:
        """Tell whether plans may be made before their calls come: the time of a call does not matter to them."""
        return type(stream.outcomes) in _ALONE and len(self._streams) <= ROW_STREAMS_MAX

    def _prepare(self, stream: _Stream, call: Call) -> list[Drawn | _Decided]:
        """Make the next plans, the last one first; of responses of our own, which echo the target, what is decided."""
        row: list[Drawn | _Decided] = []
        for _ in range(ROW_COUNT):
            decided = self._decide(stream, call.at_s)
            row.append(_drawn(stream, call, *decided) if decided[2] in RELAYED_KINDS else decided)
        row.reverse()
        stream.prepared = row
        return row

    def _opened(self, call: Call) -> _Stream:
        stream = self._streams[call.episode, call.tool] = self._open(call.episode, call.tool)
        return stream

    def _open(self, episode: str, tool: str) -> _Stream:
        if len(self._streams) >= STREAMS_MAX:
            raise TooManyStreamsError(
                f"{STREAMS_MAX} (episode, tool) pairs are alive; end episodes that are over"
            )
        model = self.model(tool)
        of_episode = UniformStream(self.seed, "episode", episode).at(0)
        of_tool = UniformStream(self.seed, "tool", episode, tool).at(0)
        ranks = model.ranks(of_episode[Purpose.LEVEL], of_tool[Purpose.LEVEL], of_tool[Purpose.LATENCY])
        drawn = DrawnLaws(model, self.profile, self.seed, episode, tool) if self.randomize else None
        latency, outcomes = (
            (model.latency, model.outcomes) if drawn is None else (drawn.latency, drawn.outcomes)
        )
        return _Stream(
            model,
            latency,
            UniformStream(self.seed, "call", episode, tool),
            self._open_outcomes(outcomes, episode, tool),
            ranks,
            self._conditions(drawn),
            of_tool[Purpose.DAMAGE] if self.rules.episode_drift else None,
        )

    def _conditions(self, drawn: DrawnLaws | None) -> str | None:
        """Return what the records of a stream say of how its plans came about, as JSON; None for nothing."""
        values: dict[str, float | str] = {}
        if self.regime_clock != "calls":
            values["earthwire.regime_clock"] = self.regime_clock
        for name, is_on in msgspec.structs.asdict(self.rules).items():
            if is_on:
                values[f"earthwire.{name}"] = True
        if self.severity != 1.0:
            values["earthwire.severity"] = self.severity
        if drawn is not None:
            values["earthwire.laws_drawn"] = drawn.digest
        return msgspec.json.encode(values).decode() if values else None

    def _open_outcomes(self, outcomes: OutcomeModel, episode: str, tool: str) -> OutcomePath:
        if self.severity == 1.0:
            return outcomes.open(self.seed, episode, self.regime_clock)
        return open_severe(outcomes, self.severity, self.seed, episode, tool, self.regime_clock)


def _drawn(
    stream: _Stream,
    call: Call,
    index: int,
    first_byte_u: float,
    kind: str,
    rank: float,
    latency_s: float,
    support: Support,
) -> Drawn:
    """Return the plan of a call whose outcome kind and latency are decided."""
    model = stream.model
    first_s = latency_s
    first_byte = model.error_first_byte if kind.startswith(ERROR_STATUS_PREFIX) else model.first_byte
    if first_byte is not None:
        first_s *= first_byte.share(rank, first_byte_u)
    if kind in RELAYED_KINDS:
        steps = relay(first_s, latency_s)
    else:
        u = stream.uniforms.at(index)
        damage_u = u[_DAMAGE]
        if kind in _PECULIAR_KINDS:
            first_s, damage_u = stream.peculiar(kind, first_s, latency_s, damage_u)
        response = model.response(kind, u[_PAYLOAD], call.target)
        steps = deliver(kind, first_s, latency_s, response, damage_u, model.payload)
        if stream.outcomes.wait_s is not None:
            steps = with_retry_after(steps, stream.outcomes.wait_s)
    if model.stream is not None:
        gaps_u = stream.uniforms.at(index)[_GAPS]
        steps = streamed(steps, model.stream.due_s(rank, gaps_u, first_s, latency_s))
    return Drawn(index, Plan(kind, first_s, latency_s, steps, support), stream.conditions)


def _checked_severity(severity: float) -> float:
    if not 0.0 <= severity <= SEVERITY_MAX:
        raise ValueError(f"severity is {severity:g}: it lies in [0, {SEVERITY_MAX:g}]")
    return severity


def _in_clock_steps(latency_s: float, step_s: float) -> float:
    """Return the latency as the recorder's clock would have shown it; 0 stays."""
    return max(round(latency_s / step_s), 1) * step_s if latency_s else 0.0
