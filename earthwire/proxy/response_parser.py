"""From bytes of an upstream to responses."""

import httptools

from earthwire.proxy.body import Body, Flow
from earthwire.proxy.exchange import ResponseHead
from earthwire.proxy.headers import HOP_BY_HOP, Fields, without_named
from earthwire.proxy.limits import Limits
from earthwire.proxy.refusal import UpstreamError

_NOTED = HOP_BY_HOP | {b"content-length", b"content-type", b"content-encoding", b"retry-after"}


class ResponseParser:
    """Parses the one response that is due next on a connection.

    Attributes:
        head: of the final response, once it is complete.
        body: of the final response.
        complete: the response has ended.
        reusable: the connection may carry another exchange.

    Args:
        flow: the connection, to be paused while the body is not read.
        limits: bounds on the head and on 1xx responses.
    """

    __slots__ = (
        "_fields",
        "_flow",
        "_head_bytes",
        "_head_request",
        "_interim_count",
        "_limits",
        "_noted",
        "_parser",
        "_reason",
        "body",
        "complete",
        "head",
        "reusable",
    )

    def __init__(self, flow: Flow, limits: Limits) -> None:
        self._flow: Flow | None = flow
        self._limits = limits
        self._parser = httptools.HttpResponseParser(self)
        self._head_request = False
        self.begin(head_request=False)

    def begin(self, *, head_request: bool) -> None:
        """Expect the response to a request.

        Args:
            head_request: its method is HEAD, so that the response ends with its head.
        """
        if self._head_request:
            # The parser still expects the body that the last response only described.
            self._parser = httptools.HttpResponseParser(self)
        self._head_request = head_request
        self._interim_count = 0
        self._head_bytes = 0
        self._start()
        self.head: ResponseHead | None = None
        self.body = Body(self._flow, self._limits.buffer_bytes_max)
        self.complete = False
        self.reusable = False

    def feed(self, data: bytes) -> None:
        """Parse bytes.

        Raises:
            UpstreamError: if they are not a response within the bounds.
        """
        if self.head is None:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as error:
            raise UpstreamError("bad_response", "the upstream switched protocols unasked") from error
        except httptools.HttpParserError as error:
            if not (self.complete and self._head_request):
                raise UpstreamError(
                    "bad_response", f"the upstream's response is malformed: {error}"
                ) from error
        if self.head is None and self._head_bytes > self._limits.head_bytes_max:
            raise UpstreamError(
                "bad_response", f"the response head is longer than {self._limits.head_bytes_max} bytes"
            )
        if self._interim_count > self._limits.interim_responses_max:
            raise UpstreamError(
                "bad_response", f"more than {self._limits.interim_responses_max} interim responses"
            )

    def end_of_input(self) -> bool:
        """Take note that no more bytes come; tell whether that ends the response in order."""
        if self.complete:
            return True
        head = self.head
        if head is None or head.content_length is not None or self._chunked:
            return False
        self._finish()
        return True

    def close(self) -> None:
        """Take no more bytes.

        Breaks the cycles of references through the connection and llhttp's object. Garbage in cycles would wait for
        a collection, and collecting that of thousands of connections at once stops the loop for 100 ms.
        """
        self._flow = None
        del self._parser

    @property
    def _chunked(self) -> bool:
        return any(name == b"transfer-encoding" for name, _ in self._noted)

    def _start(self) -> None:
        self._reason = b""
        self._fields: Fields = []
        self._noted: Fields = []

    def _finish(self) -> None:
        self.complete = True
        self.body.finish()

    # What follows is called by httptools.

    def on_message_begin(self) -> None:
        """Start a response; one that nobody asked for makes the connection useless."""
        if self.complete:
            self.reusable = False
        elif self.head is None:
            self._start()

    def on_status(self, reason: bytes) -> None:
        """Add a part of the reason phrase."""
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header field; trailers are dropped."""
        if self.head is not None:
            return
        folded = name.lower()
        if folded in _NOTED:
            self._noted.append((folded, value))
            if folded in HOP_BY_HOP:
                return
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Build the head, unless the response is an interim one."""
        if self.head is not None or self._interim_count > self._limits.interim_responses_max:
            return
        status = self._parser.get_status_code()
        if status < 200:
            self._interim_count += 1
            return
        noted = dict(self._noted)
        length = noted.get(b"content-length")
        fields = self._fields
        if b"connection" in noted:
            fields = without_named(fields, [value for name, value in self._noted if name == b"connection"])
        self.reusable = self._parser.should_keep_alive()
        self.head = ResponseHead(
            status,
            self._reason,
            fields,
            None if length is None else int(length),
            noted.get(b"content-type"),
            noted.get(b"content-encoding"),
            noted.get(b"retry-after"),
        )
        if self._head_request:
            self._finish()

    def on_body(self, data: bytes) -> None:
        """Add bytes of the body."""
        if not self.complete:
            self.body.feed(data)

    def on_message_complete(self) -> None:
        """Note the end of the response; an interim one is only skipped."""
        if self.head is not None and not self.complete:
            self._finish()
