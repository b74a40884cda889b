"""Serves client connections: one fiber each, which reads top to bottom from request to record."""

import asyncio
import time

import msgspec

from earthwire.proxy.calls.call_context import CallContext
from earthwire.proxy.calls.call_failure import ending_of_failure, refused_record, send_error
from earthwire.proxy.calls.call_opening import CallOpening
from earthwire.proxy.calls.simulated_way import SimulatedWay
from earthwire.proxy.calls.spending import Spending
from earthwire.proxy.calls.usual_way import UsualWay
from earthwire.proxy.limits import Limits
from earthwire.proxy.mcp.record import mcp_record
from earthwire.proxy.performing.perform import Performance
from earthwire.proxy.recording.call_record import CLASSIFIED_BYTES_MAX, Ending, finished_call
from earthwire.proxy.recording.kept_bodies import with_bodies
from earthwire.proxy.recording.observed_calls import ObservedCalls, ObservedMcpCall
from earthwire.proxy.recording.recorder import Recorder
from earthwire.proxy.timing.clock import Clock, RealClock
from earthwire.proxy.upstreams.replay_upstream import ReplaySource
from earthwire.proxy.upstreams.upstream import LiveSource
from earthwire.proxy.wire.client_side import CONTINUE, ClientConnection, ClientLeftError
from earthwire.proxy.wire.refusal import RequestRefusedError, UpstreamError
from earthwire.proxy.wire.request import Request
from earthwire.proxy.wire.response_writer import response_writer
from earthwire.proxy.wire.turns import Turns


