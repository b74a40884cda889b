"""Decoding of chunked bodies, for both directions."""

from collections.abc import Callable

import httptools

_HEAD = b"POST / HTTP/1.1\r\nHost: -\r\nTransfer-Encoding: chunked\r\n\r\n"


class ChunkedDecoder:
    """Decodes one chunked body with llhttp, which is told by a head of our own what is to come. Trailers are dropped.

    Attributes:
        complete: the body has ended.
        overrun: there were bytes behind its end.

    Args:
        take: called with each piece of the decoded body.
    """

    __slots__ = ("_parser", "complete", "on_body", "overrun")

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self.on_body = take
        self.complete = False
        self.overrun = False
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(_HEAD)

    def feed(self, data: bytes) -> None:
        """Decode bytes behind which no other message may follow.

        Raises:
            httptools.HttpParserError: if they are malformed.
        """
        try:
            self._parser.feed_data(data)
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
            self._parser.feed_data(line)
            offset += len(line)
            if self.complete:
                break
        return data[offset:]

    def close(self) -> None:
        """Take no more bytes; breaks the cycle of references through llhttp's object."""
        del self._parser

    # What follows is called by httptools.

    def on_message_begin(self) -> None:
        """Note a message behind the end of this one."""
        self.overrun = self.complete

    def on_message_complete(self) -> None:
        """Note the end of the body."""
        self.complete = True
