"""The outcomes of one tool in one episode, call by call: rate limit first, then regime, then kind."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from earthwire.fault_models.grouping import upstream
from earthwire.fault_models.laws.failing_sessions import FailingEpisodes
from earthwire.fault_models.laws.outcome import START, OutcomeCounts, OutcomeLaw
from earthwire.fault_models.laws.rate_limit import REFUSED, Meter, RateLimit, open_meter, without_refusals
from earthwire.fault_models.laws.regime import (
    TICK_S,
    AgeHazards,
    RegimeLaw,
    RegimePath,
    RunHistory,
    UpstreamRegime,
    upstream_path,
)
from earthwire.fault_models.uniforms import Purpose, UniformStream
from earthwire.traces.labels.outcome_kind import is_client_error, is_fault

SCHEMA_DRIFT: Final = "semantic_error:schema_drift"

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RegimeClock = Literal["calls", "time"]
"""What regimes and windows advance by: each tool's own calls, or seconds since the episode's start."""


class OutcomePath:
    """Remembers what came before and draws what comes next. This one has neither limit nor regime.

    Args:
        law: of the tool's outcomes.
    """

    __slots__ = ("_law", "_previous")

    wait_s: int | None = None
    """``Retry-After`` of the last call in seconds, None if it was not refused by a limit."""

    def __init__(self, law: OutcomeLaw) -> None:
        self._law = law
        self._previous = START

    def next(self, index: int, u: float, at_s: float | None = None) -> str:
        """Return the outcome kind of a call.

        Args:
            index: of the call, from 0, rising by 1.
            u: uniform in (0, 1) of the call.
            at_s: seconds since the episode's start; None where the caller has no clock.
        """
        kind = self._previous = self._law.draw(u, self._previous)
        return kind

    def next_many(self, us: "npt.NDArray[np.float64]") -> list[str]:
        """Return the outcome kinds of many calls in turn; only where there is neither limit nor regime.

        Args:
            us: uniforms of the calls, shape (n_calls,), not empty.
        """
        # Here, since few users of this module have so many at once.
        from earthwire.fault_models.laws.outcome_chain import draw_chain

        kinds = draw_chain(self._law, us, self._previous)
        self._previous = kinds[-1]
        return kinds


class HistoryPath(OutcomePath):
    """Fails when a resampled history of recorded runs says so.

    Args:
        law: tells one fault from another.
        path: the resampled history.
    """

    __slots__ = ("_path",)

    def __init__(self, law: OutcomeLaw, path: RegimePath) -> None:
        super().__init__(law)
        self._path = path

    def next(self, index: int, u: float, at_s: float | None = None) -> str:
        """Return the outcome kind of a call."""
        fault_probability = 1.0 if self._path.is_bad(index) else 0.0
        kind = self._previous = self._law.draw_given(u, self._previous, fault_probability)
        return kind


class AgedPath(OutcomePath):
    """Leaves a regime with a probability that depends on how long it has lasted.

    Args:
        law: tells one fault from another, and the probability without ages.
        hazards: counts by age.
    """

    __slots__ = ("_age", "_hazards")

    def __init__(self, law: OutcomeLaw, hazards: AgeHazards) -> None:
        super().__init__(law)
        self._hazards = hazards
        self._age = 0

    def next(self, index: int, u: float, at_s: float | None = None) -> str:
        """Return the outcome kind of a call."""
        previous = self._previous
        kind = self._law.draw_given(u, previous, self._fault_probability(previous))
        stays = previous != START and is_fault(previous) == is_fault(kind)
        self._age = self._age + 1 if stays else 1
        self._previous = kind
        return kind

    def _fault_probability(self, previous: str) -> float:
        without_age = self._law.fault_probability(previous)
        counts = self._hazards.after.get(previous)
        if counts is None:
            return without_age
        if is_fault(previous):
            return 1.0 - counts.probability(self._age, 1.0 - without_age)
        return counts.probability(self._age, without_age)


class TimedPath(OutcomePath):
    """Fails more often while its upstream is bad, on the wall clock.

    Args:
        law: tells one fault from another, and the probability of a fault whatever the regime.
        regime: of the upstream.
        path: its resampled history, which all its tools share.
    """

    __slots__ = ("_path", "_regime")

    def __init__(self, law: OutcomeLaw, regime: UpstreamRegime, path: RegimePath) -> None:
        super().__init__(law)
        self._regime = regime
        self._path = path

    def next(self, index: int, u: float, at_s: float | None = None) -> str:
        """Return the outcome kind of a call; without a clock it is at the episode's start."""
        bad = self._path.is_bad(int((at_s or 0.0) / TICK_S))
        whatever = self._law.fault_probability(self._previous)
        fault_probability = self._regime.fault_probability(bad, whatever)
        kind = self._previous = self._law.draw_given(u, self._previous, fault_probability)
        return kind


