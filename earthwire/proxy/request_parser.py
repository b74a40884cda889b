"""From bytes of a client to requests.

llhttp parses, but does not tell where in its input a message ends. It is therefore fed in pieces that never reach
beyond the end of a head or of a body; what is left stays here until the current request is answered. So pipelined
requests are served in order, and each head can be checked as raw bytes.
"""

import time

import httptools

from earthwire.proxy import headers
from earthwire.proxy.body import NO_BODY, Body, Flow
from earthwire.proxy.headers import Fields, tokens, without_named
from earthwire.proxy.limits import Limits
from earthwire.proxy.refusal import RequestRefusedError
from earthwire.proxy.request import Request
from earthwire.proxy.request_rules import (
    body_length,
    check_body_bytes,
    check_folding,
    check_host,
    check_incomplete_head,
    check_target,
    check_version,
    connect_refusal,
    refusal_of_head,
)

HEAD_END = b"\r\n\r\n"
_LINE_END = b"\r\n"
_SPECIAL = headers.HOP_BY_HOP | {b"host", b"content-length", b"expect", headers.EPISODE_HEADER}
_NONE: tuple[bytes, ...] = ()


class RequestParser:
    """Parses the requests of one connection, one at a time.

    Attributes:
        open_body: of the request that was returned last, while it is still arriving; else None.

    Args:
        flow: the connection, to be paused while a body is not read.
        limits: bounds on heads and bodies.
    """

    __slots__ = (
        "_complete",
        "_fields",
        "_flow",
        "_limits",
        "_parser",
        "_remaining_bytes",
        "_searched",
        "_special",
        "_target",
        "open_body",
    )

    def __init__(self, flow: Flow, limits: Limits) -> None:
        self._flow: Flow | None = flow
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self._searched = 0
        self._remaining_bytes: int | None = 0
        self.open_body: Body | None = None
        self._complete = True
        self._start()

    def feed_head(self, data: bytearray) -> Request | None:
        """Parse a head at the start of `data` and remove it there; None if it is not complete.

        Raises:
            RequestRefusedError: if the head breaks a rule or a bound.
        """
        while data.startswith(_LINE_END):
            del data[:2]  # Empty lines before a request are to be ignored (RFC 9112, section 2.2).
        end = data.find(HEAD_END, self._searched)
        if end < 0 or end > self._limits.head_bytes_max:
            self._searched = max(0, len(data) - len(HEAD_END) + 1)
            check_incomplete_head(data, self._limits)
            return None
        self._searched = 0
        head = bytes(memoryview(data)[: end + 4]) if len(data) > end + 4 else bytes(data)
        del data[: end + 4]
        return self.parse_head(head)

    def feed_body(self, data: bytes) -> bytes:
        """Parse bytes of the body that is open; return what lies beyond its end.

        A body that breaks the chunked format or a bound is failed with `RequestRefusedError`.
        """
        body = self.open_body
        assert body is not None
        try:
            if self._remaining_bytes is None:
                return self._feed_chunked(body, data)
            return self._feed_counted(body, data, self._remaining_bytes)
        except httptools.HttpParserError as error:
            body.fail(RequestRefusedError(400, "bad_body", f"the request body is malformed: {error}"))
        except RequestRefusedError as refusal:
            body.fail(refusal)
        self.open_body = None
        return b""

    def fail_body(self, error: Exception) -> None:
        """End the open body with an error, if there is one."""
        if self.open_body is not None:
            self.open_body.fail(error)
            self.open_body = None

    def close(self) -> None:
        """Take no more bytes.

        Breaks the cycles of references through the connection and llhttp's object. Garbage in cycles would wait for
        a collection, and collecting that of thousands of connections at once stops the loop for 100 ms.
        """
        self._flow = None
        del self._parser

    def _feed_counted(self, body: Body, data: bytes, remaining_bytes: int) -> bytes:
        piece, rest = data[:remaining_bytes], data[remaining_bytes:]
        self._remaining_bytes = remaining_bytes - len(piece)
        self._parser.feed_data(piece)
        self._finish_body(body)
        return rest

    def _feed_chunked(self, body: Body, data: bytes) -> bytes:
        # The end of a chunked message is the end of a line: fed by lines, the parser cannot run beyond it.
        offset = 0
        for line in data.splitlines(keepends=True):
            self._parser.feed_data(line)
            offset += len(line)
            if self._complete:
                break
        check_body_bytes(body.received_bytes, self._limits)
        self._finish_body(body)
        return data[offset:]

    def _finish_body(self, body: Body) -> None:
        if self._complete:
            self.open_body = None
            body.finish()

    def parse_head(self, head: bytes) -> Request:
        """Parse a whole head with nothing before or behind it.

        Raises:
            RequestRefusedError: if the head breaks a rule or a bound.
        """
        arrival_s = time.monotonic()
        check_folding(head)
        self._start()
        try:
            self._parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            return self._parse_without_upgrade(head)
        except httptools.HttpParserError as error:
            raise self._refusal(error, head) from error
        request = self._build(arrival_s)
        if not self._complete:
            self.open_body = request.body
            self._remaining_bytes = None if request.chunked else request.content_length
        return request

    def _parse_without_upgrade(self, head: bytes) -> Request:
        """Parse a head as if it had not asked for an upgrade; a parser that saw it would take nothing more."""
        if self._parser.get_method() == b"CONNECT":
            raise connect_refusal()
        self._parser = httptools.HttpRequestParser(self)
        lines = head.split(b"\r\n")
        kept = [line for line in lines if line.partition(b":")[0].lower() != b"upgrade"]
        return self.parse_head(b"\r\n".join(kept))

    def _start(self) -> None:
        self._target = b""
        self._fields: Fields = []
        self._special: Fields = []
        self._complete = False

    def _build(self, arrival_s: float) -> Request:
        method = self._parser.get_method()
        version = self._parser.get_http_version()
        check_version(version)
        hosts = lengths = encodings = connections = expectations = episodes = _NONE
        for name, value in self._special:
            match name:
                case b"host":
                    hosts += (value,)
                case b"content-length":
                    lengths += (value,)
                case b"transfer-encoding":
                    encodings += (value,)
                case b"connection":
                    connections += (value,)
                case b"expect":
                    expectations += (value,)
                case headers.EPISODE_HEADER:
                    episodes += (value,)
        check_host(hosts, version)
        content_length = body_length(lengths, encodings, version, self._limits)
        fields = self._fields
        return Request(
            method.decode("ascii"),
            check_target(method, self._target, self._limits).decode("ascii"),
            without_named(fields, connections) if connections else fields,
            content_length,
            bool(encodings),
            _keeps_alive(version, connections) if connections else version == "1.1",
            version == "1.0",
            bool(expectations) and _expects_continue(expectations, version),
            episodes[-1].decode("latin-1") if episodes else None,
            arrival_s,
            NO_BODY if self._complete else Body(self._flow, self._limits.buffer_bytes_max),
        )

    def _refusal(self, error: httptools.HttpParserError, head: bytes) -> RequestRefusedError:
        if isinstance(error, httptools.HttpParserInvalidMethodError):
            return RequestRefusedError(501, "method_not_served", "the request method is not one of HTTP's")
        return refusal_of_head(head, str(error), self._limits)

    # What follows is called by httptools.

    def on_url(self, url: bytes) -> None:
        """Add a part of the request target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header field; trailers are dropped."""
        if self.open_body is not None:
            return
        folded = name.lower()
        if folded in _SPECIAL:
            self._special.append((folded, value))
        else:
            self._fields.append((name, value))

    def on_body(self, data: bytes) -> None:
        """Add bytes of the body."""
        if self.open_body is not None:
            self.open_body.feed(data)

    def on_message_complete(self) -> None:
        """Note the end of the message."""
        self._complete = True


def _keeps_alive(version: str, connection_values: tuple[bytes, ...]) -> bool:
    options = {token for value in connection_values for token in tokens(value)}
    return b"close" not in options and (version == "1.1" or b"keep-alive" in options)


def _expects_continue(values: tuple[bytes, ...], version: str) -> bool:
    if version == "1.0":
        return False
    if any(value.lower() != b"100-continue" for value in values):
        raise RequestRefusedError(417, "expectation_not_served", "only 'Expect: 100-continue' is served")
    return True
