"""Chunked bodies whole, in pieces and malformed, by one table for both directions."""

import httptools
import pytest

from earthwire.proxy.wire.chunked import FRAMING_BYTES_MAX, ChunkedDecoder

WHOLE = {
    "two chunks": (b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", b"hello", b""),
    "empty": (b"0\r\n\r\n", b"", b""),
    "extensions": (b'5;a=1;b="c"\r\nhello\r\n0;d\r\n\r\n', b"hello", b""),
    "leading zeros": (b"0005\r\nhello\r\n000\r\n\r\n", b"hello", b""),
    "line ends as data": (b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n", b""),
    "trailers": (b"5\r\nhello\r\n0\r\nX-A: 1\r\nx-b:\r\n\r\n", b"hello", b"X-A: 1\r\nx-b: \r\n"),
    "forbidden trailers": (b"0\r\nHost: a\r\nX: 1\r\nTE: b\r\nauthorization: c\r\n\r\n", b"", b"X: 1\r\n"),
}
MALFORMED = [
    b"xyz\r\n",
    b"+5\r\nhello\r\n",
    b"5\nhello\r\n",
    b"5\r\nhelloX\r\n",
    b"5\r\nhello\r\n0\r\nX : 1\r\n\r\n",
    b"fffffffffffffffff\r\n",
]


def decoder():
    pieces = []
    return ChunkedDecoder(pieces.append), pieces


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_pieces_do_not_matter(name, size):
    data, body, trailers = WHOLE[name]
    one, pieces = decoder()
    for start in range(0, len(data), size):
        assert not one.complete
        one.feed(data[start : start + size])
    assert (b"".join(pieces), one.complete, one.overrun, one.trailers) == (body, True, False, trailers)


@pytest.mark.parametrize("name", WHOLE)
def test_what_lies_behind_the_end_is_given_back(name):
    data, body, trailers = WHOLE[name]
    one, pieces = decoder()
    rest = one.feed_to_end(data + b"GET / HTTP/1.1\r\n\r\n")
    assert (rest, b"".join(pieces), one.trailers) == (b"GET / HTTP/1.1\r\n\r\n", body, trailers)


@pytest.mark.parametrize("behind", [b"X", b"HTTP/1.1 200 OK\r\n", b"GET / HTTP/1.1\r\n\r\n"])
def test_bytes_behind_the_end_are_noticed(behind):
    one, _ = decoder()
    one.feed(b"0\r\n\r\n" + behind)
    assert (one.complete, one.overrun) == (True, True)


@pytest.mark.parametrize("data", MALFORMED)
@pytest.mark.parametrize("feed", ["feed", "feed_to_end"])
def test_malformed_chunks_are_errors(data, feed):
    one, _ = decoder()
    with pytest.raises(httptools.HttpParserError):
        getattr(one, feed)(data)


@pytest.mark.parametrize("start", [b"5;", b"0\r\nX: ", b"0\r\n"])
def test_framing_without_end_is_an_error(start):
    one, _ = decoder()
    one.feed(start)
    for _ in range((FRAMING_BYTES_MAX - len(start)) // 1000):
        one.feed(b"a" * 1000)
    with pytest.raises(httptools.HttpParserError, match="chunk headers or trailers"):
        one.feed(b"a" * 1000)


def test_many_small_chunks_are_no_endless_framing():
    one, pieces = decoder()
    for _ in range(FRAMING_BYTES_MAX // 100):
        one.feed(b"1;" + b"e" * 100 + b"\r\nx\r\n")
    assert len(pieces) == FRAMING_BYTES_MAX // 100


def test_closed_decoder_is_freed_at_once():
    import gc
    import weakref

    class Taker:
        def take(self, data): ...

    taker = Taker()
    one = ChunkedDecoder(taker.take)
    gone = weakref.ref(taker)
    gc.disable()
    try:
        one.close()
        del one, taker
        assert gone() is None
    finally:
        gc.enable()