class LimitedPath(OutcomePath):
    """Refuses what is beyond a quota; what passes ends as another path draws it.

    Args:
        passing: draws the calls that pass; it counts only those.
        meter: counts calls against the quota.
    """

    __slots__ = ("_meter", "_passed", "_passing", "wait_s")

    def __init__(self, passing: OutcomePath, meter: Meter) -> None:
        self._passing = passing
        self._meter = meter
        self._passed = 0
        self.wait_s = None

    def next(self, index: int, u: float, at_s: float | None = None) -> str:
        """Return the outcome kind of a call."""
        self.wait_s = self._meter.wait_s(index, at_s)
        if self.wait_s is not None:
            return REFUSED
        self._passed += 1
        return self._passing.next(self._passed - 1, u, at_s)


class FaultRules(msgspec.Struct, frozen=True):
    """What a run makes of the faults that its profile holds.

    Attributes:
        pass_client_errors: never draw an error that is the caller's own mistake (`is_client_error`): the call is
            relayed, and whoever answers it judges the request.
        episode_drift: a schema that has drifted stays so: in some episodes all good answers of a tool have the same
            drift, in the others none has. The share of drifted calls is the same over many episodes.
    """

    pass_client_errors: bool = False
    episode_drift: bool = False


AS_RECORDED: Final = FaultRules()


class DriftingEpisode(OutcomePath):
    """Answers with a drifted schema for a whole episode, or never.

    Args:
        own: the recorded path.
        has_drifted: which of the two.
    """

    __slots__ = ("_good", "_own", "wait_s")

    def __init__(self, own: OutcomePath, has_drifted: bool) -> None:
        self._own = own
        self._good = SCHEMA_DRIFT if has_drifted else "ok"
        self.wait_s = None

    def next(self, index: int, u: float, at_s: float | None = None) -> str:
        """Return the outcome kind of a call."""
        kind = self._own.next(index, u, at_s)
        self.wait_s = self._own.wait_s
        return self._good if kind in (SCHEMA_DRIFT, "ok") else kind


class ClientErrorsPassed(OutcomePath):
    """Leaves the caller's own mistakes to whoever is asked: what would have been one is relayed as ``ok``.

    Underneath, the recorded path goes on as it would without.

    Args:
        own: the recorded path.
    """

    __slots__ = ("_own", "wait_s")

    def __init__(self, own: OutcomePath) -> None:
        self._own = own
        self.wait_s = None

    def next(self, index: int, u: float, at_s: float | None = None) -> str:
        """Return the outcome kind of a call."""
        kind = self._own.next(index, u, at_s)
        self.wait_s = self._own.wait_s
        return "ok" if is_client_error(kind) else kind


