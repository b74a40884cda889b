"""The body of a message on its way through the proxy."""

from typing import Protocol

import msgspec

from earthwire.proxy.wire.fiber import Signal


class Flow(Protocol):
    """Where body bytes come from, as far as it can be slowed down."""

    def pause_reading(self) -> None:
        """Stop reading; may be called again while paused."""

    def resume_reading(self) -> None:
        """Read again; may be called while not paused."""


class Waiter(Protocol):
    """Who is to be told of a change."""

    def fire(self) -> None:
        """Go on."""


class Body(msgspec.Struct, eq=False):
    """Buffered bytes of one message body, in order, with a bound that pauses its source.

    Written by a parser (`feed`, `finish`, `fail`), read by one fiber (`take`, `more`). Writing does not resume the
    reader: the connection does so, by `wake`, once its parser is through.

    Attributes:
        flow: what to pause above `buffer_bytes_max`; None where the body is complete from the start.
        buffer_bytes_max: bound on what is held.
        complete: nothing more comes.
        error: why nothing more comes although the body is not complete, or None.
        received_bytes: bytes fed so far.
        trailers: fields behind a chunked body, as they are sent on.
    """

    flow: Flow | None
    buffer_bytes_max: int
    complete: bool = False
    error: Exception | None = None
    received_bytes: int = 0
    trailers: bytes = b""
    _chunks: list[bytes] = []
    _held_bytes: int = 0
    _waiter: Waiter | None = None
    _discarding: bool = False
    _kept: list[bytes] | None = None
    _kept_bytes_max: int = 0

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
        if self._held_bytes > self.buffer_bytes_max and self.flow is not None:
            self.flow.pause_reading()

    def feed_whole(self, data: bytes) -> None:
        """Add the whole body at once: nothing came before and nothing follows."""
        self.received_bytes = self._held_bytes = len(data)
        if not self._discarding:
            self._chunks.append(data)
        self.complete = True
        self.flow = None

    def finish(self) -> None:
        """Mark the body as complete."""
        self.complete = True
        flow, self.flow = self.flow, None
        if flow is not None and self._held_bytes > self.buffer_bytes_max:
            # Nothing more comes for this body; what comes next is not to wait for its reader.
            flow.resume_reading()

    def fail(self, error: Exception) -> None:
        """End the body before it is complete; the reader gets `error` after what is buffered. Idempotent."""
        if not self.complete and self.error is None:
            self.error = error

    def wake(self) -> None:
        """Resume whoever waits for a change."""
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            waiter.fire()

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
        if self._held_bytes > self.buffer_bytes_max and self.flow is not None:
            self.flow.resume_reading()
        self._held_bytes = 0
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def take_most(self, bytes_max: int) -> bytes:
        """Return bytes that are buffered, but no more than `bytes_max` of them."""
        data = self.take()
        if len(data) <= bytes_max:
            return data
        self._chunks = [data[bytes_max:]]
        self._held_bytes = len(data) - bytes_max
        if self._held_bytes > self.buffer_bytes_max and self.flow is not None:
            self.flow.pause_reading()
        return data[:bytes_max]

    async def buffered_whole(self) -> bool:
        """Wait until the whole body is buffered (True), or it failed or is longer than what may be held (False)."""
        while not self.complete and self.error is None and self._held_bytes <= self.buffer_bytes_max:
            await self.next_change()
        return self.complete

    def give_back(self, data: bytes) -> None:
        """Put bytes back that were taken; they are the next to be taken."""
        if data:
            self._chunks = [data, *self._chunks]
            self._held_bytes += len(data)

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

    def next_change(self) -> Signal:
        """Return a signal that fires at the next arrival of bytes or at the end; whoever else may fire it too."""
        self._waiter = waiter = Signal()
        return waiter

    def share_waiter(self, waiter: Waiter) -> None:
        """Have what waits for something else, too, fire at the next change of this body."""
        self._waiter = waiter

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


NO_BODY = Body(None, 0, complete=True)
"""The body of all messages that have none."""


def complete_body(data: bytes) -> Body:
    """Return a body that is complete from the start."""
    body = Body(None, len(data), complete=True)
    if data:
        body.feed_whole(data)
    return body
