"""From bytes of an upstream to responses: where the head and the body of the one that is due begin and end."""

import httptools

from earthwire.proxy.limits import Limits
from earthwire.proxy.wire.body import Body, Flow
from earthwire.proxy.wire.chunked import ChunkedDecoder
from earthwire.proxy.wire.exchange import SWITCHING_PROTOCOLS, ResponseHead
from earthwire.proxy.wire.headers import HEAD_END
from earthwire.proxy.wire.refusal import UpstreamError
from earthwire.proxy.wire.response_head import read_response_head

_START = b"HTTP/1."


class ResponseParser:
    """Parses the one response that is due next on a connection.

    Attributes:
        head: of the final response, once it is complete.
        body: of the final response.
        complete: the response has ended.
        reusable: the connection may carry another exchange.
        upgrade_asked: the request wished for another protocol; to be set after `begin`.

    Args:
        flow: the connection, to be paused while the body is not read.
        limits: bounds on the head and on 1xx responses.
    """

    __slots__ = (
        "_chunked",
        "_flow",
        "_head_request",
        "_interim_count",
        "_limits",
        "_pending",
        "_remaining_bytes",
        "body",
        "complete",
        "head",
        "reusable",
        "upgrade_asked",
    )

    def __init__(self, flow: Flow, limits: Limits) -> None:
        self._flow: Flow | None = flow
        self._limits = limits
        self._pending = b""
        self._chunked: ChunkedDecoder | None = None
        self._remaining_bytes: int | None = None
        self.begin(head_request=False)

    def begin(self, *, head_request: bool) -> Body:
        """Expect the response to a request; return its body, which is still empty.

        Args:
            head_request: its method is HEAD, so that the response ends with its head.
        """
        self._head_request = head_request
        self._interim_count = 0
        self.head: ResponseHead | None = None
        self.body = body = Body(self._flow, self._limits.buffer_bytes_max)
        self.complete = False
        self.reusable = False
        self.upgrade_asked = False
        return body

    def whole(self, data: bytes) -> tuple[ResponseHead, bytes] | None:
        """Return head and body of the usual response, which comes whole, in one piece; None for all others.

        It is not for a request by HEAD, and nothing of the response was fed before. What is no response is None, too:
        feeding it tells why.
        """
        end = data.find(HEAD_END) + len(HEAD_END)
        if end < len(HEAD_END) or end > self._limits.head_bytes_max:
            return None
        try:
            head = read_response_head(data[:end])
        except UpstreamError:
            return None
        body = data[end:]
        if head.content_length != len(body) or not head.sized:
            return None
        self.reusable = head.keep_alive
        return head, body

    def feed(self, data: bytes) -> None:
        """Parse bytes.

        Raises:
            UpstreamError: if they are not a response within the bounds.
        """
        while self.head is None:
            if self._pending:
                data = self._pending + data
            end = data.find(HEAD_END) + len(HEAD_END)
            if end < len(HEAD_END) or end > self._limits.head_bytes_max:
                self._check_incomplete_head(data)
                self._pending = data
                return
            self._pending = b""
            head = read_response_head(data[:end])
            data = data[end:]
            if head.content_length == len(data) and head.sized and not self._head_request:
                # The usual response comes whole, in one piece.
                self.head = head
                self.reusable = head.keep_alive
                self.body.feed_whole(data)
                self.complete = True
                return
            self._take_head(head)
        if data:
            self._feed_body(data)

    def end_of_input(self) -> bool:
        """Take note that no more bytes come; tell whether that ends the response in order."""
        if self.complete:
            return True
        if self.head is None or self._remaining_bytes is not None or self._chunked is not None:
            return False
        self._finish()
        return True

    def close(self) -> None:
        """Take no more bytes; breaks the cycle of references with the connection."""
        self._flow = None
        self._close_decoder()

    def _check_incomplete_head(self, data: bytes) -> None:
        if not data.startswith(_START[: len(data)]) or b"\n\n" in data:
            raise UpstreamError("bad_response", "the upstream's response is malformed: it is not HTTP/1")
        if len(data) > self._limits.head_bytes_max:
            text = f"the response head is longer than {self._limits.head_bytes_max} bytes"
            raise UpstreamError("bad_response", text)

    def _take_head(self, head: ResponseHead) -> None:
        """Decide where the body ends (RFC 9112, section 6.3), unless the response is an interim one."""
        if head.status < 200 and not (head.status == SWITCHING_PROTOCOLS and self.upgrade_asked):
            self._skip_interim(head.status)
            return
        self.head = head
        length = self._remaining_bytes = head.content_length
        if head.chunked:
            self._chunked = ChunkedDecoder(self.body.feed)
        self.reusable = head.keep_alive and (length is not None or head.chunked)
        if length == 0 or self._head_request or head.bodiless:
            self.reusable = head.keep_alive
            self._finish()

    def _skip_interim(self, status: int) -> None:
        if status == SWITCHING_PROTOCOLS:
            raise UpstreamError("bad_response", "the upstream switched protocols unasked")
        self._interim_count += 1
        if self._interim_count > self._limits.interim_responses_max:
            text = f"more than {self._limits.interim_responses_max} interim responses"
            raise UpstreamError("bad_response", text)

    def _feed_body(self, data: bytes) -> None:
        if self.complete:
            # Bytes that nobody asked for make the connection useless.
            self.reusable = False
        elif self._chunked is not None:
            self._feed_chunked(self._chunked, data)
        elif self._remaining_bytes is None:
            self.body.feed(data)
        else:
            self._feed_counted(data, self._remaining_bytes)

    def _feed_counted(self, data: bytes, remaining_bytes: int) -> None:
        if len(data) > remaining_bytes:
            self.reusable = False
            data = data[:remaining_bytes]
        self.body.feed(data)
        self._remaining_bytes = remaining_bytes - len(data)
        if not self._remaining_bytes:
            self._finish()

    def _feed_chunked(self, decoder: ChunkedDecoder, data: bytes) -> None:
        try:
            decoder.feed(data)
        except httptools.HttpParserError as error:
            raise UpstreamError("bad_response", f"the upstream's response is malformed: {error}") from error
        if decoder.complete:
            self.body.trailers = decoder.trailers
            self.reusable = self.reusable and not decoder.overrun
            self._finish()

    def _finish(self) -> None:
        self.complete = True
        self.body.finish()
        self._close_decoder()

    def _close_decoder(self) -> None:
        if self._chunked is not None:
            self._chunked.close()
            self._chunked = None
