"""Episodes that were declared: each with a seed, laws, a clock and a patience of its own, and an account of its calls.

An episode needs no declaration: any id in a path, a header or baggage is one, under the recipe's own settings. One
that is declared may differ in all of them, and can be asked what became of its calls.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from earthwire.fault_models.channels import Channels
from earthwire.fault_models.conditions.virtual_time import EpisodeClock, Patience, given_up
from earthwire.fault_models.grounded import GroundedSimulation
from earthwire.fault_models.plan import Plan
from earthwire.fault_models.reward.ledger import Budget, Ledger
from earthwire.fault_models.simulation import Simulation
from earthwire.proxy.calls.planner import Planner
from earthwire.proxy.calls.routes import DEFAULT_EPISODE, Route
from earthwire.proxy.episodes.episode_account import EpisodeAccount
from earthwire.proxy.exchanges.channel_source import ChannelSource
from earthwire.proxy.exchanges.rewriter import Rewriter
from earthwire.proxy.limits import Limits
from earthwire.proxy.timing.clock import Clock
from earthwire.proxy.timing.simulated_clocks import VIRTUAL_CLOCK, ScaledClock
from earthwire.proxy.wire.exchange import Source
from earthwire.proxy.wire.request import Request

if TYPE_CHECKING:
    from earthwire.proxy.workers import DeclaredIds


class TooManyEpisodesError(RuntimeError):
    """As many episodes are declared as are kept at once."""


class EpisodeExistsError(ValueError):
    """An episode of that id is declared already."""


class ClockRunsError(ValueError):
    """Time was to be let pass on a clock on which it passes by itself."""


class EpisodeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What an episode may have of its own; None stands for what the recipe says.

    Attributes:
        draws_as: name that its plans are drawn under: equal seeds and equal names give equal plans.
        seed, severity, randomize: of its draws.
        clock: how its time passes.
        speed: with a scaled clock, simulated seconds in a real one; positive.
        patience: of its client; used where time is virtual.
        budget: what it may spend.
        laws: that its plans are drawn from.
        open_ledger: makes its ledger, where its prices are its own.
        channels: makes its own channels before one server, of the server's name and a seed. They ask no endpoint.
    """

    draws_as: str = DEFAULT_EPISODE
    seed: int | None = None
    severity: float | None = None
    randomize: bool | None = None
    clock: EpisodeClock = "real"
    speed: float = 1.0
    patience: Patience = Patience()
    budget: Budget | None = None
    laws: Simulation | None = None
    open_ledger: Callable[[], Ledger] | None = None
    channels: Callable[[str, int], Channels] | None = None


