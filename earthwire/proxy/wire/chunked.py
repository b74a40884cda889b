"""Chunked bodies: decoded and encoded, for both directions."""

from collections.abc import Callable

import httptools

from earthwire.proxy.wire.headers import HOP_BY_HOP, Fields, serialise

FRAMING_BYTES_MAX = 64 * 1024
"""Chunk headers, extensions and trailers without a byte of body in between; more of them fails the body."""

_NEVER_TRAILERS = HOP_BY_HOP | frozenset(
    (
        *(b"authorization", b"cache-control", b"content-encoding", b"content-length", b"content-range"),
        *(b"content-type", b"cookie", b"date", b"expect", b"expires", b"host", b"location", b"max-forwards"),
        *(b"pragma", b"range", b"retry-after", b"set-cookie", b"trailer", b"vary", b"www-authenticate"),
    )
)
"""What must be known before a body is read, or decides about access (RFC 9110, section 6.5.1)."""

_HEAD = b"POST / HTTP/1.1\r\nHost: -\r\nTransfer-Encoding: chunked\r\n\r\n"


class ChunkedDecoder:
    """Decodes one chunked body with llhttp, which is told by a head of our own what is to come.

    Attributes:
        complete: the body has ended.
        overrun: there were bytes behind its end.

    Args:
        take: called with each piece of the decoded body.
    """

    __slots__ = ("_framing_bytes", "_parser", "_take", "_trailers", "complete", "overrun")

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._trailers: Fields = []
        self._framing_bytes = 0
        self.complete = False
        self.overrun = False
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(_HEAD)
        # Those of the head.
        self._trailers.clear()

    @property
    def trailers(self) -> bytes:
        """Trailers that may be passed on, as they are sent; complete once the body is."""
        return serialise(b"", [field for field in self._trailers if field[0].lower() not in _NEVER_TRAILERS])

    def feed(self, data: bytes) -> None:
        """Decode bytes behind which no other message may follow.

        Raises:
            httptools.HttpParserError: if they are malformed.
        """
        try:
            self._feed(data)
        except httptools.HttpParserError:
            if not self.complete:
                raise
            self.overrun = True

    def feed_to_end(self, data: bytes) -> bytes:
        """Decode bytes up to the end of the body; return what lies beyond it.

        llhttp does not tell where in its input a message ends, but the end of a chunked message is the end of a line:
        fed by lines, it cannot run beyond.

        Raises:
            httptools.HttpParserError: if they are malformed.
        """
        offset = 0
        for line in data.splitlines(keepends=True):
            self._feed(line)
            offset += len(line)
            if self.complete:
                break
        return data[offset:]

    def close(self) -> None:
        """Take no more bytes; breaks the cycle of references through llhttp's object."""
        del self._parser

    def _feed(self, data: bytes) -> None:
        self._framing_bytes += len(data)
        self._parser.feed_data(data)
        if self._framing_bytes > FRAMING_BYTES_MAX:
            raise httptools.HttpParserError(
                f"more than {FRAMING_BYTES_MAX} bytes of chunk headers or trailers"
            )

    # What follows is called by httptools.

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._framing_bytes = 0
        self._take(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a trailer."""
        self._trailers.append((name, value))

    def on_message_begin(self) -> None:
        """Note a message behind the end of this one."""
        self.overrun = self.complete

    def on_message_complete(self) -> None:
        """Note the end of the body."""
        self.complete = True


def chunk(data: bytes) -> bytes:
    """Return bytes as one chunk of a chunked body; nothing for no bytes, since an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def last_chunk(trailers: bytes) -> bytes:
    """Return the end of a chunked body: the chunk of size 0, the trailers, and an empty line."""
    return b"0\r\n%b\r\n" % trailers