class OutcomeModel:
    """The laws of one tool's outcomes, resolved: opens the path of each episode.

    Args:
        tool: key of the tool.
        levels: outcome counts from the coarsest level to the tool's own.
        regime: when it fails; None leaves that to the counts.
        limit: its rate limit; None for none.
        upstream_regime: of its upstream, for episodes on the wall clock; None if there is none.
        rules: what is made of its faults.
        failing: which episodes fail as a whole, and outcome counts of such sessions, which `levels` are without; None
            where no episode does.

    Attributes:
        law: of episodes that do not fail as a whole.
        failing_law: of those that do; None where none does.
    """

    __slots__ = (
        "_failing_episodes",
        "_limit",
        "_regime",
        "_rules",
        "_tool",
        "_upstream_regime",
        "failing_law",
        "law",
    )

    def __init__(
        self,
        tool: str,
        levels: Sequence[OutcomeCounts],
        regime: RegimeLaw | None = None,
        limit: RateLimit | None = None,
        upstream_regime: UpstreamRegime | None = None,
        rules: FaultRules = AS_RECORDED,
        failing: tuple[FailingEpisodes, Sequence[OutcomeCounts]] | None = None,
    ) -> None:
        self._tool = tool
        self._rules = rules
        self._regime = regime
        self._limit = limit
        self._upstream_regime = upstream_regime
        self.law = OutcomeLaw(*(levels if limit is None else map(without_refusals, levels)))
        self._failing_episodes: FailingEpisodes | None = None
        self.failing_law: OutcomeLaw | None = None
        if failing is not None:
            self._failing_episodes, failing_levels = failing
            self.failing_law = OutcomeLaw(*failing_levels)

    def open(self, seed: int, episode: str, clock: RegimeClock = "calls") -> OutcomePath:
        """Return the outcomes of an episode, from its first call on."""
        path = self._unlimited(seed, episode, clock)
        if self._limit is not None:
            path = LimitedPath(path, open_meter(self._limit, has_clock=clock == "time"))
        if self._rules.pass_client_errors:
            path = ClientErrorsPassed(path)
        if self._rules.episode_drift and (share := self._drifted_share()):
            drawn = UniformStream(seed, "schema drift", episode, self._tool).at(0)[Purpose.OUTCOME]
            path = DriftingEpisode(path, drawn < share)
        return path

    def fault_share(self) -> float:
        """Return the share of calls that end as a fault, whatever came before and but for a rate limit."""
        return math.fsum(p for kind, p in self._marginal().items() if self._is_drawn_fault(kind))

    def _marginal(self) -> dict[str, float]:
        """Return the probability of each outcome kind over all episodes, those that fail as a whole among them."""
        usual = self.law.marginal()
        if self._failing_episodes is None or self.failing_law is None:
            return usual
        share, failing = self._failing_episodes.share, self.failing_law.marginal()
        return {
            kind: (1.0 - share) * usual.get(kind, 0.0) + share * failing.get(kind, 0.0)
            for kind in sorted(usual.keys() | failing.keys())
        }

    def _is_drawn_fault(self, kind: str) -> bool:
        return is_fault(kind) and not (self._rules.pass_client_errors and is_client_error(kind))

    def _drifted_share(self) -> float:
        """Return the share of drifted answers among the good ones."""
        shares = self._marginal()
        drifted = shares.get(SCHEMA_DRIFT, 0.0)
        return drifted / (drifted + shares.get("ok", 0.0)) if drifted else 0.0

    def _unlimited(self, seed: int, episode: str, clock: RegimeClock) -> OutcomePath:
        episodes, failing_law = self._failing_episodes, self.failing_law
        if episodes is not None and failing_law is not None and episodes.fails(seed, episode):
            return OutcomePath(failing_law)
        if clock == "time" and self._upstream_regime is not None:
            group = upstream(self._tool)
            shared = upstream_path(self._upstream_regime.history, seed, episode, group)
            return TimedPath(self.law, self._upstream_regime, shared)
        match self._regime:
            case RunHistory():
                stream = UniformStream(seed, "regime", episode, self._tool)
                return HistoryPath(self.law, RegimePath(self._regime, stream))
            case AgeHazards():
                return AgedPath(self.law, self._regime)
            case _:
                return OutcomePath(self.law)
