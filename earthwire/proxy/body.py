"""The body of a message on its way through the proxy."""

import asyncio
from typing import Protocol


class Flow(Protocol):
    """Where body bytes come from, as far as it can be slowed down."""

    def pause_reading(self) -> None:
        """Stop reading; may be called again while paused."""

    def resume_reading(self) -> None:
        """Read again; may be called while not paused."""


class Body:
    """Buffered bytes of one message body, in order, with a bound that pauses its source.

    Written by a parser (`feed`, `finish`, `fail`), read by one coroutine (`take`, `more`).

    Args:
        flow: what to pause above `buffer_bytes_max`; None where the body is complete from the start.
        buffer_bytes_max: bound on what is held.
    """

    __slots__ = (
        "_chunks",
        "_discarding",
        "_flow",
        "_held_bytes",
        "_kept",
        "_kept_bytes_max",
        "_max_bytes",
        "_waiter",
        "complete",
        "error",
        "received_bytes",
    )

    def __init__(self, flow: Flow | None, buffer_bytes_max: int) -> None:
        self._flow = flow
        self._max_bytes = buffer_bytes_max
        self._chunks: list[bytes] = []
        self._held_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._discarding = False
        self._kept: list[bytes] | None = None
        self._kept_bytes_max = 0
        self.complete = False
        self.error: Exception | None = None
        self.received_bytes = 0

    @property
    def starved(self) -> bool:
        """Whether `more` would have to wait."""
        return not self._chunks and not self.complete and self.error is None

    def feed(self, data: bytes) -> None:
        """Add bytes at the end."""
        self.received_bytes += len(data)
        if self._kept is not None and self.received_bytes <= self._kept_bytes_max:
            self._kept.append(data)
        if self._discarding:
            return
        self._chunks.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > self._max_bytes and self._flow is not None:
            self._flow.pause_reading()
        if self._waiter is not None:
            self._wake()

    def finish(self) -> None:
        """Mark the body as complete."""
        self.complete = True
        if self._waiter is not None:
            self._wake()
        flow, self._flow = self._flow, None
        if flow is not None and self._held_bytes > self._max_bytes:
            # Nothing more comes for this body; what comes next is not to wait for its reader.
            flow.resume_reading()

    def fail(self, error: Exception) -> None:
        """End the body before it is complete; the reader gets `error` after what is buffered. Idempotent."""
        if not self.complete and self.error is None:
            self.error = error
            self._wake()

    def keep(self, bytes_max: int) -> None:
        """Keep a copy of the first bytes for `kept`; to be called before anything was taken."""
        if self is NO_BODY:
            return
        self._kept = list(self._chunks)
        self._kept_bytes_max = bytes_max

    def kept(self) -> bytes | None:
        """Return the whole body, or None if it was not kept or is longer than what is kept."""
        if not self.complete or self.received_bytes > self._kept_bytes_max:
            return None
        return b"".join(self._kept or ())

    def discard(self) -> None:
        """Drop what is buffered and all that follows."""
        self._discarding = True
        self.take()

    def take(self) -> bytes:
        """Return all bytes that are buffered, perhaps none, and make room for more."""
        chunks = self._chunks
        if not chunks:
            return b""
        self._chunks = []
        if self._held_bytes > self._max_bytes and self._flow is not None:
            self._flow.resume_reading()
        self._held_bytes = 0
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def more(self) -> bool:
        """Wait until bytes are buffered (True) or the body is complete and empty (False).

        Raises:
            Exception: the error that the body was failed with, once nothing is buffered.
        """
        while not self._chunks:
            if self.complete:
                return False
            if self.error is not None:
                raise self.error
            await self.next_change()
        return True

    def next_change(self) -> asyncio.Future[None]:
        """Return a future that is done at the next arrival of bytes or at the end; whoever else may wake it too."""
        self._waiter = asyncio.get_running_loop().create_future()
        return self._waiter

    async def ended(self) -> None:
        """Wait until the body is complete or failed, whatever is buffered; never raises."""
        while not self.complete and self.error is None:
            await self.next_change()

    async def read_all(self, bytes_max: int) -> bytes | None:
        """Return the whole body, or None once it is longer than `bytes_max`."""
        parts: list[bytes] = []
        size_bytes = 0
        while await self.more():
            parts.append(self.take())
            size_bytes += len(parts[-1])
            if size_bytes > bytes_max:
                return None
        return b"".join(parts)

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)


NO_BODY = Body(None, 0)
"""The body of all messages that have none."""
NO_BODY.finish()


def complete_body(data: bytes) -> Body:
    """Return a body that is complete from the start."""
    body = Body(None, len(data))
    if data:
        body.feed(data)
    body.finish()
    return body
