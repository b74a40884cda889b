"""The client's side of the wire: one connection, served by one coroutine from its first request to its last."""

import asyncio
import math
from collections.abc import Callable, Coroutine

from earthwire.proxy.connection import Connection
from earthwire.proxy.limits import Limits
from earthwire.proxy.refusal import RequestRefusedError
from earthwire.proxy.request import Request
from earthwire.proxy.request_parser import HEAD_END, RequestParser
from earthwire.proxy.watchdog import Watchdog


class ClientLeftError(ConnectionError):
    """The client closed its connection before the call was over."""


class ClientConnection(Connection):
    """One connection of a client.

    A client that leaves while a request is being served cancels the coroutine that serves it, wherever it waits.

    Args:
        loop: the running loop.
        limits: bounds.
        watchdog: enforces the coarse timeouts.
        serve: the coroutine function that serves the connection.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        watchdog: Watchdog,
        serve: Callable[["ClientConnection"], Coroutine[None, None, None]],
    ) -> None:
        super().__init__(loop)
        self.left = False
        self.busy = False
        self._limits = limits
        self._watchdog = watchdog
        self._serve = serve
        self._parser = RequestParser(self, limits)
        self._pending = bytearray()
        self._request_waiter: asyncio.Future[Request | None] | None = None
        self._lingering = False
        self._draining = False

    # Called by the loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the coroutine that serves this connection."""
        super().connection_made(transport)
        self._watchdog.watch(self)
        self.task = self.loop.create_task(self._serve(self))

    def data_received(self, data: bytes) -> None:
        """Take bytes: of the body under way, of the next head, or of a request that has to wait for its turn."""
        if self._lingering:
            return
        parser = self._parser
        if parser.open_body is not None:
            data = self._parser.feed_body(data)
            self._await_body()
            if not data:
                return
        waiter = self._request_waiter
        if waiter is not None and not self._pending and self._is_one_head(data):
            self._parse(waiter, data)
            return
        self._pending += data
        if waiter is None:
            if len(self._pending) > self._limits.head_bytes_max:
                self.pause_reading()
            return
        self._parse(waiter, None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop serving (called by the loop)."""
        super().connection_lost(exc)
        self.left = True
        self._watchdog.unwatch(self)
        self._parser.fail_body(ClientLeftError("the client left"))
        self._parser.close()
        if self._request_waiter is not None:
            self._end_waiting()
        elif self.busy:
            self.task.cancel()

    def overdue(self) -> None:
        """Close a connection that is silent for too long; a head that does not end is answered."""
        waiter = self._request_waiter
        if self.reading_paused and self.busy:
            # It is we who do not read; the client is not to blame.
            self.overdue_at_s = self.loop.time() + self._limits.client_idle_s_max
        elif waiter is not None and self._pending and not waiter.done():
            self._request_waiter = None
            text = f"the request head did not end within {self._limits.client_head_s_max:g} s"
            waiter.set_exception(RequestRefusedError(408, "head_timeout", text))
        else:
            self.abort()

    # Called by the coroutine that serves the connection.

    async def next_request(self) -> Request | None:
        """Return the next request; None if the client has no more.

        Raises:
            RequestRefusedError: if what it sent is not a request that is served here.
        """
        self.busy = False
        if self.closed or self._draining:
            return None
        if self._pending:
            request = self._parser.feed_head(self._pending)
            if request is not None:
                self._begin()
                return request
        if self.reading_paused:
            self.resume_reading()
        self.overdue_at_s = self.loop.time() + self._limits.client_idle_s_max
        if self._pending:
            self._head_started()
        self._request_waiter = self.loop.create_future()
        return await self._request_waiter

    async def drain(self) -> None:
        """Wait until the client has read enough for more, or is gone; a client that stops reading is given up."""
        self.overdue_at_s = self.loop.time() + self._limits.client_idle_s_max
        await super().drain()
        self._await_body()

    async def settle(self, request: Request) -> bool:
        """Read the rest of an unwanted request body; tell whether the next request can be served."""
        body = request.body
        if not body.complete:
            if (request.content_length or 0) > self._limits.discarded_body_bytes_max:
                return False
            body.discard()
            self.resume_reading()
            self.overdue_at_s = self.loop.time() + self._limits.linger_s_max
            await body.ended()
            self.overdue_at_s = math.inf
        return body.complete and not self.closed

    def stop_when_idle(self) -> None:
        """Serve no further request: end now if none is under way."""
        self._draining = True
        if self._request_waiter is not None:
            self._end_waiting()

    @property
    def draining(self) -> bool:
        """Whether this connection ends after the call that is under way."""
        return self._draining

    def end(self, has_unread_input: bool) -> None:
        """Close after what was written.

        Args:
            has_unread_input: the client may still be sending. Closing at once would then make the kernel send a
                reset, which can destroy our answer on its way; so the client gets time to read it first.
        """
        self.busy = False
        if self.closed or not has_unread_input or not self.transport.can_write_eof():
            self.close()
            return
        self._lingering = True
        self.overdue_at_s = self.loop.time() + self._limits.linger_s_max
        self.resume_reading()
        self.transport.write_eof()

    def _is_one_head(self, data: bytes) -> bool:
        """Tell whether bytes are one head and nothing else: the usual case, which needs no buffer."""
        end = data.find(HEAD_END)
        return end >= 0 and end + len(HEAD_END) == len(data) <= self._limits.head_bytes_max

    def _parse(self, waiter: "asyncio.Future[Request | None]", head: bytes | None) -> None:
        """Hand the next request over, from a whole head or else from what is pending, once it is complete."""
        try:
            request = self._parser.feed_head(self._pending) if head is None else self._parser.parse_head(head)
        except RequestRefusedError as refusal:
            self._request_waiter = None
            waiter.set_exception(refusal)
            return
        if request is None:
            self._head_started()
            return
        self._request_waiter = None
        self._begin()
        waiter.set_result(request)

    def _begin(self) -> None:
        self.busy = True
        self.overdue_at_s = math.inf
        if self._parser.open_body is not None:
            if self._pending:
                self._pending = bytearray(self._parser.feed_body(bytes(self._pending)))
            self._await_body()

    def _await_body(self) -> None:
        """Bound the silence of a client that has not sent its whole request."""
        waiting = self._parser.open_body is not None
        self.overdue_at_s = self.loop.time() + self._limits.client_idle_s_max if waiting else math.inf

    def _head_started(self) -> None:
        """Start the time that a head may take, at its first bytes."""
        due_s = self.loop.time() + self._limits.client_head_s_max
        self.overdue_at_s = min(self.overdue_at_s, due_s)

    def _end_waiting(self) -> None:
        waiter, self._request_waiter = self._request_waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
