"""The usual call, served between a few callbacks of the loop, without resuming a fiber.

Most requests come whole, go on at once over an idle connection, and are answered whole when their answer is due.
Resuming coroutines, and the objects that they wait for, would be a third of what such a call costs. So it is begun
where its request is parsed, and ended where its response is, or when that is due. Whatever is different (a response in
pieces, an error, a client that leaves) makes it a call like all others: it is handed
over to the fiber of its connection, which performs the rest of the plan.
"""

import time
from typing import Protocol

import msgspec

from earthwire.fault_models.plan import Forward, RelayBody, RelayHead, Step, Wait
from earthwire.proxy.calls.call_context import CallContext
from earthwire.proxy.timing.clock import RealClock
from earthwire.proxy.upstreams.upstream import LiveExchange, LiveSource
from earthwire.proxy.wire.body import NO_BODY, complete_body
from earthwire.proxy.wire.client_side import ClientConnection
from earthwire.proxy.wire.exchange import ResponseHead
from earthwire.proxy.wire.turns import Turns
from earthwire.proxy.wire.upstream_side import UpstreamConnection


class Way(Protocol):
    """What usual calls have in common.

    Attributes:
        clock: tells when the time of an answer has come.
        turns: of the loop: answers leave in rows.
    """

    clock: RealClock
    turns: Turns

    def finish(self, call: "UsualCall", head: ResponseHead, body: bytes, ended_s: float) -> None:
        """Take note of a call that was answered, of head and body of its response and of the time it was written."""

    def hand_over(self, call: "UsualCall", error: Exception | None) -> None:
        """Take note of a call that needs a fiber from here on, and of the error of ours that it met, or None."""


class Due(msgspec.Struct, frozen=True, gc=False):
    """When the answer of a plan that relays it whole is due, in seconds after arrival.

    Attributes:
        first_s: first byte.
        last_s: last byte.
    """

    first_s: float
    last_s: float


class UsualCall(msgspec.Struct, eq=False):
    """One call that was forwarded and waits for its response, or until that is due.

    Attributes:
        client: who asks.
        context: the call.
        source: the upstream.
        connection: to it, as long as the response is expected.
        sent: the whole request, as long as the response is expected.
        due: when the answer is.
        way: what is told of its end.
        head: of the response, once it is there, with its body.
        begun_s: when all but the last byte was written, if not all at once (monotonic).
        fired: its answer is written, or it was handed over.
    """

    client: ClientConnection
    context: CallContext
    source: LiveSource
    connection: UpstreamConnection
    sent: bytes
    due: Due
    way: Way
    head: ResponseHead | None = None
    body: bytes = b""
    begun_s: float | None = None
    fired: bool = False

    def respond(self, head: ResponseHead, body: bytes) -> None:
        """Take the response, which came whole (called by the connection to the upstream)."""
        self.head, self.body = head, body
        # What is held until it is due takes no more memory than it must.
        self.sent = b""
        self.source.release(self.connection)
        self.fire()

    def fire(self) -> None:
        """Answer the client as far as the response is due; called when more of it may be."""
        if self.fired:
            return
        head = self.head
        if head is None or head.streams or self.client.closed:
            self.hand_over()
            return
        due, since_s = self.due, time.monotonic() - self.context.request.arrival_s
        try:
            if since_s >= due.last_s:
                self._finish(head)
            elif since_s >= due.first_s and self.begun_s is None:
                self._begin(head)
            else:
                self._wait_until(due.first_s if self.begun_s is None else due.last_s)
        except Exception as error:
            # This is a callback of the upstream's connection or of the clock, which have nothing to do with it.
            self.fired = True
            self.way.hand_over(self, error)

    def _begin(self, head: ResponseHead) -> None:
        """Write all but the last byte, which is not due yet."""
        client = self.client
        client.answer_begun = True
        self.way.turns.write(client, b"%b\r\n%b" % (head.start, self.body[:-1]), self._begun)

    def _begun(self, begun_s: float) -> None:
        """Wait for the last byte."""
        self.begun_s = begun_s
        self._wait_until(self.due.last_s)

    def _finish(self, head: ResponseHead) -> None:
        """Write what is left."""
        body = self.body
        left = b"%b\r\n%b" % (head.start, body) if self.begun_s is None else body[-1:]
        self.fired = True
        self.way.turns.write(self.client, left, self._finished)

    def _finished(self, ended_s: float) -> None:
        """Take note of the end."""
        assert self.head is not None, "a call ends with its response"
        try:
            self.way.finish(self, self.head, self.body, ended_s)
        except Exception as error:
            self.way.hand_over(self, error)
            return
        self.client.answered()

    def _wait_until(self, due_s: float) -> None:
        self.way.clock.fire_at(self.context.request.arrival_s + due_s, self)

    def hand_over(self) -> None:
        """Have a fiber go on with it."""
        # A call that is handed over twice would be counted twice.
        self.fired = True
        self.way.hand_over(self, None)

    def exchange(self) -> LiveExchange:
        """Return the exchange with the upstream, for the fiber that goes on: with what the client has not got yet."""
        method = self.context.request.line.method
        if self.head is None:
            exchange = LiveExchange(self.source, self.connection, self.sent, method, NO_BODY)
            exchange.expect()
            return exchange
        left = complete_body(self.body if self.begun_s is None else self.body[-1:])
        return LiveExchange(self.source, None, None, method, left, self.head)


def due_if_relayed(steps: tuple[Step, ...]) -> Due | None:
    """Return when the answer is due if a plan relays the whole of it, and does nothing else; else None."""
    if len(steps) == 4:
        forward, wait, relay_head, relay_body = steps
        if type(wait) is not Wait:
            return None
        first_s = wait.until_s
    elif len(steps) == 3:
        forward, relay_head, relay_body = steps
        first_s = 0.0
    else:
        return None
    if type(relay_body) is not RelayBody or type(relay_head) is not RelayHead or type(forward) is not Forward:
        return None
    if relay_body.fraction < 1.0:
        return None
    last_s = relay_body.last_byte_s
    return Due(first_s, last_s if last_s > first_s else first_s)
