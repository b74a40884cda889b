"""From bytes of a client to requests: where each head and each body begins and ends.

Bytes never go to a parser beyond the end of a head or of a body; what is left waits until the current request is
answered. So pipelined requests are served in order, and each head is checked as raw bytes.
"""

import sys
import time

import httptools

from earthwire.proxy.limits import Limits
from earthwire.proxy.wire.body import NO_BODY, Body, Flow
from earthwire.proxy.wire.chunked import ChunkedDecoder
from earthwire.proxy.wire.headers import HEAD_END
from earthwire.proxy.wire.refusal import RequestRefusedError
from earthwire.proxy.wire.request import Request, RequestHeaders
from earthwire.proxy.wire.request_head import RequestHeadReader
from earthwire.proxy.wire.request_rules import check_body_bytes, check_incomplete_head

_LINE_END = b"\r\n"


class RequestParser:
    """Parses the requests of one connection, one at a time.

    Attributes:
        open_body: of the request that was returned last, while it is still arriving; else None.
        pending: bytes behind the last request, not parsed yet.

    Args:
        flow: the connection, to be paused while a body is not read.
        heads: reads heads.
        limits: bounds on heads and bodies.
    """

    __slots__ = ("_chunked", "_flow", "_heads", "_limits", "_remaining_bytes", "open_body", "pending")

    def __init__(self, flow: Flow, heads: RequestHeadReader, limits: Limits) -> None:
        self._flow: Flow | None = flow
        self._heads = heads
        self._limits = limits
        self._chunked: ChunkedDecoder | None = None
        self._remaining_bytes = 0
        self.open_body: Body | None = None
        self.pending = b""

    def next_request(self) -> Request | None:
        """Parse the next head in `pending`; None if it is not complete.

        Raises:
            RequestRefusedError: if the head breaks a rule or a bound.
        """
        data = self.pending
        while data.startswith(_LINE_END):
            # Empty lines before a request are to be ignored (RFC 9112, section 2.2).
            data = self.pending = data[2:]
        end = data.find(HEAD_END) + len(HEAD_END)
        if end < len(HEAD_END) or end > self._limits.head_bytes_max:
            check_incomplete_head(data, self._limits)
            return None
        arrival_s = time.monotonic()
        self.pending = data[end:]
        line, headers = self._heads.read(data[:end])
        if not headers.content_length and not headers.chunked:
            return Request(line, headers, arrival_s, NO_BODY)
        return Request(line, headers, arrival_s, self._open_body(headers))

    def begin_tunnel(self) -> Body:
        """Return a body that all bytes from now on belong to."""
        body = self.open_body = Body(self._flow, self._limits.buffer_bytes_max)
        self._remaining_bytes = sys.maxsize
        if self.pending:
            body.feed(self.pending)
            self.pending = b""
        return body

    def feed_body(self, data: bytes) -> bytes:
        """Parse bytes of the body that is open; return what lies beyond its end.

        A body that breaks the chunked format or a bound is failed with `RequestRefusedError`.
        """
        body = self.open_body
        assert body is not None
        if self._chunked is None:
            return self._feed_counted(body, data)
        try:
            return self._feed_chunked(body, self._chunked, data)
        except httptools.HttpParserError as error:
            body.fail(RequestRefusedError(400, "bad_body", f"the request body is malformed: {error}"))
        except RequestRefusedError as refusal:
            body.fail(refusal)
        self._close_body()
        return b""

    def fail_body(self, error: Exception) -> None:
        """End the open body with an error, if there is one."""
        if self.open_body is not None:
            self.open_body.fail(error)
            self._close_body()

    def close(self) -> None:
        """Take no more bytes; breaks the cycle of references with the connection."""
        self._flow = None

    def _open_body(self, headers: RequestHeaders) -> Body:
        body = self.open_body = Body(self._flow, self._limits.buffer_bytes_max)
        self._remaining_bytes = headers.content_length or 0
        if headers.chunked:
            self._chunked = ChunkedDecoder(body.feed)
        return body

    def _feed_counted(self, body: Body, data: bytes) -> bytes:
        remaining_bytes = self._remaining_bytes
        body.feed(data[:remaining_bytes])
        self._remaining_bytes = max(0, remaining_bytes - len(data))
        if not self._remaining_bytes:
            body.finish()
            self._close_body()
        return data[remaining_bytes:]

    def _feed_chunked(self, body: Body, decoder: ChunkedDecoder, data: bytes) -> bytes:
        rest = decoder.feed_to_end(data)
        check_body_bytes(body.received_bytes, self._limits)
        if decoder.complete:
            body.trailers = decoder.trailers
            body.finish()
            self._close_body()
        return rest

    def _close_body(self) -> None:
        self.open_body = None
        if self._chunked is not None:
            self._chunked.close()
            self._chunked = None
