"""The client's side of the wire: one connection, served by one fiber from its first request to its last."""

import asyncio
import math
import socket
from collections.abc import Callable, Coroutine
from typing import Protocol

from earthwire.proxy.limits import Limits
from earthwire.proxy.wire.body import Body
from earthwire.proxy.wire.connection import Connection
from earthwire.proxy.wire.fiber import Fiber, Signal
from earthwire.proxy.wire.headers import HEAD_END
from earthwire.proxy.wire.refusal import RequestRefusedError
from earthwire.proxy.wire.request import Request
from earthwire.proxy.wire.request_head import RequestHeadReader
from earthwire.proxy.wire.request_parser import RequestParser
from earthwire.proxy.wire.turns import Turns
from earthwire.proxy.wire.watchdog import Watchdog

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_FIRST_LOOK_S = 0.005
_LOOKS_MAX = 10
"""A reset that answers what was sent comes within a round trip: it is looked for at doubling intervals, 5 s in all."""


class TakenCall(Protocol):
    """A call that is under way without a fiber."""

    def hand_over(self) -> None:
        """Have the fiber go on with it."""


class ClientLeftError(ConnectionError):
    """The client closed its connection before the call was over."""


class ClientConnection(Connection):
    """One connection of a client.

    A client that leaves while a request is being served cancels the fiber that serves it, wherever it waits. One that
    closes its sending side may have left, or may only have nothing more to say: to a socket that looks the same until
    something is sent. So it is sent an interim response, which every client has to accept and only one that is there
    does; the kernel of one that has left answers with a reset. Where no interim response can be sent, since the answer
    has begun or the connection is TLS, it counts as gone. HTTP/1.0 has none, and gets its answer unasked.

    Attributes:
        left: the client has closed the connection.
        answer_begun: bytes of the present answer have been sent.
        draining: this connection ends after the call that is under way.
        reused: it has served a call before the present one.
        answer: may answer bytes that are one request which it knows, unparsed; tells whether it did. None answers none.
        take: may take a request as soon as it is parsed, with the bytes that it came in; one that it takes (True) needs
            no fiber. None takes none.
        taken: the call that was taken, while it lasts.
        begun: what a call has come to that was taken and now needs the fiber after all, or the error that it met.

    Args:
        turns: of the running loop.
        limits: bounds.
        watchdog: enforces the coarse timeouts.
        heads: reads request heads.
        serve: the coroutine function that serves the connection.
    """

    __slots__ = (
        "_busy",
        "_fiber",
        "_knows_interim",
        "_limits",
        "_lingering",
        "_parser",
        "_refusal",
        "_request",
        "_request_waiter",
        "_sent_all",
        "_serve",
        "_watchdog",
        "answer",
        "answer_begun",
        "begun",
        "draining",
        "left",
        "reused",
        "take",
        "taken",
    )

    def __init__(
        self,
        turns: Turns,
        limits: Limits,
        watchdog: Watchdog,
        heads: RequestHeadReader,
        serve: Callable[["ClientConnection"], Coroutine[None, None, None]],
    ) -> None:
        super().__init__(turns)
        self.left = False
        self.draining = False
        self.reused = False
        self.answer: Callable[[ClientConnection, bytes], bool] | None = None
        self.take: Callable[[ClientConnection, Request, bytes], bool] | None = None
        self.taken: TakenCall | None = None
        self.begun: object = None
        self._limits = limits
        self._watchdog = watchdog
        self._serve = serve
        self._parser = RequestParser(self, heads, limits)
        self._fiber: Fiber | None = None
        self.answer_begun = False
        self._busy = False
        self._lingering = False
        self._knows_interim = False
        self._sent_all = False
        # What the fiber waits for between requests, and what it gets then.
        self._request_waiter: Signal | None = None
        self._request: Request | None = None
        self._refusal: Exception | None = None

    # Called by the loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the fiber that serves this connection."""
        super().connection_made(transport)
        self._watchdog.watch(self)
        fiber = self._fiber = Fiber(self.turns.loop, self._serve(self))
        fiber.step()

    def take_in(self, data: bytes) -> None:
        """Take bytes: of the body under way, of the next head, or of a request that has to wait for its turn."""
        if self._lingering:
            return
        parser, answer = self._parser, self.answer
        is_idle = self._request_waiter is not None and self.taken is None
        if answer is not None and is_idle and not parser.pending and answer(self, data):
            return
        body = parser.open_body
        if body is not None:
            parser.pending += parser.feed_body(data)
            self._await_body()
            body.wake()
            return
        parser.pending = parser.pending + data if parser.pending else data
        if is_idle:
            self._parse()
        elif len(parser.pending) > self._limits.head_bytes_max:
            self.pause_reading()

    def eof_received(self) -> bool:
        """Tell whether the connection stays open for an answer, though the client will send no more."""
        self.turns.work_off()
        is_tls = self.transport.get_extra_info("ssl_object") is not None
        if is_tls or not self._busy or self._parser.open_body is not None or self.answer_begun:
            return False
        # Called again where reading was paused and goes on.
        if not self._sent_all:
            self._sent_all = True
            if self._knows_interim:
                self.transport.write(CONTINUE)
                self._look_for_reset(_FIRST_LOOK_S, _LOOKS_MAX)
        return True

    def _look_for_reset(self, after_s: float, looks_left: int) -> None:
        """End the connection if it was reset; nothing is read from it any more, which would tell."""
        if self.left:
            return
        raw = self.transport.get_extra_info("socket")
        if raw is None or raw.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.abort()
        elif looks_left:
            self.turns.loop.call_later(after_s, self._look_for_reset, 2 * after_s, looks_left - 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop serving (called by the loop)."""
        self.turns.work_off()
        self.left = True
        if self.taken is not None:
            self.taken.hand_over()
        self._watchdog.unwatch(self)
        self._parser.fail_body(ClientLeftError("the client left"))
        self._parser.close()
        fiber, self._fiber = self._fiber, None
        if self._request_waiter is not None:
            self.closed = True
            self._end_waiting()
        elif self._busy and fiber is not None:
            self.closed = True
            fiber.cancel()
        super().connection_lost(exc)

    def overdue(self) -> None:
        """Close a connection that is silent for too long; a head that does not end is answered."""
        waiter = self._request_waiter
        if self.reading_paused and self._busy:
            # It is we who do not read; the client is not to blame.
            self.overdue_at_s = self._watchdog.horizon_s + self._limits.client_idle_s_max
        elif waiter is not None and self._parser.pending:
            text = f"the request head did not end within {self._limits.client_head_s_max:g} s"
            self._refusal = RequestRefusedError(408, "head_timeout", text)
            self._end_waiting()
        else:
            self.abort()

    # Called by the fiber that serves the connection.

    async def next_request(self) -> Request | None:
        """Return the next request; None if the client has no more.

        Raises:
            RequestRefusedError: if what it sent is not a request that is served here.
        """
        # A call was under way until now, unless this is the first.
        self.reused = self._busy
        self._busy = False
        if self.closed or self.draining:
            return None
        parser = self._parser
        if parser.pending:
            request = parser.next_request()
            if request is not None:
                self.begin(request)
                return request
        if self._sent_all:
            return None
        if self.reading_paused:
            self.resume_reading()
        self.overdue_at_s = self._watchdog.horizon_s + self._limits.client_idle_s_max
        if parser.pending:
            self._head_started()
        self._request_waiter = waiter = Signal()
        await waiter
        request, self._request = self._request, None
        if self._refusal is not None:
            raise self._refusal
        return request

    def answered(self) -> None:
        """Go on after a call that was taken and is over."""
        self.taken = None
        self.answered_at_once()
        waiter = self._request_waiter
        if waiter is None or self.closed or self.draining:
            self._end_waiting()
            return
        if self._parser.pending:
            self._parse()
            if self._busy or self._request_waiter is not waiter:
                return
        # Not before all whole requests that are here were served: else a client could have any number of them wait.
        if self.reading_paused:
            self.resume_reading()
        if self._sent_all:
            self._end_waiting()

    def answered_at_once(self) -> None:
        """Note that a call is over; whoever read its request goes on."""
        self.reused = True
        self._busy = False
        self.overdue_at_s = self._watchdog.horizon_s + self._limits.client_idle_s_max

    def hand_over(self, request: Request, begun: object) -> None:
        """Have the fiber go on with a call that was taken.

        Args:
            request: of the call.
            begun: what it has come to; an error is raised in the fiber.
        """
        self.taken = None
        self.begun = begun
        self._serve_by_fiber(request)

    def begin_tunnel(self) -> Body:
        """Return all that the client says from now on: it speaks another protocol, and no further request comes."""
        body = self._parser.begin_tunnel()
        self.resume_reading()
        self._await_body()
        return body

    async def drain(self) -> None:
        """Wait until the client has read enough for more, or is gone; a client that stops reading is given up."""
        self.overdue_at_s = self._watchdog.horizon_s + self._limits.client_idle_s_max
        await super().drain()
        self._await_body()

    async def settle(self, request: Request) -> bool:
        """Read the rest of an unwanted request body; tell whether the next request can be served."""
        body = request.body
        if not body.complete:
            if (request.headers.content_length or 0) > self._limits.discarded_body_bytes_max:
                return False
            body.discard()
            self.resume_reading()
            self.overdue_at_s = self._watchdog.horizon_s + self._limits.linger_s_max
            await body.ended()
            self.overdue_at_s = math.inf
        return body.complete and not self.closed

    def stop_when_idle(self) -> None:
        """Serve no further request: end now if none is under way."""
        self.draining = True
        if self._request_waiter is not None and self.taken is None:
            self._end_waiting()

    def end(self, has_unread_input: bool) -> None:
        """Close after what was written.

        Args:
            has_unread_input: the client may still be sending. Closing at once would then make the kernel send a
                reset, which can destroy our answer on its way; so the client gets time to read it first.
        """
        self._busy = False
        if self.closed or not has_unread_input or not self.transport.can_write_eof():
            self.close()
            return
        self._lingering = True
        self.overdue_at_s = self._watchdog.horizon_s + self._limits.linger_s_max
        self.resume_reading()
        try:
            self.transport.write_eof()
        except OSError:
            # The client is gone, which only nobody has noticed yet.
            self.abort()

    def _parse(self) -> None:
        """Hand the next request over, once its head is complete; and those behind one that is answered at once."""
        parser, waiter = self._parser, self._request_waiter
        while parser.pending and not self._busy and self._request_waiter is waiter:
            data = parser.pending
            try:
                request = parser.next_request()
            except Exception as error:
                # Raised in the fiber: this may be a callback of an upstream's connection, whose last answer was ours.
                self._refusal = error
                self._end_waiting()
                return
            if request is None:
                self._head_started()
                return
            self.begin(request)
            rest = parser.pending
            came_in = data[: -len(rest)] if rest else data
            if self.take is None or not self.take(self, request, came_in):
                self._serve_by_fiber(request)
                return
            if self._busy:
                return
            self._answer_known(waiter)

    def _answer_known(self, waiter: Signal | None) -> None:
        """Answer requests behind one that was answered at once, as far as they are known."""
        parser, answer = self._parser, self.answer
        while answer is not None and not self._busy and self._request_waiter is waiter:
            data = parser.pending
            end = data.find(HEAD_END) + len(HEAD_END)
            if end < len(HEAD_END):
                return
            parser.pending = data[end:]
            if not answer(self, data[:end]):
                parser.pending = data
                return

    def _serve_by_fiber(self, request: Request) -> None:
        self._request = request
        self._end_waiting()

    def begin(self, request: Request) -> None:
        """Note that a request is being served from now on."""
        self._busy = True
        self.answer_begun = False
        self._knows_interim = not request.headers.http_1_0
        self.overdue_at_s = math.inf
        parser = self._parser
        if parser.open_body is not None:
            if parser.pending:
                pending, parser.pending = parser.pending, b""
                parser.pending = parser.feed_body(pending)
            self._await_body()

    def _await_body(self) -> None:
        """Bound the silence of a client that has not sent its whole request."""
        waiting = self._parser.open_body is not None
        limit_s = self._limits.client_idle_s_max
        self.overdue_at_s = self._watchdog.horizon_s + limit_s if waiting else math.inf

    def _head_started(self) -> None:
        """Start the time that a head may take, at its first bytes."""
        due_s = self._watchdog.horizon_s + self._limits.client_head_s_max
        self.overdue_at_s = min(self.overdue_at_s, due_s)

    def _end_waiting(self) -> None:
        waiter, self._request_waiter = self._request_waiter, None
        if waiter is not None:
            waiter.fire()
