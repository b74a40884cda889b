"""The usual call, served between a few callbacks of the loop, without resuming a fiber.

Most requests come whole, go on at once over an idle connection, and are answered whole when their answer is due.
Resuming coroutines, and the objects that they wait for, would be a third of what such a call costs. So it is begun
where its request is parsed, and ended where its response is, or when that is due. Whatever is different (a response in
pieces, an error, a client that leaves) makes it a call like all others: it is handed
over to the fiber of its connection, which performs the rest of the plan.
"""

import time
from collections.abc import Callable

import msgspec

from earthwire.fault_models.plan import Forward, RelayBody, RelayHead, Step, Wait
from earthwire.proxy.call_context import CallContext
from earthwire.proxy.client_side import ClientConnection
from earthwire.proxy.clock import RealClock
from earthwire.proxy.exchange import ResponseHead
from earthwire.proxy.upstream import LiveExchange


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
        exchange: with the upstream.
        due: when the answer is.
        clock: tells when the time has come.
        finished: told of a call that was answered, of its head, its body and the time when it was written.
        unusual: told of a call that needs a fiber from here on, and of the error of ours that it met, or None.
        begun_s: when all but the last byte was written, if not all at once (monotonic).
        body: of the response, once all but its last byte was written.
        fired: it is over, or was handed over.
    """

    client: ClientConnection
    context: CallContext
    exchange: LiveExchange
    due: Due
    clock: RealClock
    finished: Callable[["UsualCall", ResponseHead, bytes, float], None]
    unusual: Callable[["UsualCall", Exception | None], None]
    begun_s: float | None = None
    body: bytes = b""
    fired: bool = False

    def fire(self) -> None:
        """Answer the client as far as the response is there and due; called when either may have changed."""
        if self.fired:
            return
        head = self.exchange.whole_head
        if head is None or not head.sized or head.streams or self.client.closed:
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
            self.unusual(self, error)
            return
        if self.fired:
            self.client.answered()

    def _begin(self, head: ResponseHead) -> None:
        """Write all but the last byte, which is not due yet."""
        client = self.client
        self.body = body = self.exchange.body.take()
        client.transport.write(b"%b\r\n%b" % (head.start, body[:-1]))
        client.answer_begun = True
        self.begun_s = time.monotonic()
        self._wait_until(self.due.last_s)

    def _finish(self, head: ResponseHead) -> None:
        """Write what is left."""
        if self.begun_s is None:
            self.body = body = self.exchange.body.take()
            self.client.transport.write(b"%b\r\n%b" % (head.start, body))
        else:
            body = self.body
            self.client.transport.write(body[-1:])
        self.fired = True
        self.finished(self, head, body, time.monotonic())

    def _wait_until(self, due_s: float) -> None:
        self.clock.fire_at(self.context.request.arrival_s + due_s, self)

    def hand_over(self) -> None:
        """Have a fiber go on with it."""
        # A call that is handed over twice would be counted twice.
        self.fired = True
        self.unusual(self, None)


def due_if_relayed(steps: tuple[Step, ...]) -> Due | None:
    """Return when the answer is due if a plan relays the whole of it, and does nothing else; else None."""
    count = len(steps)
    if not 3 <= count <= 4 or type(steps[0]) is not Forward or type(steps[-2]) is not RelayHead:
        return None
    wait, relay_body = steps[1], steps[-1]
    if type(relay_body) is not RelayBody or relay_body.fraction < 1.0:
        return None
    if count == 3:
        return Due(0.0, relay_body.last_byte_s)
    return Due(wait.until_s, max(wait.until_s, relay_body.last_byte_s)) if type(wait) is Wait else None
