"""The usual call, served between a few callbacks of the loop, without resuming a fiber.

Most requests come whole, go on at once over an idle connection, and are answered whole when their answer is due.
Resuming coroutines, and the objects that they wait for, would be a third of what such a call costs. So it is begun
where its request is parsed, and ended where its response is, or when that is due. Whatever is different (a response in
pieces, a first byte before the last one, an error, a client that leaves) makes it a call like all others: it is handed
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
        finished: told of the call, its head, its body and the time when they were written.
        unusual: told of a call that needs a fiber from here on, and of the error of ours that it met, or None.
        fired: it is over, or was handed over.
    """

    client: ClientConnection
    context: CallContext
    exchange: LiveExchange
    due: Due
    clock: RealClock
    finished: Callable[["UsualCall", ResponseHead, bytes, float], None]
    unusual: Callable[["UsualCall", Exception | None], None]
    fired: bool = False

    def fire(self) -> None:
        """Answer the client if the response is whole and due; called when something of it has come, or its time."""
        if self.fired:
            return
        head, client = self.exchange.whole_head, self.client
        if head is None or not head.sized or head.streams or client.closed:
            self.hand_over()
            return
        due, arrival_s = self.due, self.context.request.arrival_s
        if arrival_s + due.last_s > time.monotonic():
            if due.first_s < due.last_s:
                self.hand_over()
            else:
                self.clock.fire_at(arrival_s + due.last_s, self)
            return
        self.fired = True
        try:
            body = self.exchange.body.take()
            client.transport.write(b"%b\r\n%b" % (head.start, body))
            self.finished(self, head, body, time.monotonic())
        except Exception as error:
            # This is a callback of the upstream's connection or of the clock, which have nothing to do with it.
            self.unusual(self, error)
            return
        client.answered()

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
