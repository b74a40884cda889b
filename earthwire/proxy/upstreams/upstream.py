"""Live upstreams: the pool of keep-alive connections to them, and the exchanges on these."""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from earthwire.fault_models.plan import Plan
from earthwire.proxy.limits import Limits
from earthwire.proxy.upstreams.address_rules import is_among, is_link_local
from earthwire.proxy.upstreams.upstream_url import Upstream
from earthwire.proxy.wire.body import NO_BODY, Body
from earthwire.proxy.wire.chunked import chunk, last_chunk
from earthwire.proxy.wire.exchange import ResponseHead
from earthwire.proxy.wire.fiber import Fiber
from earthwire.proxy.wire.refusal import UpstreamError
from earthwire.proxy.wire.request import Request
from earthwire.proxy.wire.turns import Turns
from earthwire.proxy.wire.upstream_side import UpstreamConnection
from earthwire.proxy.wire.watchdog import Watchdog

if TYPE_CHECKING:
    from aiohappyeyeballs import AddrInfoType

_IDEMPOTENT_METHODS = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"))
_NEXT_ADDRESS_AFTER_S = 0.25  # RFC 8305, section 8: the connection attempt delay.
_OF_A_FAMILY_FIRST = 1  # RFC 8305, section 8: the first address family count.


