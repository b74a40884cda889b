"""What the two kinds of connections share: writing with back-pressure, pausing, and a coarse deadline."""

import asyncio
import math
import os
import sys

from earthwire.proxy.wire.fiber import Signal
from earthwire.proxy.wire.tcp_reset import reset_on_close
from earthwire.proxy.wire.turns import Turns


class Connection(asyncio.Protocol):
    """One TCP or TLS connection.

    Attributes:
        closed: the transport is gone, or the peer will send no more.
        write_full: the transport holds more than it should; await `drain` before writing more.
        reading_paused: bytes of the peer wait in the kernel.
        overdue_at_s: when `overdue` is to be called, by the watchdog (loop time); infinity for never.
        turns: of the loop that it lives on.

    Args:
        turns: of the running loop.
    """

    __slots__ = (
        "__weakref__",
        "_descriptor",
        "_drain_waiter",
        "closed",
        "overdue_at_s",
        "reading_paused",
        "transport",
        "turns",
        "write_full",
    )

    transport: asyncio.Transport

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.closed = False
        self.write_full = False
        self.overdue_at_s = math.inf
        self.reading_paused = False
        self._descriptor: int | None = None
        self._drain_waiter: Signal | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (called by the loop)."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self.transport = transport  # type: ignore[assignment]  # uvloop's transports are structural.
        self._descriptor = _plain_descriptor(transport)

    def data_received(self, data: bytes) -> None:
        """Have what the peer has sent taken in (called by the loop)."""
        turns = self.turns
        if turns.single_count:
            turns.single_count -= 1
            self.take_in(data)
        else:
            turns.bring(self, data)

    def take_in(self, data: bytes) -> None:
        """Work on what the peer has sent."""
        raise NotImplementedError

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake whoever waits to write (called by the loop)."""
        self.closed = True
        # The loop closes it next, and another connection may have its number then.
        self._descriptor = None
        self.overdue_at_s = math.inf
        self.resume_writing()

    def write(self, data: bytes) -> None:
        """Write at once what the operating system takes at once, and leave the rest to the transport.

        uvloop writes at the end of its turn. That costs a turn more where one call is under way, and whatever is done
        in between makes the call late.
        """
        if self._descriptor is not None and not self.transport.get_write_buffer_size():
            try:
                written_bytes = os.write(self._descriptor, data)
            except OSError:
                # The transport meets it as well, and knows what follows from it.
                written_bytes = 0
            if written_bytes == len(data):
                return
            data = data[written_bytes:]
        self.transport.write(data)

    def overdue(self) -> None:
        """End what took too long; called by the watchdog."""
        self.abort()

    def pause_writing(self) -> None:
        """Note that the transport's buffer is full (called by the loop)."""
        self.write_full = True

    def resume_writing(self) -> None:
        """Note that there is room again (called by the loop)."""
        self.write_full = False
        waiter = self._drain_waiter
        if waiter is not None:
            self._drain_waiter = None
            waiter.fire()

    async def drain(self) -> None:
        """Wait until there is room to write, or the connection is gone."""
        while self.write_full and not self.closed:
            self._drain_waiter = waiter = Signal()
            await waiter

    async def flushed(self) -> None:
        """Wait until all that was written is with the operating system, or the connection is gone."""
        # uvloop hands writes over at the end of the loop's turn.
        turn = Signal()
        self.turns.loop.call_soon(turn.fire)
        await turn
        if self.transport.get_write_buffer_size():
            self.transport.set_write_buffer_limits(0)
            await self.drain()

    def pause_reading(self) -> None:
        """Stop reading; may be called again while paused."""
        if not self.reading_paused and not self.closed:
            self.reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again; may be called while not paused."""
        if self.reading_paused and not self.closed:
            self.reading_paused = False
            self.transport.resume_reading()

    def close(self) -> None:
        """Close in order, after what was written."""
        self.closed = True
        self.transport.close()

    def abort(self) -> None:
        """Close at once."""
        self.closed = True
        self.transport.abort()

    def reset(self) -> None:
        """Close at once with a TCP reset."""
        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            reset_on_close(raw)
        self.abort()


def _plain_descriptor(transport: asyncio.BaseTransport) -> int | None:
    """Return what bytes can be written to past the transport, or None: TLS makes other bytes of them."""
    raw = transport.get_extra_info("socket")
    if raw is None or transport.get_extra_info("sslcontext") is not None or sys.platform == "win32":
        return None
    descriptor: int = raw.fileno()
    return descriptor
