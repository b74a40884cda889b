"""The draw: from a profile, a seed and the identity of a call to its plan.

A plan is a pure function of (profile, seed, episode, tool, call index of the tool in the episode). Nothing else goes
in: not the time, not the calls of other tools, not the order in which concurrent calls arrive. What a tool remembers
(its previous outcome, its slow level) advances with its own call index.
"""

from earthwire.fault_models.call import Call, Drawn
from earthwire.fault_models.delivery import deliver
from earthwire.fault_models.dependence import Dependence, normal_probability, normal_quantile
from earthwire.fault_models.latency import LatencyTable
from earthwire.fault_models.matching import ToolMatcher
from earthwire.fault_models.outcome import START, OutcomeLaw
from earthwire.fault_models.plan import Plan
from earthwire.fault_models.profile import ErrorResponse, Profile, ToolLaws, profile_hash
from earthwire.fault_models.uniforms import Purpose, UniformStream

STREAMS_MAX = 200_000
"""Bound on the (episode, tool) pairs that one simulation remembers."""


class TooManyStreamsError(RuntimeError):
    """More (episode, tool) pairs than `STREAMS_MAX` are alive."""


class ToolModel:
    """The laws of one tool, resolved for drawing: what to look up where, with its support.

    Args:
        laws: laws that speak for the tool, coarsest first.
    """

    __slots__ = ("_tables", "laws", "outcome", "resolution_s")

    def __init__(self, laws: list[ToolLaws]) -> None:
        self.laws = laws
        self.outcome = OutcomeLaw(*(law.outcomes for law in laws))
        self.resolution_s = laws[-1].resolution_s
        self._tables: dict[str, LatencyTable | None] = {}

    def latency(self, kind: str) -> LatencyTable | None:
        """Return the latency table of an outcome kind, from the finest laws that have one; None if none has."""
        if kind not in self._tables:
            self._tables[kind] = self._find_latency(kind)
        return self._tables[kind]

    def response(self, kind: str, u: float) -> ErrorResponse | None:
        """Return a recorded response of `kind`, chosen by `u` in proportion to its count; None if there is none."""
        for laws in reversed(self.laws):
            responses = laws.responses.get(kind)
            if responses:
                return _pick(responses, u)
        return None

    def _find_latency(self, kind: str) -> LatencyTable | None:
        for wanted in (kind, "ok", "unknown"):
            for laws in reversed(self.laws):
                if wanted in laws.latency:
                    return laws.latency[wanted]
        return None


class _Stream:
    """What one (episode, tool) remembers from call to call."""

    __slots__ = ("index", "level", "model", "offset", "previous", "uniforms")

    def __init__(self, model: ToolModel, uniforms: UniformStream, offset: float) -> None:
        self.model = model
        self.uniforms = uniforms
        self.offset = offset
        self.index = 0
        self.level = 0.0
        self.previous = START


class Simulation:
    """Draws plans for calls.

    Args:
        profile: the laws.
        seed: of the run; the same seed and the same calls give the same plans.
        server: host of the recorded tools that requests stand for, where the profile knows several.
    """

    def __init__(self, profile: Profile, seed: int, server: str | None = None) -> None:
        self.profile = profile
        self.seed = seed
        self.profile_hash = profile_hash(profile)
        most_used_first = sorted(profile.tools, key=lambda name: -profile.tools[name].calls)
        self._matcher = ToolMatcher(most_used_first, server)
        self._models: dict[str, ToolModel] = {}
        self._streams: dict[tuple[str, str], _Stream] = {}
        self._bind(profile.dependence)

    def draw(self, call: Call) -> Drawn:
        """Return the plan of the next call of this tool in this episode.

        Raises:
            TooManyStreamsError: if the (episode, tool) pair is new and `STREAMS_MAX` are alive.
        """
        key = (call.episode, call.tool)
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = self._open(call.episode, call.tool)
        index = stream.index
        stream.index = index + 1
        u = stream.uniforms.at(index)
        model = stream.model
        kind = stream.previous = model.outcome.draw(u[Purpose.OUTCOME], stream.previous)
        table = model.latency(kind)
        latency_s = 0.0 if table is None else self._latency_s(stream, table, u)
        response = model.response(kind, u[Purpose.PAYLOAD])
        steps = deliver(kind, latency_s, latency_s, response, u[Purpose.DAMAGE])
        support = "assumed" if table is None else table.support
        return Drawn(index, Plan(kind, latency_s, latency_s, steps, support))

    def tool_of(self, method: str, path: str) -> str:
        """Return the tool key of an HTTP request; `path` has no query."""
        return self._matcher.tool(method, path)

    def forget(self, episode: str) -> None:
        """Drop what an episode's tools remember; its next calls start at index 0 again."""
        for key in [key for key in self._streams if key[0] == episode]:
            del self._streams[key]

    def model(self, tool: str) -> ToolModel:
        """Return the laws of a tool, resolved for drawing."""
        model = self._models.get(tool)
        if model is None:
            model = self._models[tool] = ToolModel(self.profile.chain(tool))
        return model

    def _latency_s(self, stream: _Stream, table: LatencyTable, u: tuple[float, ...]) -> float:
        innovation = normal_quantile(u[Purpose.LEVEL])
        if stream.index == 1:
            stream.level = innovation
        else:
            stream.level = self._memory * stream.level + self._innovation * innovation
        score = (
            stream.offset
            + self._level_weight * stream.level
            + self._noise_weight * normal_quantile(u[Purpose.LATENCY])
        )
        latency_s = table.quantile_s(normal_probability(score))
        step_s = stream.model.resolution_s
        return max(round(latency_s / step_s), 1) * step_s if step_s else latency_s

    def _open(self, episode: str, tool: str) -> _Stream:
        if len(self._streams) >= STREAMS_MAX:
            raise TooManyStreamsError(
                f"{STREAMS_MAX} (episode, tool) pairs are alive; end episodes that are over"
            )
        of_episode = UniformStream(self.seed, "episode", episode).at(0)
        of_tool = UniformStream(self.seed, "tool", episode, tool).at(0)
        offset = self._session_weight * normal_quantile(of_episode[Purpose.LEVEL])
        offset += self._tool_weight * normal_quantile(of_tool[Purpose.LEVEL])
        return _Stream(self.model(tool), UniformStream(self.seed, "call", episode, tool), offset)

    def _bind(self, dependence: Dependence) -> None:
        weights = dependence.weights()
        self._session_weight, self._tool_weight, self._level_weight, self._noise_weight = weights
        self._memory = dependence.level_memory
        self._innovation = (1.0 - dependence.level_memory**2) ** 0.5


def _pick(responses: tuple[ErrorResponse, ...], u: float) -> ErrorResponse:
    left = u * sum(response.count for response in responses)
    for response in responses:
        left -= response.count
        if left < 0:
            return response
    return responses[-1]
