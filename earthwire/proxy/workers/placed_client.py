"""A client connection of one worker among several: requests of episodes that are another's go there, with it."""

import asyncio
import os
from collections.abc import Callable, Coroutine

from earthwire.proxy.limits import Limits
from earthwire.proxy.wire.client_side import ClientConnection
from earthwire.proxy.wire.refusal import RequestRefusedError
from earthwire.proxy.wire.request import Request
from earthwire.proxy.wire.request_head import RequestHeadReader
from earthwire.proxy.wire.request_parser import RequestParser
from earthwire.proxy.wire.turns import Turns
from earthwire.proxy.wire.watchdog import Watchdog
from earthwire.proxy.workers.placement import Placement

PassOn = Callable[[int, int, bytes], None]
"""Takes the number of a worker, the descriptor of a socket, and the bytes that were read from it."""


class MisplacedRequestError(RequestRefusedError):
    """A request of an episode that another worker serves.

    Args:
        port: that worker's own.
    """

    def __init__(self, port: int) -> None:
        text = f"another worker serves this episode: its base URL has port {port}"
        super().__init__(421, "misdirected", text)
        self.port = port


class PlacedRequestParser(RequestParser):
    """Parses requests, and leaves those that are another worker's as they came.

    Args:
        flow, heads, limits: as `RequestParser` has them.
        placement: of this worker.
    """

    __slots__ = ("_placement",)

    def __init__(
        self, flow: ClientConnection, heads: RequestHeadReader, limits: Limits, placement: Placement
    ) -> None:
        super().__init__(flow, heads, limits)
        self._placement = placement

    def next_request(self) -> Request | None:
        """Parse the next head in `pending`; None if it is not complete.

        Raises:
            MisplacedRequestError: if it is of another worker's episode; `pending` then holds it, whole.
            RequestRefusedError: if the head breaks a rule or a bound.
        """
        before = self.pending
        request = super().next_request()
        owner = None if request is None else self._placement.owner_elsewhere(request)
        if owner is None:
            return request
        self._close_body()
        self.pending = before
        raise MisplacedRequestError(self._placement.ports[owner])


class PlacedClientConnection(ClientConnection):
    """A connection that is passed on when a request on it belongs to another worker.

    Args:
        turns, limits, watchdog, heads, serve: as `ClientConnection` has them.
        placement: of this worker.
        pass_on: takes the connection when it is another worker's.
        received: what a worker had read that passed it on to this one.
    """

    __slots__ = ("_pass_on", "_placement", "_received")

    def __init__(
        self,
        turns: Turns,
        limits: Limits,
        watchdog: Watchdog,
        heads: RequestHeadReader,
        serve: Callable[[ClientConnection], Coroutine[None, None, None]],
        placement: Placement,
        pass_on: PassOn,
        received: bytes = b"",
    ) -> None:
        super().__init__(turns, limits, watchdog, heads, serve)
        self._parser = PlacedRequestParser(self, heads, limits, placement)
        self._placement = placement
        self._pass_on = pass_on
        self._received = received

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the fiber that serves this connection, with what another worker had read."""
        super().connection_made(transport)
        received, self._received = self._received, b""
        if received:
            self.take_in(received)

    async def next_request(self) -> Request | None:
        """Return the next request; None if the client has no more, or none for this worker.

        Raises:
            RequestRefusedError: if what it sent is not a request that is served here.
        """
        try:
            return await super().next_request()
        except MisplacedRequestError as misplaced:
            if self.transport.get_extra_info("ssl_object") is not None:
                # What was agreed on with the client is known to this process only.
                raise
            await self._leave_to(self._placement.ports.index(misplaced.port))
            return None

    async def _leave_to(self, owner: int) -> None:
        """Pass the connection on, once the client has all answers that it is due from here."""
        self.pause_reading()
        await self.flushed()
        raw = self.transport.get_extra_info("socket")
        if self.closed or raw is None:
            return
        received, self._parser.pending = self._parser.pending, b""
        self._pass_on(owner, os.dup(raw.fileno()), received)
        # Ours is closed; the other one's descriptor keeps the connection open.
        self.abort()
