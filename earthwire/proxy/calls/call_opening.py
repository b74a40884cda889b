"""From a request to the call that it is: where it leads, whose call it is, and what is planned for it."""

import time
from collections.abc import Callable
from functools import lru_cache

import msgspec

from earthwire.fault_models.call import Call
from earthwire.fault_models.grounded import GroundedSimulation
from earthwire.proxy.calls.call_context import CallContext
from earthwire.proxy.calls.planner import Planner
from earthwire.proxy.calls.routes import DEFAULT_EPISODE, Destination, Routes
from earthwire.proxy.calls.simulated_call import KnownCall
from earthwire.proxy.calls.spending import Spending
from earthwire.proxy.calls.unknown_tools import UnknownTools
from earthwire.proxy.episodes.episode_progress import EpisodeProgress
from earthwire.proxy.episodes.episodes import EpisodeRun, Episodes, EpisodeSettings, TooManyEpisodesError
from earthwire.proxy.limits import Limits
from earthwire.proxy.mcp.call import McpCall
from earthwire.proxy.mcp.receive import receive
from earthwire.proxy.mcp.server import McpServer
from earthwire.proxy.timing.clock import RealClock
from earthwire.proxy.wire.refusal import RequestRefusedError
from earthwire.proxy.wire.request import Request
from earthwire.proxy.workers import MisplacedRequestError, Placement

_TARGETS_REMEMBERED = 4096


