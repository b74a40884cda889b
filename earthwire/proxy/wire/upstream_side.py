"""The upstream's side of the wire: one pooled connection, one exchange at a time."""

import asyncio
import math
from collections.abc import Callable
from typing import Protocol

from earthwire.proxy.limits import Limits
from earthwire.proxy.wire.body import Body
from earthwire.proxy.wire.connection import Connection
from earthwire.proxy.wire.exchange import ResponseHead
from earthwire.proxy.wire.fiber import Signal
from earthwire.proxy.wire.refusal import UpstreamError
from earthwire.proxy.wire.response_parser import ResponseParser
from earthwire.proxy.wire.turns import Turns
from earthwire.proxy.wire.watchdog import Watchdog


class Expectant(Protocol):
    """Who has sent a request and expects its response whole, in one piece."""

    def respond(self, head: ResponseHead, body: bytes) -> None:
        """Take the response; the connection is free."""

    def hand_over(self) -> None:
        """Have an exchange expect the response: it will not come like that."""


class UpstreamConnection(Connection):
    """One connection to an upstream.

    What arrives for the present exchange wakes the waiter of its body, be it the head that is waited for.

    Attributes:
        parser: holds the head and the body of the present response.
        exchange_count: exchanges begun so far.
        request_sent: nothing of the present request is missing.
        answered: at least one byte of the present response has arrived.
        stale_at_s: when a connection that has been idle is too old to be used again (loop time).

    Args:
        turns: of the running loop.
        limits: bounds.
        watchdog: enforces the bound on silence.
        made: called when the connection is made, which may be lost again before whoever asked for it runs on.
        gone: called when the connection is lost.
    """

    __slots__ = (
        "_abandoned",
        "_ended",
        "_expectant",
        "_gone",
        "_limits",
        "_made",
        "_watchdog",
        "answered",
        "exchange_count",
        "parser",
        "request_sent",
        "stale_at_s",
    )

    def __init__(
        self,
        turns: Turns,
        limits: Limits,
        watchdog: Watchdog,
        made: Callable[["UpstreamConnection"], None],
        gone: Callable[["UpstreamConnection"], None],
    ) -> None:
        super().__init__(turns)
        self.exchange_count = 0
        self.answered = False
        self._limits = limits
        self._watchdog = watchdog
        self._made = made
        self._gone = gone
        self.stale_at_s = watchdog.horizon_s + limits.upstream_idle_s_max
        self.parser = ResponseParser(self, limits)
        self.request_sent = True
        self._abandoned = False
        self._ended: Callable[[UpstreamConnection], None] | None = None
        self._expectant: Expectant | None = None

    def send(self, data: bytes, expectant: Expectant) -> None:
        """Write a whole request, by a method that is not HEAD, on a connection that is open and idle.

        It leaves with all others of the present row.
        """
        self.request_sent = True
        self.exchange_count += 1
        self.answered = False
        self._expectant = expectant
        self.overdue_at_s = self._watchdog.horizon_s + self._limits.upstream_silence_s_max
        self.turns.write(self, data)

    def begin(
        self, data: bytes, *, whole: bool, head_request: bool, ended: Callable[["UpstreamConnection"], None]
    ) -> Body:
        """Write a request and expect its response; return the response's body, which is still empty.

        Args:
            data: the request, or its first bytes.
            whole: nothing of it is missing; else `request_sent` is to be set once it is complete.
            head_request: its method is HEAD.
            ended: called as soon as the response is complete, unless the exchange fails.
        """
        body = self.expect(head_request=head_request, ended=ended)
        self.request_sent = whole
        self.exchange_count += 1
        self.answered = False
        if self.closed:
            # A new connection may be lost before the fiber that asked for it runs on.
            self._fail(self._lost_error(None))
            return body
        self.overdue_at_s = self._watchdog.horizon_s + self._limits.upstream_silence_s_max
        self.write(data)
        return body

    def send_more(self, data: bytes) -> None:
        """Write what follows of a request; no answer can be due before it, so the upstream's silence begins anew."""
        self.overdue_at_s = self._watchdog.horizon_s + self._limits.upstream_silence_s_max
        self.transport.write(data)

    def expect(self, *, head_request: bool, ended: Callable[["UpstreamConnection"], None]) -> Body:
        """Expect the response to what was sent, or is about to be, in any number of pieces; see `begin`."""
        self._expectant = None
        self._ended = ended
        return self.parser.begin(head_request=head_request)

    async def room_or_answer(self) -> None:
        """Wait until more of the request can be written, or an answer or the end makes that pointless."""
        while self.write_full and not self.answered and not self.closed:
            self._drain_waiter = waiter = self.parser.body.next_change()
            await waiter

    async def body_or_answer(self, body: Body) -> None:
        """Wait until more of the request's body has come, or an answer or the end makes that pointless."""
        waiter: Signal = body.next_change()
        self.parser.body.share_waiter(waiter)
        await waiter

    def abandon(self) -> None:
        """Read the rest of the response without keeping it, for a bounded time."""
        self._abandoned = True
        self.overdue_at_s = self._watchdog.horizon_s + self._limits.abandoned_s_max
        self.parser.body.discard()
        self.resume_reading()

    def overdue(self) -> None:
        """Fail an exchange whose upstream is silent for too long; waiting for a slow client does not count."""
        if self.reading_paused:
            self.overdue_at_s = self._watchdog.horizon_s + self._limits.upstream_silence_s_max
            return
        silence_s = self._limits.upstream_silence_s_max
        self._fail(UpstreamError("response_timeout", f"the upstream was silent for {silence_s:g} s"))

    # Called by the loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Watch this connection."""
        super().connection_made(transport)
        self._watchdog.watch(self)
        self._made(self)

    def take_in(self, data: bytes) -> None:
        """Parse what the upstream sends; what nobody asked for ends the connection."""
        parser, expectant = self.parser, self._expectant
        if expectant is not None:
            whole = parser.whole(data)
            if whole is not None:
                self._expectant = None
                self.stale_at_s = self._watchdog.horizon_s + self._limits.upstream_idle_s_max
                self.overdue_at_s = math.inf
                expectant.respond(*whole)
                return
            expectant.hand_over()
        if self._ended is None:
            self.abort()
            return
        self.answered = True
        body = parser.body
        try:
            parser.feed(data)
        except UpstreamError as error:
            self._fail(error)
            return
        if parser.complete:
            self._end_exchange()
        elif not self._abandoned:
            self.overdue_at_s = self._watchdog.horizon_s + self._limits.upstream_silence_s_max
        body.wake()

    def eof_received(self) -> None:
        """End a response that has no other end; the transport then closes itself."""
        self.turns.work_off()
        self.closed = True
        if self._ended is not None and self.parser.end_of_input():
            body = self.parser.body
            self._end_exchange()
            body.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is under way (called by the loop)."""
        self.turns.work_off()
        self._watchdog.unwatch(self)
        self._gone(self)
        self.parser.close()
        super().connection_lost(exc)
        if self._expectant is not None:
            self._expectant.hand_over()
        if self._ended is not None:
            self._fail(self._lost_error(exc))

    def _lost_error(self, exc: Exception | None) -> UpstreamError:
        how = f" ({exc})" if exc is not None else ""
        if self.parser.head is not None:
            return UpstreamError(
                "body_cut", f"the upstream closed the connection in the middle of the body{how}"
            )
        return UpstreamError("no_response", f"the upstream closed the connection without a response{how}")

    def _end_exchange(self) -> None:
        self.stale_at_s = self._watchdog.horizon_s + self._limits.upstream_idle_s_max
        self.overdue_at_s = math.inf
        ended, self._ended = self._ended, None
        assert ended is not None
        ended(self)

    def _fail(self, error: UpstreamError) -> None:
        if self._expectant is not None:
            self._expectant.hand_over()
        self._ended = None
        body = self.parser.body
        body.fail(error)
        self.abort()
        body.wake()
