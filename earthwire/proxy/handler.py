"""Serves client connections: one fiber each, which reads top to bottom from request to record."""

import asyncio
import time
from functools import lru_cache

import msgspec

from earthwire.fault_models.call import Call
from earthwire.fault_models.grounded import GroundedSimulation
from earthwire.proxy.call_context import CallContext
from earthwire.proxy.call_record import (
    CLASSIFIED_BYTES_MAX,
    NANOSECONDS_PER_SECOND,
    Ending,
    FinishedCall,
    origin_of,
)
from earthwire.proxy.client_side import ClientConnection, ClientLeftError
from earthwire.proxy.clock import Clock, RealClock
from earthwire.proxy.episodes import EpisodeRun, Episodes, EpisodeSettings, TooManyEpisodesError
from earthwire.proxy.kept_bodies import with_bodies
from earthwire.proxy.limits import Limits
from earthwire.proxy.mcp.call import McpCall
from earthwire.proxy.mcp.receive import receive
from earthwire.proxy.mcp.record import mcp_record
from earthwire.proxy.observed_calls import ObservedCalls
from earthwire.proxy.perform import Performance
from earthwire.proxy.planner import Planner
from earthwire.proxy.recorder import Recorder
from earthwire.proxy.refusal import RequestRefusedError, UpstreamError, error_body, error_response
from earthwire.proxy.request import Request
from earthwire.proxy.response_writer import response_writer
from earthwire.proxy.routes import DEFAULT_EPISODE, Destination, Routes
from earthwire.proxy.spending import Spending
from earthwire.proxy.workers import MisplacedRequestError, Placement
from earthwire.traces.record import TraceRecord

