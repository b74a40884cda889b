"""Relaying a body: whole or cut, with its last byte held back until it is due."""

from math import floor

from earthwire.proxy.timing.clock import Clock
from earthwire.proxy.wire.body import Body
from earthwire.proxy.wire.response_writer import ResponseWriter


class Tail:
    """Sends body bytes as they come, but keeps the last byte back until it is due.

    Where a body ends is not known before it has ended. So until then one byte is always kept, unless the body comes in
    chunks: then it ends with a chunk of its own, and all that is kept back is that. An event of a stream never waits
    for its last byte.

    Args:
        writer: of the response.
        clock: says when the time has come.
        due_s: when the last byte is due (clock time).
    """

    __slots__ = ("_clock", "_due_s", "_held", "_writer")

    def __init__(self, writer: ResponseWriter, clock: Clock, due_s: float) -> None:
        self._writer = writer
        self._clock = clock
        self._due_s = due_s
        self._held = b""

    async def send(self, data: bytes) -> None:
        """Send bytes, less the one that may be the last."""
        data = self._held + data
        self._held = b""
        if not self._writer.chunked and self._clock.now() < self._due_s:
            data, self._held = data[:-1], data[-1:]
        self._writer.stage(data)
        await self.flush()

    async def flush(self) -> None:
        """Write what is staged; wait if the client reads slowly."""
        self._writer.flush()
        if self._writer.full:
            await self._writer.drain()

    async def end(self) -> None:
        """Send the last byte once it is due. A head without body is held back instead, if it has not left yet."""
        if self._clock.now() < self._due_s:
            if self._writer.body_bytes:
                await self.flush()
            await self._clock.wait_until(self._due_s)
        self._writer.stage(self._held)


async def relay_whole(body: Body, tail: Tail) -> None:
    """Relay a body as it comes.

    Raises:
        UpstreamError: if the upstream ends it before its end.
    """
    while True:
        if body.starved:
            await tail.flush()
        if not await body.more():
            break
        await tail.send(body.take())
    await tail.end()


async def relay_part(
    body: Body, tail: Tail, fraction: float, declared_bytes: int | None, held_bytes_max: int
) -> None:
    """Relay the first part of a body.

    Args:
        body: of the upstream.
        tail: sends to the client.
        fraction: part to send, in [0, 1), rounded down to bytes.
        declared_bytes: length of the body, or None if it is not known beforehand. Then what may still belong to the
            part is held; beyond `held_bytes_max` the cut is made as if the body had ended there.
        held_bytes_max: bound on it.

    Raises:
        UpstreamError: if the upstream ends the body before its end.
    """
    held = bytearray()
    sent_bytes = received_bytes = 0
    while True:
        if body.starved:
            await tail.flush()
        if not await body.more():
            break
        data = body.take()
        received_bytes += len(data)
        held += data
        part_bytes = floor(fraction * (received_bytes if declared_bytes is None else declared_bytes))
        piece = bytes(held[: part_bytes - sent_bytes])
        del held[: len(piece)]
        sent_bytes += len(piece)
        if piece:
            await tail.send(piece)
        if (declared_bytes is not None and sent_bytes >= part_bytes) or len(held) > held_bytes_max:
            break
    await tail.end()