class CallOpening:
    """Opens the calls of one proxy.

    Attributes:
        lead: returns where a method and a target lead, and the tool that they call; raises `RequestRefusedError` if no
            upstream is served there.
        known_calls: requests that were answered at once before, by their bytes.
        episodes: those that were declared.
        inflight_count: calls under way.
        placement: which episodes this process serves; None for all.
        unknown_tools: those that were called and that the profile does not have.
        own_budgets: what episodes with a budget of their own spend, where the recipe has neither prices nor budget.

    Args:
        routes: where targets lead.
        planner: names the tools, and draws where a route has no planner of its own.
        unknown_tools: is told of the tools that are called.
        clock: what deadlines count on.
        limits: bounds.
        placement: which episodes this process serves; None for all.
        spending: what episodes spend, and the refusal of calls beyond a budget; None for neither.
        implied_episodes: what episodes are that nobody declared; None if they have nothing of their own.
    """

    def __init__(
        self,
        routes: Routes,
        planner: Planner,
        unknown_tools: UnknownTools,
        clock: RealClock,
        limits: Limits,
        placement: Placement | None = None,
        spending: Spending | None = None,
        implied_episodes: EpisodeSettings | None = None,
    ) -> None:
        self._clock = clock
        self._limits = limits
        self._spending = spending
        self.own_budgets = Spending.without_prices()
        self._known: dict[str, EpisodeProgress] = {}
        self.placement = placement
        self.episodes = Episodes(limits, self.forget)
        self.inflight_count = 0
        self.serve_from(routes, planner, unknown_tools, implied_episodes)

    def serve_from(
        self,
        routes: Routes,
        planner: Planner,
        unknown_tools: UnknownTools,
        implied_episodes: EpisodeSettings | None,
    ) -> None:
        """Let targets lead elsewhere from the next call on; calls under way end as they began.

        What implied episodes are counts for those that begin from now on.
        """
        self._implied_episodes = implied_episodes
        self._routes = routes
        self.unknown_tools = unknown_tools
        # Anew, since they lead where targets led until now.
        self.known_calls: dict[bytes, KnownCall] = {}
        self._observer = planner if isinstance(planner, GroundedSimulation) else None
        self._planner = planner
        self._tool_of = lru_cache(_TARGETS_REMEMBERED)(planner.tool_of)
        # Agents call few targets many times.
        self.lead: Callable[[str, str], tuple[Destination, str]] = lru_cache(_TARGETS_REMEMBERED)(self._lead)

    def forget(self, episode: str) -> None:
        """Start an episode anew: its calls and recordings count from 0 again."""
        self._drop(episode)
        self._routes.forget(episode)
        (self._spending or self.own_budgets).forget(episode)

    def progress(self, episode: str) -> EpisodeProgress:
        """Return how far an episode has come that has had a call."""
        return self._known[episode]

    def plain_call(self, request: Request, destination: Destination, tool: str) -> CallContext:
        """Open the call of a tool that the request line names.

        Raises:
            RequestRefusedError: if its episode cannot be served.
        """
        episode = destination.episode
        if episode is None:
            named = request.headers.episode
            episode = DEFAULT_EPISODE if named is None else self._routes.check_episode(named)
        return self._open(request, destination, tool, episode)

    async def mcp_call(self, request: Request, destination: Destination, server: McpServer) -> CallContext:
        """Read a request to an MCP server, which alone tells its tool, and perhaps its episode; open its call.

        Raises:
            RequestRefusedError: if it cannot be read, or its episode cannot be served.
        """
        received = await receive(request, server, self._limits)
        episode = destination.episode or received.episode
        episode = DEFAULT_EPISODE if episode is None else self._routes.check_episode(episode)
        if self.placement is not None and not self.placement.owns(episode):
            raise MisplacedRequestError(self.placement.port_of(episode))
        call = McpCall(server, received, self._observer)
        if call.is_drawn:
            self.unknown_tools.meet(call.tool)
        return self._open(received.request, destination, call.tool, episode, call)

    def _open(
        self,
        request: Request,
        destination: Destination,
        tool: str,
        episode: str,
        mcp: McpCall | None = None,
    ) -> CallContext:
        route, draws_as = destination.route, episode
        run, seq, at_s = self._place(episode, request.arrival_s)
        if run is None and mcp is None and self._spending is None:
            # Most calls: no clock but the real one, and nothing to pay.
            target = destination.target
            drawn = route.planner.draw(Call(episode, tool, request.line.method, target, at_s))
            count, lag_s = self.inflight_count, self._clock.lag_s
            return CallContext(request, episode, tool, target, route, seq, count, drawn, lag_s)
        if run is not None:
            route, draws_as, at_s = run.route(route), run.settings.draws_as, run.at_s(at_s)
        spending = self._spending
        if spending is None and run is not None and run.ledger is not None:
            spending = self.own_budgets
        may_refuse = spending is not None and (mcp is None or mcp.is_drawn)
        refusal = spending.refusal(episode) if spending is not None and may_refuse else None
        if refusal is not None:
            drawn = refusal
        elif mcp is None:
            drawn = route.planner.draw(Call(draws_as, tool, request.line.method, destination.target, at_s))
        else:
            drawn = mcp.draw(route.planner, Call(draws_as, tool, at_s=at_s))
        waited_s = 0.0 if run is None else run.advance(drawn.plan)
        return CallContext(
            request,
            episode,
            tool,
            destination.target,
            route,
            seq,
            self.inflight_count,
            drawn,
            self._clock.lag_s,
            run,
            mcp,
            waited_s,
        )

    def _lead(self, method: str, target: str) -> tuple[Destination, str]:
        destination = self._routes.destination(target)
        tool = self._tool_of(method, destination.path, destination.route.at)
        if destination.route.mcp is None and destination.route.planner is self._planner:
            self.unknown_tools.meet(tool)
        return destination, tool

    def _place(self, episode: str, arrival_s: float) -> tuple[EpisodeRun | None, int, float]:
        """Return a call's episode, if declared, its number in it and its time since the episode's first call."""
        known = self._known.get(episode) or self._first_seen(episode, arrival_s)
        seq = known.call_count
        known.call_count = seq + 1
        # Requests that arrive together may be handled in either order.
        return known.run, seq, max(0.0, arrival_s - known.first_arrival_s)

    def _drop(self, episode: str) -> None:
        progress = self._known.pop(episode, None)
        if progress is not None:
            progress.is_over = True

    def _first_seen(self, episode: str, arrival_s: float) -> EpisodeProgress:
        if len(self._known) >= self._limits.episodes_max:
            self._drop(next(iter(self._known)))
        if self.episodes.is_lost(episode):
            text = f"episode {episode!r} was lost when its worker crashed; declare it again"
            raise RequestRefusedError(410, "episode_lost", text)
        run = self.episodes.get(episode) or self._implied(episode)
        known = self._known[episode] = EpisodeProgress(arrival_s, run)
        if run is not None:
            self._open_ledger(run)
        return known

    def _open_ledger(self, run: EpisodeRun) -> None:
        """Begin the account of a declared episode, where the recipe or its own budget asks for one."""
        budget = run.settings.budget
        spending, open_ledger = self._spending or self.own_budgets, run.settings.open_ledger
        if open_ledger is not None:
            run.ledger = spending.begin(run.episode, open_ledger())
        elif self._spending is not None or budget is not None:
            run.ledger = spending.ledger(run.episode)
        if run.ledger is not None and budget is not None:
            run.ledger.limit(budget)

    def _implied(self, episode: str) -> EpisodeRun | None:
        """Declare an episode that nobody declared, where the recipe gives all of them a clock of their own."""
        if self._implied_episodes is None:
            return None
        settings = msgspec.structs.replace(self._implied_episodes, draws_as=episode)
        try:
            return self.episodes.declare(episode, settings, time.time(), is_implied=True)
        except TooManyEpisodesError as error:
            raise RequestRefusedError(503, "too_many_episodes", str(error)) from error
