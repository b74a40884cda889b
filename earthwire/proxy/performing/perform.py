"""Performs a plan on the wire: the one place where a decision becomes bytes, waits and resets."""

import msgspec

from earthwire.fault_models.plan import (
    Abort,
    AbortHow,
    Body,
    Forward,
    Head,
    Plan,
    RelayAnswer,
    RelayBody,
    RelayDamaged,
    RelayHead,
    RelayPieces,
    Step,
    Wait,
)
from earthwire.proxy.calls.call_context import CallContext
from earthwire.proxy.exchanges.changed_exchange import NotedExchange
from earthwire.proxy.exchanges.relay_damaged import STALE, damaged_response, read_part
from earthwire.proxy.limits import Limits
from earthwire.proxy.mcp.relay_answer import relay_answer
from earthwire.proxy.performing.rare_steps import perform_rare
from earthwire.proxy.performing.relay import Tail, relay_part, relay_whole
from earthwire.proxy.performing.relay_pieces import relay_pieces, send_events
from earthwire.proxy.timing.clock import Clock
from earthwire.proxy.wire.client_side import ClientConnection
from earthwire.proxy.wire.exchange import SWITCHING_PROTOCOLS, Exchange, ResponseHead
from earthwire.proxy.wire.response_writer import ResponseWriter
from earthwire.traces.labels.body_class import is_event_stream
from earthwire.traces.record import Origin