class EpisodeRun:
    """One declared episode while it runs.

    Attributes:
        episode: its id.
        settings: what it has of its own.
        is_simulated: its time is not ours.
        account: of its calls.
        ledger: of its costs, once it had a call, where the recipe has prices or a budget.
        started_unix_s: when it was declared, seconds since 1970.
        waited_s: virtual time that its client let pass between calls.

    Args:
        episode: its id.
        settings: what it has of its own.
        started_unix_s: when it was declared.
        limits: bounds.
    """

    __slots__ = (
        "_limits",
        "_opened_s",
        "_pending_wait_s",
        "_planners",
        "_routes",
        "_virtual_s",
        "account",
        "episode",
        "is_simulated",
        "ledger",
        "settings",
        "started_unix_s",
        "waited_s",
    )

    def __init__(
        self, episode: str, settings: EpisodeSettings, started_unix_s: float, limits: Limits
    ) -> None:
        self.episode = episode
        self.settings = settings
        self.is_simulated = settings.clock != "real"
        self.account = EpisodeAccount()
        self.ledger: Ledger | None = None
        self.started_unix_s = started_unix_s
        self._routes: dict[str, tuple[Route, Route]] = {}
        self._planners: dict[Planner, Planner] = {}
        self._virtual_s = 0.0
        self._opened_s = 0.0
        self._pending_wait_s = 0.0
        self.waited_s = 0.0
        self._limits = limits

    def route(self, route: Route) -> Route:
        """Return a route whose plans are drawn, and whose channels are, as this episode's."""
        found = self._routes.get(route.name)
        # A proxy that reads its recipe anew has new routes of the same names.
        if found is None or found[0] is not route:
            own = msgspec.structs.replace(
                route, planner=self._own_planner(route.planner), source=self._own_source(route)
            )
            found = self._routes[route.name] = (route, own)
        return found[1]

    def clock(self, real: Clock, arrival_s: float) -> Clock:
        """Return the clock that one call's deadlines count on."""
        match self.settings.clock:
            case "virtual":
                return VIRTUAL_CLOCK
            case "scaled":
                return ScaledClock(real, arrival_s, self.settings.speed)
            case _:
                return real

    def wall_s(self, duration_s: float) -> float:
        """Return how long a call really took that lasted `duration_s` on this episode's clock; 0 if that is virtual."""
        match self.settings.clock:
            case "virtual":
                return 0.0
            case "scaled":
                return duration_s / self.settings.speed
            case _:
                return duration_s

    def at_s(self, since_first_s: float) -> float:
        """Return the time of a call in this episode, on the episode's clock.

        Args:
            since_first_s: real time since the episode's first call.
        """
        match self.settings.clock:
            case "virtual":
                return self._virtual_s
            case "scaled":
                return since_first_s * self.settings.speed
            case _:
                return since_first_s

    def advance(self, plan: Plan) -> float:
        """Let virtual time pass by what a call takes, which opens now; return what its client waited before it."""
        if self.settings.clock != "virtual":
            return 0.0
        return self.advance_by(self.performed(plan).last_byte_s)

    def advance_by(self, duration_s: float) -> float:
        """Do what `advance` does where time is virtual, for a call that takes so many seconds."""
        waited_s, self._pending_wait_s = self._pending_wait_s, 0.0
        self._opened_s = self._virtual_s
        self._virtual_s += duration_s
        return waited_s

    def wait(self, duration_s: float) -> None:
        """Let virtual time pass in which the client makes no call.

        Raises:
            ClockRunsError: if the episode's clock is another: its time passes by itself.
        """
        if self.settings.clock != "virtual":
            raise ClockRunsError(f"the clock of episode {self.episode!r} is {self.settings.clock}")
        self._virtual_s += duration_s
        self._pending_wait_s += duration_s
        self.waited_s += duration_s

    def performed(self, plan: Plan) -> Plan:
        """Return what is performed of a plan: in virtual time the client's patience ends without anybody waiting."""
        if self.settings.clock != "virtual":
            return plan
        patience = self.settings.patience
        limit_s = patience.limit_s(plan)
        return plan if limit_s is None else given_up(plan, limit_s, patience.shape)

    def _time_of(self, request: Request) -> float:
        """Return when a request came, on this episode's clock; it is of the call that was opened last."""
        match self.settings.clock:
            case "virtual":
                return self._opened_s
            case "scaled":
                return request.arrival_s * self.settings.speed
            case _:
                return request.arrival_s

    def _own_source(self, route: Route) -> Source:
        """Return the source of a route, with the channels that this episode has before it."""
        settings, source = self.settings, route.source
        channels = None
        if settings.channels is not None:
            seed = route.planner.seed if settings.seed is None else settings.seed
            channels = settings.channels(route.name, seed)
            if not isinstance(source, ChannelSource):
                source = ChannelSource(source, channels, self._limits, Rewriter(_never_warn))
        if not isinstance(source, ChannelSource):
            return source
        return source.for_episode(self._time_of, channels, settings.draws_as)

    def _own_planner(self, planner: Planner) -> Planner:
        """Return the planner of this episode: one for all routes that share one, so that call indexes go on."""
        own = self._planners.get(planner)
        if own is None:
            own = self._planners[planner] = self._varied(planner)
        return own

    def _varied(self, planner: Planner) -> Planner:
        settings, laws = self.settings, self.settings.laws
        if laws is None:
            if not isinstance(planner, Simulation | GroundedSimulation):
                return planner
            return planner.variant(settings.seed, settings.severity, settings.randomize)
        # The laws are shared by all episodes of their profile: the seed is the proxy's where the episode names none.
        seed = planner.seed if settings.seed is None else settings.seed
        own = laws.variant(seed, settings.severity, settings.randomize)
        return planner.under(own) if isinstance(planner, GroundedSimulation) else own


class Episodes:
    """All declared episodes of one proxy.

    Args:
        limits: bound on them, and on what passes.
        forget: called with the id of each episode that begins or ends: calls under that id start at 0 again.
    """

    def __init__(self, limits: Limits, forget: Callable[[str], None]) -> None:
        self._limits = limits
        self._forget = forget
        self._ids: DeclaredIds | None = None
        self._runs: dict[str, EpisodeRun] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[EpisodeRun]:
        return iter(self._runs.values())

    def get(self, episode: str) -> EpisodeRun | None:
        """Return an episode; None if no such episode is declared."""
        return self._runs.get(episode)

    def outlive(self, ids: "DeclaredIds") -> None:
        """Keep the ids of those that somebody declares where the next process finds them."""
        self._ids = ids

    def is_lost(self, episode: str) -> bool:
        """Tell whether an episode was declared at a process that crashed, and has not been since."""
        return self._ids is not None and episode not in self._runs and self._ids.is_lost(episode)

    def declare(
        self, episode: str, settings: EpisodeSettings, now_unix_s: float, *, is_implied: bool = False
    ) -> EpisodeRun:
        """Begin an episode.

        Args:
            episode: its id.
            settings: what it has of its own.
            now_unix_s: seconds since 1970.
            is_implied: nobody declared it; the recipe alone says what it is.

        Raises:
            EpisodeExistsError: if one of that id is declared.
            TooManyEpisodesError: if as many as are kept at once are.
        """
        if episode in self._runs:
            raise EpisodeExistsError(
                f"episode {episode!r} is declared already; end it first, or choose another id"
            )
        count_max = self._limits.declared_episodes_max
        if len(self._runs) >= count_max:
            raise TooManyEpisodesError(
                f"{count_max} episodes are declared, which is the most at once; end those that are over"
            )
        if self._ids is not None and not is_implied:
            self._ids.add(episode)
        run = self._runs[episode] = EpisodeRun(episode, settings, now_unix_s, self._limits)
        self._forget(episode)
        return run

    def end(self, episode: str) -> EpisodeRun | None:
        """End an episode and return it as it was; None if no such episode is declared."""
        if self._ids is not None:
            self._ids.discard(episode)
        run = self._runs.pop(episode, None)
        if run is not None:
            self._forget(episode)
        return run


def _never_warn(text: str) -> None:
    raise AssertionError(f"an episode's own channels ask no endpoint: {text}")