UNROUTED_TOOL = "unrouted"
"""Tool of records of requests that were refused before it was known where they lead."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_TARGETS_REMEMBERED = 4096


class _Episode:
    """How far an episode has come."""

    __slots__ = ("call_count", "first_arrival_s", "run")

    def __init__(self, first_arrival_s: float, run: EpisodeRun | None) -> None:
        self.first_arrival_s = first_arrival_s
        self.call_count = 0
        self.run = run


class Handler:
    """What all connections of one proxy share.

    Attributes:
        episodes: those that were declared.
        clients: connections that are being served.
        no_clients: set while there are none.
        inflight_count: calls under way.
        placement: which episodes this process serves; None for all.
        implied_episodes: what episodes are that nobody declared; None if they have nothing of their own.
        spending: what episodes spend, and the refusal of calls beyond a budget; None for neither.
        stopping: set when the proxy is being stopped: calls that are broken off from now on are its doing.

    Args:
        routes: where targets lead.
        planner: names the tools, and draws where a route has no planner of its own.
        clock: what deadlines count on.
        limits: bounds.
        recorder: takes the trace records, or None to make none.
        keep_bodies: records hold URL, headers and bodies, redacted.
    """

    def __init__(
        self,
        routes: Routes,
        planner: Planner,
        clock: RealClock,
        limits: Limits,
        recorder: Recorder | None,
        keep_bodies: bool,
    ) -> None:
        self._clock = clock
        self._limits = limits
        self._recorder: Recorder | ObservedCalls | None = recorder
        self._keep_bodies = keep_bodies
        self._kept_bytes_max = limits.kept_body_bytes_max if keep_bodies else CLASSIFIED_BYTES_MAX
        self.serve_from(routes, planner)
        self._episodes: dict[str, _Episode] = {}
        self._epoch_ns = time.time_ns() - time.monotonic_ns()
        self.episodes = Episodes(limits.declared_episodes_max, self.forget)
        self.clients: set[ClientConnection] = set()
        self.no_clients = asyncio.Event()
        self.no_clients.set()
        self.inflight_count = 0
        self.stopping = False
        self.placement: Placement | None = None
        self.spending: Spending | None = None
        self.implied_episodes: EpisodeSettings | None = None

    def serve_from(self, routes: Routes, planner: Planner) -> None:
        """Let targets lead elsewhere from the next call on; calls under way end as they began."""
        self._routes = routes
        self._observer = planner if isinstance(planner, GroundedSimulation) else None
        # Agents call few targets many times.
        self._lead = lru_cache(_TARGETS_REMEMBERED)(self._destination)
        self._tool_of = lru_cache(_TARGETS_REMEMBERED)(planner.tool_of)

    def observe(self, calls: ObservedCalls) -> None:
        """Hand finished calls to `calls` from now on, which passes them on to the recorder."""
        self._recorder = calls

    async def serve(self, client: ClientConnection) -> None:
        """Serve the requests of one connection, in order, until it ends."""
        self.clients.add(client)
        self.no_clients.clear()
        has_unread_input = False
        try:
            while (request := await client.next_request()) is not None:
                reusable = await self._answer(client, request)
                has_unread_input = not request.body.complete
                if not reusable:
                    break
                if not request.body.complete and not await client.settle(request):
                    break
                if client.write_full:
                    await client.drain()
                if self._recorder is not None and self._recorder.full:
                    await self._recorder.room()
        except RequestRefusedError as refusal:
            has_unread_input = True
            self._refuse(client, None, refusal)
        except asyncio.CancelledError:
            if not client.left:
                raise
        finally:
            client.end(has_unread_input)
            self.clients.discard(client)
            if not self.clients:
                self.no_clients.set()

    async def _answer(self, client: ClientConnection, request: Request) -> bool:
        """Answer one request and record it; tell whether the connection can serve another."""
        try:
            destination, tool = self._lead(request.line.method, request.line.target)
            if destination.route.mcp is not None:
                context = await self._mcp_context(client, request, destination)
                request = context.request
            else:
                episode = destination.episode or self._episode_of(request)
                context = self._context(request, destination, tool, episode)
        except RequestRefusedError as refusal:
            self._refuse(client, request, refusal)
            return False
        if self._keep_bodies or context.run is not None or self.spending is not None:
            request.body.keep(self._limits.kept_body_bytes_max)
        if request.headers.expects_continue and not request.body.received_bytes:
            client.transport.write(_CONTINUE)
        kept_bytes_max = self._kept_bytes_max if context.mcp is None else self._limits.kept_body_bytes_max
        writer = response_writer(client, request, kept_bytes_max)
        plan = context.drawn.plan
        clock: Clock = self._clock
        if context.run is not None:
            plan, clock = context.run.performed(plan), context.run.clock(clock, request.arrival_s)
        performance = Performance(client, context, plan, clock, self._limits, writer)
        self.inflight_count += 1
        ending: Ending | None = None
        try:
            await performance.run(plan.steps if context.mcp is None else context.mcp.steps(plan))
        except (UpstreamError, RequestRefusedError, ClientLeftError, asyncio.CancelledError) as error:
            ending = self._ending_of_failure(client, request, performance, error)
        finally:
            self.inflight_count -= 1
        performance.release()
        self._record(performance, ending)
        if ending is not None:
            return ending.origin == "proxy" and request.headers.keep_alive and not client.closed
        return performance.writer.reusable and performance.writer.complete and not client.closed

    def _ending_of_failure(
        self, client: ClientConnection, request: Request, performance: Performance, error: BaseException
    ) -> Ending | None:
        """Return how a call ended whose plan was not performed to its end; None for a hang that the client ended.

        Raises:
            CancelledError: if it was not the client's leaving that cancelled the call.
        """
        performance.cancel()
        if isinstance(error, UpstreamError):
            return self._upstream_failed(client, request, performance, error)
        if isinstance(error, RequestRefusedError):
            return self._refused(client, request, performance, error)
        if not client.left:
            raise error
        return None if performance.aborted == "hang" else self._broken_off(performance)

    def _upstream_failed(
        self, client: ClientConnection, request: Request, performance: Performance, error: UpstreamError
    ) -> Ending:
        """Tell the client: by an error response, or by a cut one if the response has begun."""
        writer = performance.writer
        if writer.status is None:
            self._send_error(client, request, error.status, error.code, error.text)
            return Ending("http_error", "proxy", error.status, error.code, error.text)
        writer.flush()
        return Ending("conn_error", "upstream", writer.status, error.code, error.text)

    def _refused(
        self,
        client: ClientConnection,
        request: Request,
        performance: Performance,
        refusal: RequestRefusedError,
    ) -> Ending:
        if performance.writer.status is None:
            self._send_error(client, request, refusal.status, refusal.code, refusal.text)
        return Ending("http_error", "proxy", refusal.status, refusal.code, refusal.text)

    def _broken_off(self, performance: Performance) -> Ending:
        """Return the ending of a call whose client did not wait for it."""
        error_type = "proxy_stopped" if self.stopping else "client_left"
        return Ending(
            "cancelled", origin_of(performance), performance.writer.status, error_type, censoring="right"
        )

    def _send_error(
        self, client: ClientConnection, request: Request | None, status: int, code: str, text: str
    ) -> None:
        if client.closed:
            return
        close = request is None or not request.headers.keep_alive or not request.body.complete
        with_body = request is None or request.line.method != "HEAD"
        client.transport.write(
            error_response(status, error_body(code, text), close=close, with_body=with_body)
        )

    def _refuse(
        self, client: ClientConnection, request: Request | None, refusal: RequestRefusedError
    ) -> None:
        """Answer and record a request that leads nowhere."""
        self._send_error(client, None, refusal.status, refusal.code, refusal.text)
        if self._recorder is None:
            return
        started_s = time.monotonic() if request is None else request.arrival_s
        self._recorder.add(
            TraceRecord(
                tool=UNROUTED_TOOL,
                source_format="earthwire",
                http_request_method=None if request is None else request.line.method,
                start_time_unix_nano=self._epoch_ns + int(started_s * NANOSECONDS_PER_SECOND),
                vantage="proxy",
                latency_censoring="missing",
                outcome="http_error",
                http_response_status_code=refusal.status,
                error_type=refusal.code,
                error_message=refusal.text,
                origin="proxy",
            )
        )

    def _destination(self, method: str, target: str) -> tuple[Destination, str]:
        """Return where a request leads and the tool that it calls."""
        destination = self._routes.destination(target)
        return destination, self._tool_of(method, destination.path)

    async def _mcp_context(
        self, client: ClientConnection, request: Request, destination: Destination
    ) -> CallContext:
        """Read a request to an MCP server, which alone tells its tool, and perhaps its episode."""
        server = destination.route.mcp
        assert server is not None, "it leads to an MCP server"
        if request.headers.expects_continue and not request.body.received_bytes:
            client.transport.write(_CONTINUE)
        received = await receive(request, server, self._limits)
        episode = destination.episode or received.episode
        episode = DEFAULT_EPISODE if episode is None else self._routes.check_episode(episode)
        if self.placement is not None and not self.placement.owns(episode):
            raise MisplacedRequestError(self.placement.port_of(episode))
        call = McpCall(server, received, self._observer)
        return self._context(received.request, destination, call.tool, episode, call)

    def _context(
        self,
        request: Request,
        destination: Destination,
        tool: str,
        episode: str,
        mcp: McpCall | None = None,
    ) -> CallContext:
        route, draws_as = destination.route, episode
        run, seq, at_s = self._place(episode, request.arrival_s)
        if run is not None:
            route, draws_as = run.route(route), run.settings.draws_as
        refusal = None if self.spending is None else self.spending.refusal(episode)
        if refusal is not None:
            drawn = refusal
        elif mcp is None:
            drawn = route.planner.draw(Call(draws_as, tool, request.line.method, destination.target, at_s))
        else:
            drawn = mcp.draw(route.planner, Call(draws_as, tool, at_s=at_s))
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
        )

    def _episode_of(self, request: Request) -> str:
        episode = request.headers.episode
        return DEFAULT_EPISODE if episode is None else self._routes.check_episode(episode)

    def forget(self, episode: str) -> None:
        """Start an episode anew: its calls and recordings count from 0 again."""
        self._episodes.pop(episode, None)
        self._routes.forget(episode)
        if self.spending is not None:
            self.spending.forget(episode)

    def _place(self, episode: str, arrival_s: float) -> tuple[EpisodeRun | None, int, float]:
        """Return a call's episode, if declared, its number in it and its time since the episode's first call."""
        known = self._episodes.get(episode)
        if known is None:
            if len(self._episodes) >= self._limits.episodes_max:
                del self._episodes[next(iter(self._episodes))]
            run = self.episodes.get(episode) or self._implied(episode)
            known = self._episodes[episode] = _Episode(arrival_s, run)
            if run is not None:
                self._open_ledger(run)
        seq = known.call_count
        known.call_count = seq + 1
        # Requests that arrive together may be handled in either order.
        return known.run, seq, max(0.0, arrival_s - known.first_arrival_s)

    def _open_ledger(self, run: EpisodeRun) -> None:
        """Begin the account of a declared episode, where the recipe or its own budget asks for one."""
        budget = run.settings.budget
        if self.spending is None and budget is not None:
            self.spending = Spending.without_prices()
        if self.spending is not None:
            run.ledger = self.spending.ledger(run.episode)
            if budget is not None:
                run.ledger.limit(budget)

    def _implied(self, episode: str) -> EpisodeRun | None:
        """Declare an episode that nobody declared, where the recipe gives all of them a clock of their own."""
        if self.implied_episodes is None:
            return None
        settings = msgspec.structs.replace(self.implied_episodes, draws_as=episode)
        try:
            return self.episodes.declare(episode, settings, time.time())
        except TooManyEpisodesError as error:
            raise RequestRefusedError(503, "too_many_episodes", str(error)) from error

    def _record(self, performance: Performance, ending: Ending | None) -> None:
        recorder = self._recorder
        if recorder is None and self.spending is None:
            return
        ended_s = performance.writer.last_byte_s
        if ended_s is None or _outlived_its_bytes(performance, ending):
            ended_s = time.monotonic()
        call = FinishedCall(performance, ending, ended_s, self._epoch_ns, self._clock.lag_s)
        if self.spending is not None:
            self.spending.add(call)
        if recorder is None:
            return
        if performance.context.mcp is not None:
            record = mcp_record(call, keep_bodies=self._keep_bodies)
            if record is not None:
                recorder.add(record)
        elif self._keep_bodies:
            # At once, so that no body waits in memory.
            recorder.add(with_bodies(call.record().trace_record(), performance, self._kept_bytes_max))
        else:
            recorder.add(call)


def _outlived_its_bytes(performance: Performance, ending: Ending | None) -> bool:
    """Tell whether a call went on after the last byte of its response."""
    if ending is None:
        return performance.aborted == "hang"
    return ending.censoring == "right" or ending.origin == "proxy"