class Performance(msgspec.Struct, eq=False):
    """One plan being performed for one request.

    Attributes:
        client: connection of the client.
        context: the call.
        plan: what is performed; a recording may replace the one that was drawn.
        clock: what deadlines count on.
        limits: bounds.
        writer: the response, and what of it was sent when.
        exchange: with the upstream, once there is one.
        head: of the upstream's response, once it was awaited.
        source_origin: who answers what is forwarded, once something was.
        aborted: how the plan ended the connection, or None.
        damaged: the body of the upstream's response was changed, or is not what its head says.
        lost_status: of a response that the upstream gave and the client never got, or None.
        noted: the exchange, where it says what channels did to request and answer.
    """

    client: ClientConnection
    context: CallContext
    plan: Plan
    clock: Clock
    limits: Limits
    writer: ResponseWriter
    exchange: Exchange | None = None
    head: ResponseHead | None = None
    source_origin: Origin | None = None
    aborted: str | None = None
    damaged: bool = False
    lost_status: int | None = None
    noted: NotedExchange | None = None

    async def run(self, steps: tuple[Step, ...]) -> None:
        """Perform steps in order.

        Raises:
            UpstreamError: if the upstream fails; `writer` tells whether the client has seen a head by then.
            RequestRefusedError: if the request turns out to be one that is not served.
        """
        request = self.context.request
        for step in steps:
            # Neither match nor isinstance: saying no takes them longer than a usual step takes.
            if type(step) is Wait:
                due_s = request.arrival_s + step.until_s
                if due_s > self.clock.now():
                    await self.flush()
                    await self.clock.wait_until(due_s)
            elif type(step) is Forward:
                context = self.context
                exchange = await context.route.source.forward(request, context.target, context.episode)
                self.forwarded(exchange)
                if isinstance(exchange, NotedExchange):
                    self.noted = exchange
                if exchange.recorded_plan is not None:
                    # The recording says how it goes on, whatever was drawn.
                    self.plan = exchange.recorded_plan
                    await self.run(self.plan.steps)
                    return
            elif type(step) is RelayHead:
                self.head = await self.upstream_exchange().head()
                self.relay_head(self.head)
            elif type(step) is RelayBody:
                if not self._relay_body_at_once(step):
                    await self._relay_body(step)
            elif type(step) is Head:
                self.writer.own_head(step)
            elif type(step) is Body:
                self.writer.stage(step.data)
                await self.flush()
            elif type(step) is RelayPieces:
                await self._relay_pieces(step)
            elif type(step) is RelayDamaged:
                await self._relay_damaged(step)
            elif type(step) is RelayAnswer:
                await relay_answer(self, step)
            elif type(step) is Abort:
                await self.abort(step.how)
            else:
                await perform_rare(self, step)
                if self.aborted is not None:
                    return
        self.writer.flush()

    def steps_left(self) -> tuple[Step, ...]:
        """Return the steps that are to be performed: those but for what was done already, see `forwarded`, `begun`."""
        mcp = self.context.mcp
        if mcp is not None:
            return mcp.steps(self.plan)
        if self.exchange is None:
            return self.plan.steps
        return self.plan.steps[1:] if self.head is None else self.plan.steps[-1:]

    def forwarded(self, exchange: Exchange) -> None:
        """Note that the request was sent on."""
        self.exchange, self.source_origin = exchange, exchange.origin

    def begun(self, head: ResponseHead, sent: bytes, sent_s: float) -> None:
        """Note that the upstream's head was sent, and of its body all but what its exchange still has.

        Args:
            head: as it was sent.
            sent: that part of the body.
            sent_s: when (monotonic).
        """
        self.head = head
        self.writer.written(head, sent, sent_s)

    def relay_head(self, head: ResponseHead) -> None:
        """Stage a head; if it switches to another protocol, what the client says passes from now on."""
        self.writer.relay_head(head)
        if head.status == SWITCHING_PROTOCOLS:
            self.writer.flush()
            self.upstream_exchange().pass_up(self.client.begin_tunnel())

    def release(self) -> None:
        """Let the upstream's connection go after the plan is over."""
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.finish()

    def cancel(self) -> None:
        """Break off the exchange with the upstream: its answer is not wanted any more."""
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.cancel()

    def _relay_body_at_once(self, step: RelayBody) -> bool:
        """Relay a body that is complete and due, as most are; tell whether it was so."""
        exchange = self.exchange
        if exchange is None or not exchange.body.complete or step.fraction < 1.0:
            return False
        if self.context.request.arrival_s + step.last_byte_s > self.clock.now():
            return False
        self.writer.stage(exchange.body.take())
        self.writer.end(exchange.body.trailers)
        return True

    async def _relay_body(self, step: RelayBody) -> None:
        body, writer = self.upstream_exchange().body, self.writer
        due_s = self.context.request.arrival_s + step.last_byte_s
        if writer.status == SWITCHING_PROTOCOLS:
            # Another protocol has its own idea of what a last byte is.
            due_s = 0.0
        if step.fraction < 1.0:
            declared_bytes = None if self.head is None else self.head.content_length
            tail = Tail(writer, self.clock, due_s)
            await relay_part(body, tail, step.fraction, declared_bytes, self.limits.cut_body_bytes_max)
            return
        await relay_whole(body, Tail(writer, self.clock, due_s))
        writer.end(body.trailers)

    async def _relay_pieces(self, step: RelayPieces) -> None:
        body, arrival_s = self.upstream_exchange().body, self.context.request.arrival_s
        held_bytes_max = self.limits.damaged_body_bytes_max
        await relay_pieces(body, self.head, self.writer, self.clock, arrival_s, step, held_bytes_max)

    async def _relay_damaged(self, step: RelayDamaged) -> None:
        exchange, writer = self.upstream_exchange(), self.writer
        bytes_max = self.limits.damaged_body_bytes_max
        tail = Tail(writer, self.clock, self.context.request.arrival_s + step.last_byte_s)
        head = self.head = await exchange.head()
        if head.status == SWITCHING_PROTOCOLS:
            self.relay_head(head)
            await relay_whole(exchange.body, Tail(writer, self.clock, 0.0))
            return
        data = await read_part(exchange.body, bytes_max)
        is_too_long = len(data) > bytes_max
        earlier = self._earlier(data) if step.operator == STALE and not is_too_long else None
        result = None if is_too_long else damaged_response(head, data, step, bytes_max, earlier)
        self.damaged = is_too_long or result is not None
        writer.relay_head(head if result is None else result.head)
        body = data if result is None else result.body
        if step.due_s and is_event_stream(head.content_type) and head.content_encoding is None:
            arrival_s = self.context.request.arrival_s
            due_s = tuple(arrival_s + time_s for time_s in step.due_s)
            await send_events(body, data, writer, self.clock, due_s)
        else:
            await tail.send(body)
            await tail.end()
        if not is_too_long and (result is None or not result.is_cut):
            writer.end()

    def _earlier(self, data: bytes) -> bytes:
        context = self.context
        return context.route.earlier.first(context.episode, context.request.line.method, context.target, data)

    async def abort(self, how: AbortHow) -> None:
        """End the connection after what was staged."""
        await self.flush()
        self.aborted = how
        client = self.client
        match how:
            case "rst":
                await client.flushed()
                client.reset()
            case "fin":
                client.close()
            case "hang":
                # Reading goes on, or the client's leaving would not be noticed; what it sends is dropped.
                self.context.request.body.discard()
                self.release()
                await self.clock.wait_until(self.clock.now() + self.limits.hang_s_max)
                client.close()

    async def flush(self) -> None:
        """Write what is staged; wait if the client reads slowly."""
        self.writer.flush()
        if self.client.write_full:
            await self.client.drain()

    def upstream_exchange(self) -> Exchange:
        """Return the exchange that a `Forward` step has begun."""
        assert self.exchange is not None, "a plan relays without a Forward step before it"
        return self.exchange