class LiveSource:
    """A live upstream behind a pool of keep-alive connections.

    Its addresses are resolved once and stay the same: a name that later points elsewhere is not followed.

    Attributes:
        upstream: where to connect.
        server_address: host name of the upstream.

    Args:
        upstream: where to connect.
        limits: bounds.
        watchdog: enforces the bound on silence.
        turns: of the running loop.
        tls: context for an https upstream; None for one that verifies against the system's authorities.
    """

    def __init__(
        self,
        upstream: Upstream,
        limits: Limits,
        watchdog: Watchdog,
        turns: Turns,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.upstream = upstream
        self.server_address = upstream.host
        self._limits = limits
        self._watchdog = watchdog
        self._turns = turns
        self._tls = (tls or ssl.create_default_context()) if upstream.scheme == "https" else None
        self._addresses: list[AddrInfoType] = []
        self._forbidden: frozenset[tuple[str, int]] = frozenset()
        self._idle: list[UpstreamConnection] = []
        self._connections: set[UpstreamConnection] = set()
        # What stands between the method and the target, and between the target and the client's own headers.
        self._before_target = f" {upstream.base_path}"
        self._after_target = f" HTTP/1.1\r\nHost: {upstream.authority}\r\n"
        self._origin = f"Origin: {upstream.scheme}://{upstream.authority}\r\n"
        self._closed = False

    @property
    def idle_count(self) -> int:
        """Number of idle connections."""
        return len(self._idle)

    @property
    def connection_count(self) -> int:
        """Number of connections, busy and idle."""
        return len(self._connections)

    def forbid(self, endpoints: Iterable[tuple[str, int]]) -> None:
        """Never connect to these addresses and ports."""
        self._forbidden = frozenset(endpoints)

    async def check(self) -> None:
        """Resolve the name and open one connection, kept for the first call.

        Raises:
            UpstreamError: if the upstream cannot be reached.
        """
        self._idle.append(await self.connect())

    async def forward(self, request: Request, target: str, episode: str) -> "LiveExchange":
        """Send a request to the upstream (see `earthwire.proxy.wire.exchange.Source`)."""
        headers, body = request.headers, request.body
        whole = body.complete
        data = self.request_bytes(request, target)
        connection = self.pop() or await self.connect()
        may_repeat = whole and not headers.upgrades
        exchange = LiveExchange(self, connection, data if may_repeat else None, request.line.method, NO_BODY)
        exchange.begin(data)
        if headers.upgrades:
            connection.parser.upgrade_asked = True
        if not whole:
            await exchange.send_rest(request)
        return exchange

    def request_bytes(self, request: Request, target: str) -> bytes:
        """Return the head and as much of the body as is there.

        Raises:
            RequestRefusedError: if the body was refused before anything was sent: the upstream need not see its
                beginning.
        """
        headers, body = request.headers, request.body
        first_line = f"{request.line.method}{self._before_target}{target}{self._after_target}"
        if headers.own_origin:
            first_line += self._origin
        data = first_line.encode("ascii") + headers.forwarded
        if body is NO_BODY:
            return data
        if body.error is not None:
            raise body.error
        start = body.take()
        data += chunk(start) if headers.chunked else start
        if body.complete and headers.chunked:
            data += last_chunk(body.trailers)
        return data

    async def connect(self) -> UpstreamConnection:
        """Open a connection.

        Raises:
            UpstreamError: if that fails or takes too long.
        """
        # A task of its own, because a fiber cannot have a timeout.
        connecting = asyncio.get_running_loop().create_task(self._connect())
        try:
            return await connecting
        except asyncio.CancelledError:
            # It may have been made in the same turn: then nobody else would ever close it.
            connecting.add_done_callback(_close_unwanted)
            raise

    async def _connect(self) -> UpstreamConnection:
        where = f"{self.upstream.scheme}://{self.upstream.authority}"
        limit_s = self._limits.upstream_connect_s_max
        try:
            async with asyncio.timeout(limit_s):
                return await self._connect_any()
        except TimeoutError as error:
            raise UpstreamError("connect_timeout", f"{where}: no connection within {limit_s:g} s") from error
        except ssl.SSLError as error:
            raise UpstreamError("tls_failed", f"{where}: TLS failed: {error}") from error
        except socket.gaierror as error:
            raise UpstreamError("name_not_resolved", f"{where}: cannot resolve the name: {error}") from error
        except OSError as error:
            raise UpstreamError("connect_failed", f"{where}: cannot connect: {error}") from error

    def pop(self) -> UpstreamConnection | None:
        """Return the idle connection used last, which is the caller's now, or None; close those that are too old."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if connection.closed:
                continue
            if self._watchdog.horizon_s < connection.stale_at_s:
                return connection
            connection.close()
        return None

    def release(self, connection: UpstreamConnection) -> None:
        """Take a connection back whose exchange is over."""
        if not connection.request_sent:
            # What is left of the request must not wait for an upstream that does not want it.
            connection.abort()
            return
        reusable = connection.parser.reusable and not connection.closed
        if self._closed or not reusable or len(self._idle) >= self._limits.idle_upstream_connections_max:
            connection.close()
            return
        if connection.reading_paused:
            connection.resume_reading()
        self._idle.append(connection)

    def retire(self) -> None:
        """Close idle connections now, and the others when their exchanges are over."""
        self._closed = True
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def close(self) -> None:
        """Close all connections."""
        self._closed = True
        self._idle.clear()
        for connection in list(self._connections):
            connection.abort()

    def _gone(self, connection: UpstreamConnection) -> None:
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    async def _connect_any(self) -> UpstreamConnection:
        if self.upstream.unix_path is not None:
            return await self._connect_to_file(self.upstream.unix_path)
        if not self._addresses:
            self._addresses = await self._resolve()
        allowed = [each for each in self._addresses if not self._is_forbidden(each)]
        if not allowed:
            raise OSError("the upstream is this proxy itself, which is never connected to")
        return await self._connect_to(allowed)

    def _is_forbidden(self, found: "AddrInfoType") -> bool:
        return is_among(str(found[4][0]), self.upstream.port, self._forbidden)

    def _new_connection(self) -> UpstreamConnection:
        return UpstreamConnection(
            self._turns, self._limits, self._watchdog, self._connections.add, self._gone
        )

    async def _connect_to_file(self, path: str) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_unix_connection(
            self._new_connection,
            path,
        )
        return connection

    async def _connect_to(self, addresses: "list[AddrInfoType]") -> UpstreamConnection:
        """Connect to whichever address answers first: each next one is tried as well if those before are slow."""
        # Imported here since a command that connects to nothing starts without it.
        from aiohappyeyeballs import start_connection

        connected = await start_connection(
            addresses, happy_eyeballs_delay=_NEXT_ADDRESS_AFTER_S, interleave=_OF_A_FAMILY_FIRST
        )
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                self._new_connection,
                sock=connected,
                ssl=self._tls,
                server_hostname=self.upstream.host if self._tls is not None else None,
            )
        except BaseException:
            connected.close()
            raise
        return connection

    async def _resolve(self) -> "list[AddrInfoType]":
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self.upstream.host, self.upstream.port, type=socket.SOCK_STREAM)
        distinct: dict[AddrInfoType, None] = dict.fromkeys(found)
        allowed = [entry for entry in distinct if not is_link_local(str(entry[4][0]))]
        if not allowed:
            raise OSError("the name leads to link-local addresses only, which are never connected to")
        return allowed


class LiveExchange(msgspec.Struct, eq=False):
    """One exchange on a pooled connection.

    A connection that was idle may die just when it is used again. A request that got no byte of an answer is then
    sent once more, on a new connection, if it is known whole and its method is idempotent.

    Attributes:
        body: of the response, once the request was begun.

    Args:
        source: the pool.
        connection: taken from it.
        whole: the complete request, or None if it is streamed.
        method: of the request.
    """

    origin: ClassVar[Literal["upstream"]] = "upstream"
    recorded_plan: ClassVar[Plan | None] = None

    _source: LiveSource
    _connection: UpstreamConnection | None
    _whole: bytes | None
    _method: str
    body: Body
    _head: ResponseHead | None = None
    _uplink: Fiber | None = None

    def expect(self) -> None:
        """Expect the response to a request that was sent."""
        assert self._connection is not None
        self.body = self._connection.expect(head_request=self._method == "HEAD", ended=self._ended)

    def begin(self, data: bytes) -> None:
        """Send the request, or the first bytes of it."""
        assert self._connection is not None
        self.body = self._connection.begin(
            data, whole=self._whole is not None, head_request=self._method == "HEAD", ended=self._ended
        )

    async def send_rest(self, request: Request) -> None:
        """Send the rest of the request's body as it comes, until its end or until the upstream answers early."""
        body, connection = request.body, self._connection
        assert connection is not None
        chunked = request.headers.chunked
        try:
            while not connection.answered and not connection.closed:
                if body.starved:
                    await connection.body_or_answer(body)
                    continue
                if not await body.more():
                    break
                data = body.take()
                connection.send_more(chunk(data) if chunked else data)
                await connection.room_or_answer()
        except BaseException:
            self.cancel()
            raise
        if body.complete and not connection.answered and not connection.closed:
            connection.request_sent = True
            if chunked:
                connection.send_more(last_chunk(body.trailers))

    async def head(self) -> ResponseHead:
        """Return the head of the final response (see `earthwire.proxy.wire.exchange.Exchange`)."""
        while True:
            connection = self._connection
            # A complete response has given its connection back, which may serve another exchange by now.
            head = self._head if connection is None else connection.parser.head
            if head is not None:
                return head
            error = self.body.error
            if error is None:
                await self.body.next_change()
            elif self._may_repeat(error):
                assert self._whole is not None
                self._connection = await self._source.connect()
                self.begin(self._whole)
            else:
                raise error

    def pass_up(self, body: Body) -> None:
        """Send on what the client says from now on, since the upstream has switched to another protocol."""
        if self._connection is not None:
            self._uplink = Fiber(self._connection.turns.loop, _pass_up(body, self._connection))
            self._uplink.step()

    def finish(self) -> None:
        """Have the rest of the response read and dropped, if any is missing."""
        if self._uplink is not None:
            self.cancel()
        elif self._connection is not None:
            self._connection.abandon()

    def cancel(self) -> None:
        """Close the connection, unless the response is complete."""
        if self._uplink is not None:
            self._uplink.cancel()
            self._uplink = None
        if self._connection is not None:
            self._connection.abort()

    def _ended(self, connection: UpstreamConnection) -> None:
        """Keep the complete response and give the connection back at once, however long the response is held."""
        self._head = connection.parser.head
        self._connection = None
        self._whole = None
        self._source.release(connection)

    def _may_repeat(self, error: Exception) -> bool:
        connection = self._connection
        return (
            isinstance(error, UpstreamError)
            and error.code == "no_response"
            and connection is not None
            and connection.exchange_count > 1
            and not connection.answered
            and self._whole is not None
            and self._method in _IDEMPOTENT_METHODS
        )


def _close_unwanted(connecting: "asyncio.Task[UpstreamConnection]") -> None:
    """Close the connection that a cancelled call was waiting for, if it was made all the same."""
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().abort()


async def _pass_up(body: Body, connection: UpstreamConnection) -> None:
    """Send what a client says to an upstream that has switched protocols, no faster than it reads."""
    while not connection.closed and await body.more():
        connection.transport.write(body.take())
        if connection.write_full:
            await connection.drain()
