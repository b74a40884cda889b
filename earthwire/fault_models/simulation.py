"""The draw: from a profile, a seed and the identity of a call to its plan.

A plan is a pure function of (profile, seed, episode, tool, call index of the tool in the episode). Nothing else goes
in: not the time, not the calls of other tools, not the order in which concurrent calls arrive. What a tool remembers
(its previous outcome, its slow level) advances with its own call index.
"""

from earthwire.fault_models.call import Call, Drawn
from earthwire.fault_models.delivery import deliver
from earthwire.fault_models.dependence import normal_quantile
from earthwire.fault_models.family import Family, ToolModel
from earthwire.fault_models.latency import LatencyTable
from earthwire.fault_models.matching import ToolMatcher
from earthwire.fault_models.outcome import START
from earthwire.fault_models.plan import Plan
from earthwire.fault_models.profile import Profile, profile_hash
from earthwire.fault_models.uniforms import Purpose, UniformStream

STREAMS_MAX = 200_000
"""Bound on the (episode, tool) pairs that one simulation remembers."""


class TooManyStreamsError(RuntimeError):
    """More (episode, tool) pairs than `STREAMS_MAX` are alive."""


class _Stream:
    """What one (episode, tool) remembers from call to call."""

    __slots__ = ("index", "level", "model", "offset", "previous", "spread", "uniforms")

    def __init__(self, model: ToolModel, uniforms: UniformStream, offset: float, spread: float) -> None:
        self.model = model
        self.uniforms = uniforms
        self.offset = offset
        self.spread = spread
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
        self._family = Family(profile)
        self._models: dict[str, ToolModel] = {}
        self._streams: dict[tuple[str, str], _Stream] = {}
        self._tool_weight, self._level_weight, self._noise_weight = profile.dependence.weights()
        self._memory = profile.dependence.level_memory
        self._innovation = (1.0 - self._memory**2) ** 0.5

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
            model = self._models[tool] = self._family.model(tool)
        return model

    def _latency_s(self, stream: _Stream, table: LatencyTable, u: tuple[float, ...]) -> float:
        innovation = normal_quantile(u[Purpose.LEVEL])
        if stream.index == 1:
            stream.level = innovation
        else:
            stream.level = self._memory * stream.level + self._innovation * innovation
        noise = normal_quantile(u[Purpose.LATENCY])
        score = stream.offset + stream.spread * (
            self._level_weight * stream.level + self._noise_weight * noise
        )
        latency_s = table.quantile_s(stream.model.rank_law.rank(score))
        step_s = stream.model.resolution_s
        return max(round(latency_s / step_s), 1) * step_s if step_s else latency_s

    def _open(self, episode: str, tool: str) -> _Stream:
        if len(self._streams) >= STREAMS_MAX:
            raise TooManyStreamsError(
                f"{STREAMS_MAX} (episode, tool) pairs are alive; end episodes that are over"
            )
        model = self.model(tool)
        of_episode = UniformStream(self.seed, "episode", episode).at(0)
        of_tool = UniformStream(self.seed, "tool", episode, tool).at(0)
        level, spread = model.session_levels.at(of_episode[Purpose.LEVEL])
        offset = level + spread * self._tool_weight * normal_quantile(of_tool[Purpose.LEVEL])
        return _Stream(model, UniformStream(self.seed, "call", episode, tool), offset, spread)
