"""Writes one response to a client: framing, joining of small writes, and what was really sent and when."""

import time
from collections.abc import Iterator
from email.utils import formatdate
from http import HTTPStatus

import msgspec

from earthwire.fault_models.plan import Head
from earthwire.proxy.wire.chunked import chunk, last_chunk
from earthwire.proxy.wire.client_side import ClientConnection
from earthwire.proxy.wire.exchange import SWITCHING_PROTOCOLS, ResponseHead
from earthwire.proxy.wire.headers import serialise
from earthwire.proxy.wire.request import Request
from earthwire.traces.labels.body_class import is_stream_type

_REASONS = {status.value: status.phrase.encode("ascii") for status in HTTPStatus}
CHUNKS_TIMED_MAX = 10_000
TAIL_BYTES = 8 * 1024
"""What is kept of either end of a long stream, for what its first and last events state."""

_CLOSE = b"Connection: close\r\n"
_KEEP_ALIVE = b"Connection: keep-alive\r\n"


class ResponseWriter(msgspec.Struct, eq=False):
    """One response on its way to the client.

    Bytes are staged and leave in one write as soon as the performer has to wait (`flush`).

    Attributes:
        client: connection to write to.
        head_only: the request asked for a head only.
        http_1_0: the client speaks HTTP/1.0.
        reusable: the connection can carry another response after this one.
        kept_bytes_max: how much of the body is kept for the trace record.
        status: of the head that was staged, or None.
        content_type: of that head, or None.
        declared_bytes: Content-Length of that head, or None.
        body_bytes: body bytes staged so far.
        first_byte_s, last_byte_s: when the first and the last bytes were written so far (monotonic), or None.
        chunk_times_s: when parts of the body of a stream were written (monotonic), the first `CHUNKS_TIMED_MAX` of
            them; None where the response is no stream.
    """

    client: ClientConnection
    head_only: bool
    http_1_0: bool
    reusable: bool
    kept_bytes_max: int
    status: int | None = None
    content_type: str | None = None
    declared_bytes: int | None = None
    body_bytes: int = 0
    first_byte_s: float | None = None
    last_byte_s: float | None = None
    chunk_times_s: list[float] | None = None
    _timed_bytes: int = 0
    _tail: bytes = b""
    _staged: bytes = b""
    _kept: list[bytes] = []
    _bodiless: bool = False
    _chunked: bool = False

    @property
    def full(self) -> bool:
        """Whether the client reads more slowly than we write."""
        return self.client.write_full

    @property
    def chunked(self) -> bool:
        """Whether the body comes in chunks and has not ended."""
        return self._chunked

    def relay_head(self, head: ResponseHead) -> None:
        """Stage the head of the upstream's response, under the framing that this client needs."""
        self._bodiless = self.head_only or head.bodiless
        length = self.declared_bytes = head.content_length
        if length is None and not self._bodiless:
            self._chunked = not self.http_1_0 and head.status != SWITCHING_PROTOCOLS
            self.reusable = self.reusable and self._chunked
        self.status = head.status
        self.content_type = head.content_type
        if head.streams:
            self.chunk_times_s = []
        self._stage_head(head.start)

    def own_head(self, head: Head) -> None:
        """Stage a head of our own; without a length its body ends with the connection."""
        self._bodiless = self.head_only or head.status in (204, 304)
        headers = with_date(head.headers)
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        if head.content_length is None:
            self.reusable = self.reusable and self._bodiless
        elif head.status != 204:
            fields.append((b"content-length", b"%d" % head.content_length))
        self.status = head.status
        self.declared_bytes = head.content_length
        for name, value in head.headers:
            if name.lower() == "content-type":
                self.content_type = value
        if is_stream_type(self.content_type):
            self.chunk_times_s = []
        self._stage_head(
            serialise(b"HTTP/1.1 %d %b\r\n" % (head.status, _REASONS.get(head.status, b"")), fields)
        )

    def stage(self, data: bytes) -> None:
        """Stage bytes of the body; dropped where the response has none."""
        if self._bodiless or not data:
            return
        self.body_bytes += len(data)
        if self.body_bytes <= self.kept_bytes_max:
            self._kept.append(data)
        elif self.chunk_times_s is not None:
            self._keep_ends(data)
        self._staged += chunk(data) if self._chunked else data

    def _keep_ends(self, data: bytes) -> None:
        """Keep the beginning and the end of a stream that is too long to be kept whole."""
        if not self._kept:
            self._kept.append(data[:TAIL_BYTES])
        self._tail = (self._tail + data)[-TAIL_BYTES:]

    def raw(self, data: bytes) -> None:
        """Stage bytes outside of all framing, after which nobody can tell where another response would begin."""
        self.reusable = False
        self._staged += data

    def end(self, trailers: bytes = b"") -> None:
        """Stage the end of a body that is complete; only a chunked one has room for trailers."""
        if self._chunked:
            self._staged += last_chunk(trailers)
            self._chunked = False

    def written(self, head: ResponseHead, body: bytes, written_s: float) -> None:
        """Note what was written past this writer: the head of an upstream's response and the beginning of its body.

        Args:
            head: it declares the length of the body.
            body: what was written of it.
            written_s: when (monotonic).
        """
        self.relay_head(head)
        self.stage(body)
        self._staged = b""
        self.first_byte_s = self.last_byte_s = written_s

    def flush(self) -> None:
        """Write what is staged, in one piece."""
        staged = self._staged
        if not staged or self.client.closed:
            return
        self.client.write(staged)
        self._staged = b""
        self.last_byte_s = time.monotonic()
        if self.chunk_times_s is not None:
            self._note_chunk(self.last_byte_s)
        if self.first_byte_s is None:
            self.first_byte_s = self.last_byte_s
            self.client.answer_begun = True

    def time_chunks(self) -> None:
        """Note when parts of the body are written, though the response may be no stream."""
        if self.chunk_times_s is None:
            self.chunk_times_s = []

    def _note_chunk(self, now_s: float) -> None:
        times_s = self.chunk_times_s
        if times_s is not None and self.body_bytes > self._timed_bytes and len(times_s) < CHUNKS_TIMED_MAX:
            times_s.append(now_s)
        self._timed_bytes = self.body_bytes

    def kept_body(self) -> bytes:
        """Return the first bytes of the body: all of it unless `body_bytes` is larger."""
        return b"".join(self._kept)

    @property
    def tail(self) -> bytes:
        """The end of a stream that is too long to be kept whole: there it says what it took."""
        return self._tail

    async def drain(self) -> None:
        """Wait until the client has read enough for more."""
        await self.client.drain()

    @property
    def complete(self) -> bool:
        """Whether the response is one that the client can tell to be whole."""
        if self.status is None or self._chunked:
            return False
        return self._bodiless or self.declared_bytes is None or self.body_bytes == self.declared_bytes

    def _stage_head(self, start: bytes) -> None:
        if self.status == SWITCHING_PROTOCOLS:
            self.reusable = False
        elif not self.reusable:
            start += _CLOSE
        elif self.http_1_0:
            start += _KEEP_ALIVE
        if self._chunked:
            start += b"Transfer-Encoding: chunked\r\n"
        self._staged += start + b"\r\n"


def with_date(headers: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    """Yield the headers, with the time of now for an empty date."""
    for name, value in headers:
        is_now = name.lower() == "date" and not value
        yield name, formatdate(usegmt=True) if is_now else value


def response_writer(client: ClientConnection, request: Request, kept_bytes_max: int) -> ResponseWriter:
    """Return the writer of the response to a request.

    Args:
        client: connection to write to.
        request: that is answered.
        kept_bytes_max: how much of the body is kept for the trace record.
    """
    headers = request.headers
    return ResponseWriter(
        client,
        request.line.method == "HEAD",
        headers.http_1_0,
        headers.keep_alive and not client.draining,
        kept_bytes_max,
    )
