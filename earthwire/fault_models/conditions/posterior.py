"""Domain randomisation: in every episode the laws are one draw from what the recorded calls leave open.

A law that rests on few calls varies from episode to episode as much as it is uncertain; one that rests on many hardly
varies. Averaged over episodes the laws are those of the profile.

Latency: the probabilities between neighbouring quantiles are Dirichlet with the table's own ones as mean and as many
calls as it effectively rests on as concentration, a binned Bayesian bootstrap (Rubin 1981). Outcomes: Dirichlet, too.
Beyond the outermost quantiles nothing varies, so with fewer than 200 calls the spread of the p99 is too small.
"""

import copy
import hashlib
import math
from bisect import bisect_left
from collections.abc import Iterator

import msgspec

from earthwire.fault_models.laws.dependence import normal_quantile
from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
from earthwire.fault_models.laws.outcome import START, OutcomeLaw
from earthwire.fault_models.profile import Profile
from earthwire.fault_models.siblings.family import ToolModel
from earthwire.fault_models.uniforms import UniformStream

PRIOR_CALLS = 3.0
"""Calls that a law is taken to rest on before any was recorded: those that siblings speak for."""

_STEPS = tuple(b - a for a, b in zip((0.0, *LEVELS), (*LEVELS, 1.0), strict=True))
_ENCODER = msgspec.msgpack.Encoder()


class DrawnLaws:
    """The laws of one tool in one episode.

    Attributes:
        digest: 16 hex digits that identify them.
        outcomes: opens the outcomes of the episode.

    Args:
        model: the laws as they are in the profile.
        profile: that they belong to.
        seed: of the run.
        episode, tool: whose laws these are.
    """

    __slots__ = ("_effective_share", "_model", "_scope", "_tables", "digest", "outcomes")

    def __init__(self, model: ToolModel, profile: Profile, seed: int, episode: str, tool: str) -> None:
        self._model = model
        self._scope = (seed, episode, tool)
        self._effective_share = effective_share(profile, tool)
        self._tables: dict[str, LatencyTable | None] = {}
        law = _DrawnOutcomeLaw(model.outcomes.law, self._effective_share, self._scope)
        self.outcomes = copy.copy(model.outcomes)
        self.outcomes.law = law
        if (failing := model.outcomes.failing_law) is not None:
            self.outcomes.failing_law = _DrawnOutcomeLaw(
                failing, self._effective_share, self._scope, "failing outcome law"
            )
        ok = self.latency("ok")
        parts = (law.probabilities(), None if ok is None else ok.quantiles_s)
        self.digest = hashlib.blake2b(_ENCODER.encode(parts), digest_size=8).hexdigest()

    def latency(self, kind: str) -> LatencyTable | None:
        """Return the latency table of an outcome kind in this episode, None if there is none."""
        if kind not in self._tables:
            table = self._model.latency(kind)
            self._tables[kind] = None if table is None else self._drawn(table, kind)
        return self._tables[kind]

    def _drawn(self, table: LatencyTable, kind: str) -> LatencyTable:
        calls = PRIOR_CALLS + self._effective_share * table.count
        seed, episode, tool = self._scope
        uniforms = _uniforms(UniformStream(seed, "latency law", episode, tool, kind))
        shares = dirichlet([calls * step for step in _STEPS], uniforms)
        return msgspec.structs.replace(table, quantiles_s=_requantiled(table.quantiles_s, shares))


