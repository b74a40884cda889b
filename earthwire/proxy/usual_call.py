"""The usual call, served between two callbacks of the loop, without resuming a fiber.

Most requests come whole, go on at once over an idle connection, and are answered whole by the time that their answer
is due. Resuming coroutines, and the objects that they wait for, would be a third of what such a call costs. So it is
begun where its request is parsed and ended where its response is. Whatever is different (a wait, a response in pieces,
an error, a client that leaves) makes it a call like all others: it is handed over to the fiber of its connection, which
performs the rest of the plan.
"""

import time
from collections.abc import Callable

import msgspec

from earthwire.fault_models.plan import Forward, RelayBody, RelayHead, Step, Wait
from earthwire.proxy.call_context import CallContext
from earthwire.proxy.client_side import ClientConnection
from earthwire.proxy.exchange import ResponseHead
from earthwire.proxy.upstream import LiveExchange


class UsualCall(msgspec.Struct, eq=False):
    """One call that was forwarded and waits for its response.

    Attributes:
        client: who asks.
        context: the call.
        exchange: with the upstream.
        due_s: when the last byte of the answer is due (monotonic).
        finished: told of the call, its head, its body and the time when they were written.
        unusual: told of a call that needs a fiber from here on, and of the error of ours that it met, or None.
    """

    client: ClientConnection
    context: CallContext
    exchange: LiveExchange
    due_s: float
    finished: Callable[["UsualCall", ResponseHead, bytes, float], None]
    unusual: Callable[["UsualCall", Exception | None], None]

    def fire(self) -> None:
        """Answer the client if the response is whole and due; called whenever something of it has come."""
        head, client = self.exchange.whole_head, self.client
        if head is None or not head.sized or head.streams or client.closed or self.due_s > time.monotonic():
            self.unusual(self, None)
            return
        try:
            body = self.exchange.body.take()
            client.transport.write(b"%b\r\n%b" % (head.start, body))
            self.finished(self, head, body, time.monotonic())
        except Exception as error:
            # This is a callback of the upstream's connection, which has nothing to do with it.
            self.unusual(self, error)
            return
        client.answered()

    def hand_over(self) -> None:
        """Have a fiber go on with it."""
        # From here on the fiber is who is told; a call that is handed over twice would be counted twice.
        self.exchange.body.forget_waiter()
        self.unusual(self, None)


def last_byte_of_relay(steps: tuple[Step, ...]) -> float | None:
    """Return when the last byte is due, seconds after arrival, of a plan that relays the whole answer; else None."""
    if not 3 <= len(steps) <= 4 or type(steps[0]) is not Forward or type(steps[-2]) is not RelayHead:
        return None
    last = steps[-1]
    if type(last) is not RelayBody or last.fraction < 1.0:
        return None
    if len(steps) == 3:
        return last.last_byte_s
    wait = steps[1]
    return max(wait.until_s, last.last_byte_s) if type(wait) is Wait else None
