"""Looks at the bytes that an MCP client gets: a relay before the proxy that keeps what answers its first tool call.

A plain request has no session, and so would not get what the client gets; what the client itself got is shown instead.
"""

import asyncio
import contextlib
from types import TracebackType
from typing import Final, Self

from earthwire.proxy.gauntlet.probe import SHOWN_BYTES_MAX, Seen
from earthwire.proxy.wire.tcp_reset import reset_on_close

_TOOL_CALL: Final = b'"tools/call"'
_READ_BYTES: Final = 64 * 1024


class Tap:
    """Relays connections for the length of a block.

    Attributes:
        port: where clients find it, once entered.

    Args:
        host, port: of the proxy.
    """

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self._proxy = (host, port)
        self._server: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()
        self._left: set[asyncio.StreamWriter] = set()
        # Of the connection that called a tool first: who it is, what it got, when, and how it ended.
        self._caller: asyncio.StreamWriter | None = None
        self._data = bytearray()
        self._byte_count = 0
        self._begin_s = self._last_s = 0.0
        self._ending = "kept open"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None, "it was entered"
        self._server.close()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    def seen(self) -> Seen | None:
        """Return what answered the first tool call; None if no tool was called."""
        if self._caller is None:
            return None
        ending = self._ending if self._byte_count or self._ending != "kept open" else "silence"
        return Seen(bytes(self._data), self._byte_count, ending, self._last_s - self._begin_s)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relays.add(task)
        try:
            proxy_reader, proxy_writer = await asyncio.open_connection(*self._proxy)
            up = asyncio.create_task(self._up(reader, proxy_writer, writer))
            try:
                await self._down(proxy_reader, writer)
            finally:
                up.cancel()
                proxy_writer.transport.abort()
        finally:
            writer.transport.abort()
            self._relays.discard(task)

    async def _up(
        self, reader: asyncio.StreamReader, proxy_writer: asyncio.StreamWriter, caller: asyncio.StreamWriter
    ) -> None:
        """Pass on what the client says; it is told of no end but that of the whole connection."""
        with contextlib.suppress(ConnectionError):
            while came := await reader.read(_READ_BYTES):
                if self._caller is None and _TOOL_CALL in came:
                    self._caller = caller
                    self._begin_s = self._last_s = asyncio.get_running_loop().time()
                proxy_writer.write(came)
                await proxy_writer.drain()
        # What comes to an end from now on, the client has ended.
        self._left.add(caller)
        proxy_writer.transport.abort()

    async def _down(self, proxy_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what the proxy says, and how it ends."""
        try:
            while came := await proxy_reader.read(_READ_BYTES):
                self._keep(writer, came)
                writer.write(came)
                await writer.drain()
            self._end(writer, "closed")
            writer.close()
            await writer.wait_closed()
        except ConnectionError:
            self._end(writer, "reset")
            with contextlib.suppress(OSError):
                reset_on_close(writer.get_extra_info("socket"))

    def _keep(self, writer: asyncio.StreamWriter, came: bytes) -> None:
        if writer is self._caller:
            self._data += came[: SHOWN_BYTES_MAX - len(self._data)]
            self._byte_count += len(came)
            self._last_s = asyncio.get_running_loop().time()

    def _end(self, writer: asyncio.StreamWriter, ending: str) -> None:
        if writer is self._caller and writer not in self._left:
            self._ending = ending