class _DrawnOutcomeLaw(OutcomeLaw):
    """An outcome law whose probabilities are one draw for each previous outcome."""

    __slots__ = ("_by_previous", "_effective_share", "_law", "_purpose", "_scope")

    def __init__(
        self,
        law: OutcomeLaw,
        effective_share: float,
        scope: tuple[int, str, str],
        purpose: str = "outcome law",
    ) -> None:
        super().__init__()
        self._purpose = purpose
        self._law = law
        self._effective_share = effective_share
        self._scope = scope
        self._by_previous: dict[str, dict[str, float]] = {}

    def probabilities(self, previous: str = START) -> dict[str, float]:
        """Return the probability of each outcome kind after `previous`; they sum to 1."""
        drawn = self._by_previous.get(previous)
        if drawn is None:
            drawn = self._by_previous[previous] = self._draw(previous)
        return drawn

    def marginal(self) -> dict[str, float]:
        """Return the probability of each outcome kind in the profile, whatever came before."""
        return self._law.marginal()

    def _draw(self, previous: str) -> dict[str, float]:
        mean = self._law.probabilities(previous)
        calls = PRIOR_CALLS + self._effective_share * sum(self._law.counts_after(previous).values())
        seed, episode, tool = self._scope
        uniforms = _uniforms(UniformStream(seed, self._purpose, episode, tool, previous))
        kinds = [kind for kind in sorted(mean) if mean[kind] > 0.0]
        if not kinds:  # Of a tool whose calls were all cancelled nothing is known.
            return {}
        return dict(zip(kinds, dirichlet([calls * mean[kind] for kind in kinds], uniforms), strict=True))


def effective_share(profile: Profile, tool: str) -> float:
    """Return how many independent calls one recorded call of a tool is worth, in (0, 1].

    Kish's design effect (1965) of sessions, with the variance of session levels as their correlation.
    """
    laws = profile.tools.get(tool)
    if laws is None or not laws.sessions or not laws.calls:
        return 1.0
    overall = profile.overall.session_levels
    levels = profile.donor_levels or (() if overall is None else overall.levels)
    if not levels:
        return 1.0
    mean = math.fsum(levels) / len(levels)
    correlation = min(math.fsum((level - mean) ** 2 for level in levels) / len(levels), 1.0)
    return 1.0 / (1.0 + max(laws.calls / laws.sessions - 1.0, 0.0) * correlation)


def dirichlet(shapes: list[float], uniforms: Iterator[float]) -> list[float]:
    """Return one draw of a Dirichlet distribution.

    Args:
        shapes: positive parameters.
        uniforms: as many numbers in (0, 1) as it takes.
    """
    draws = [_gamma(shape, uniforms) for shape in shapes]
    total = math.fsum(draws)
    if total <= 0.0:  # All shapes are so small that every draw underflows: one of them has all.
        largest = max(range(len(shapes)), key=shapes.__getitem__)
        return [float(i == largest) for i in range(len(shapes))]
    return [draw / total for draw in draws]


def _gamma(shape: float, uniforms: Iterator[float]) -> float:
    """Return one gamma draw of scale 1 (Marsaglia and Tsang 2000, section 6, for shapes below 1 section 8)."""
    if shape < 1.0:
        return _gamma(shape + 1.0, uniforms) * math.pow(next(uniforms), 1.0 / shape)
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal_quantile(next(uniforms))
        v = (1.0 + c * x) ** 3
        u = next(uniforms)
        if v > 0.0 and math.log(u) < 0.5 * x * x + d - d * v + d * math.log(v):
            return d * v


def _uniforms(stream: UniformStream) -> Iterator[float]:
    index = 0
    while True:
        yield from stream.at(index)
        index += 1


def _requantiled(quantiles_s: tuple[float, ...], shares: list[float]) -> tuple[float, ...]:
    """Return quantiles at `LEVELS` where the share of calls in each step between two of them is another one."""
    levels, total = [], 0.0
    for share in shares[:-1]:
        total += share
        levels.append(total)
    return tuple(_at(level, levels, quantiles_s) for level in LEVELS)


def _at(level: float, levels: list[float], quantiles_s: tuple[float, ...]) -> float:
    i = bisect_left(levels, level)
    if i == 0:
        return quantiles_s[0]
    if i == len(levels):
        return quantiles_s[-1]
    low, high = quantiles_s[i - 1], quantiles_s[i]
    step = levels[i] - levels[i - 1]
    share = (level - levels[i - 1]) / step if step > 0.0 else 1.0
    return min(max(low * math.exp(share * math.log(high / low)), low), high)