class Handler:
    """What all connections of one proxy share.

    Attributes:
        opening: makes calls of requests.
        clients: connections that are being served.
        no_clients: set while there are none.
        stopping: set when the proxy is being stopped: calls that are broken off from now on are its doing.

    Args:
        opening: makes calls of requests.
        clock: what deadlines count on.
        turns: of the running loop.
        limits: bounds.
        recorder: takes the trace records, or None to make none.
        keep_bodies: records hold URL, headers and bodies, redacted.
        spending: told of calls that are over; None where calls cost nothing.
    """

    def __init__(
        self,
        opening: CallOpening,
        clock: RealClock,
        turns: Turns,
        limits: Limits,
        recorder: Recorder | None,
        keep_bodies: bool,
        spending: Spending | None = None,
    ) -> None:
        self.opening = opening
        self._clock = clock
        self._limits = limits
        self._epoch_ns = time.time_ns() - time.monotonic_ns()
        self._usual = UsualWay(opening, clock, turns, self._epoch_ns, self._performance)
        self._simulated = SimulatedWay(opening, limits, self._epoch_ns, self._performance)
        self._recorder: Recorder | ObservedCalls | None = None
        self._record_to(recorder)
        self._keep_bodies = keep_bodies
        self._spending = spending
        self._keeps_requests = keep_bodies or spending is not None
        self._kept_bytes_max = limits.kept_body_bytes_max if keep_bodies else CLASSIFIED_BYTES_MAX
        self.clients: set[ClientConnection] = set()
        self.no_clients = asyncio.Event()
        self.no_clients.set()
        self.stopping = False

    def observe(self, calls: ObservedCalls) -> None:
        """Hand finished calls to `calls` from now on, which passes them on to the recorder."""
        self._record_to(calls)

    def _record_to(self, recorder: Recorder | ObservedCalls | None) -> None:
        self._recorder = recorder
        self._usual.record_to(recorder)
        self._simulated.record_to(recorder)

    async def serve(self, client: ClientConnection) -> None:
        """Serve the requests of one connection, in order, until it ends."""
        self.clients.add(client)
        self.no_clients.clear()
        client.take = self._take
        if not self._keeps_requests:
            client.answer = self._simulated.answer
        has_unread_input = False
        try:
            while (request := await client.next_request()) is not None:
                recorder = self._recorder
                if client.begun is None and (client.write_full or (recorder and recorder.full)):
                    request = await self._once_there_is_room(client, request)
                reusable = await self._answer(client, request)
                has_unread_input = not request.body.complete
                if not reusable:
                    break
                if not request.body.complete and not await client.settle(request):
                    break
                has_unread_input = False
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

    async def _once_there_is_room(self, client: ClientConnection, request: Request) -> Request:
        """Return a request once there is room for its answer and its record: then it counts as arrived."""
        if client.write_full:
            await client.drain()
        if self._recorder is not None and self._recorder.full:
            await self._recorder.room()
        return msgspec.structs.replace(request, arrival_s=time.monotonic())

    def _take(self, client: ClientConnection, request: Request, data: bytes) -> bool:
        """Begin a call where its request was parsed; False leaves that to the fiber of the connection."""
        recorder, opening = self._recorder, self.opening
        is_plain = request.headers.plain and request.body.complete and request.line.method != "HEAD"
        if not is_plain or self._keeps_requests or client.write_full:
            return False
        if recorder is not None and recorder.full:
            return False
        try:
            destination, tool = opening.lead(request.line.method, request.line.target)
            if destination.route.mcp is not None or client.draining:
                return False
            kind = type(destination.route.source)
            if kind is not LiveSource and kind is not ReplaySource:
                return False
            context = opening.plain_call(request, destination, tool)
            is_taken = self._usual.take(client, context) or self._simulated.take(client, context, data)
        except Exception as error:
            # The fiber tells whom it concerns: the client of a refusal, the log of an error of our own.
            client.hand_over(request, error)
            return True
        if not is_taken:
            client.hand_over(request, self._performance(client, context))
        return True

    async def _answer(self, client: ClientConnection, request: Request) -> bool:
        """Answer one request and record it; tell whether the connection can serve another."""
        begun, client.begun = client.begun, None
        if isinstance(begun, Performance):
            return await self._perform(begun)
        opening = self.opening
        try:
            if isinstance(begun, Exception):
                raise begun
            destination, tool = opening.lead(request.line.method, request.line.target)
            server = destination.route.mcp
            if server is None:
                context = opening.plain_call(request, destination, tool)
            else:
                if request.headers.expects_continue:
                    _invite_body(client, request)
                context = await opening.mcp_call(request, destination, server)
        except RequestRefusedError as refusal:
            self._refuse(client, request, refusal)
            return False
        return await self._perform(self._performance(client, context))

    async def _perform(self, performance: Performance) -> bool:
        """Perform the plan of a call and record it; tell whether its connection can serve another."""
        client, context, opening = performance.client, performance.context, self.opening
        ending: Ending | None = None
        opening.inflight_count += 1
        try:
            if context.run is not None and context.run.is_simulated and not context.request.body.complete:
                # Else it would depend on real time whether a call that is answered at once is known by its arguments.
                await context.request.body.buffered_whole()
            await performance.run(performance.steps_left())
        except (UpstreamError, RequestRefusedError, ClientLeftError, asyncio.CancelledError) as error:
            ending = ending_of_failure(performance, error, stopping=self.stopping)
        finally:
            opening.inflight_count -= 1
        performance.release()
        self._record(performance, ending)
        if ending is not None:
            return ending.origin == "proxy" and context.request.headers.keep_alive and not client.closed
        return performance.writer.reusable and performance.writer.complete and not client.closed

    def _performance(self, client: ClientConnection, context: CallContext) -> Performance:
        """Return the plan of a call, about to be performed on the clock of its episode."""
        request, run = context.request, context.run
        if self._keeps_requests or run is not None:
            request.body.keep(self._limits.kept_body_bytes_max)
        if request.headers.expects_continue:
            _invite_body(client, request)
        kept_bytes_max = self._kept_bytes_max if context.mcp is None else self._limits.kept_body_bytes_max
        writer = response_writer(client, request, kept_bytes_max)
        plan = context.drawn.plan
        clock: Clock = self._clock
        if run is not None:
            plan, clock = run.performed(plan), run.clock(clock, request.arrival_s)
        return Performance(client, context, plan, clock, self._limits, writer)

    def _refuse(
        self, client: ClientConnection, request: Request | None, refusal: RequestRefusedError
    ) -> None:
        """Answer and record a request that leads nowhere; where records wait for the disk, it leaves none."""
        send_error(client, None, refusal.status, refusal.code, refusal.text)
        if self._recorder is not None and not self._recorder.full:
            self._recorder.add(refused_record(request, refusal, self._epoch_ns))

    def _record(self, performance: Performance, ending: Ending | None) -> None:
        recorder, spending, run = self._recorder, self._spending, performance.context.run
        if spending is None and run is not None and run.ledger is not None:
            spending = self.opening.own_budgets
        if recorder is None and spending is None:
            return
        ended_s = performance.writer.last_byte_s
        if ended_s is None or _outlived_its_bytes(performance, ending):
            ended_s = time.monotonic()
        call = finished_call(performance, ending, ended_s, self._epoch_ns, self._clock.lag_s)
        if spending is not None:
            spending.add(call)
        if recorder is None:
            return
        if performance.context.mcp is not None:
            record = mcp_record(call, keep_bodies=self._keep_bodies)
            if record is not None and isinstance(recorder, ObservedCalls):
                recorder.add(ObservedMcpCall(record, call))
            elif record is not None:
                recorder.add(record)
        elif self._keep_bodies:
            # At once, so that no body waits in memory.
            recorder.add(with_bodies(call.record().trace_record(), performance, self._kept_bytes_max))
        else:
            recorder.add(call)


def _invite_body(client: ClientConnection, request: Request) -> None:
    """Tell a client that waits for it to send its body, unless it did not wait after all."""
    if not request.body.received_bytes:
        client.transport.write(CONTINUE)


def _outlived_its_bytes(performance: Performance, ending: Ending | None) -> bool:
    """Tell whether a call went on after the last byte of its response."""
    if ending is None:
        return performance.aborted == "hang"
    return ending.censoring == "right" or ending.origin == "proxy"
