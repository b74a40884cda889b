"""Heads that were seen before are read from memory, and never otherwise than the first time."""

import itertools

import pytest

from earthwire.proxy.limits import Limits
from earthwire.proxy.wire.refusal import RequestRefusedError
from earthwire.proxy.wire.request_head import RequestHeadReader

LINES = (b"GET /a HTTP/1.1", b"POST /b?c=d HTTP/1.1", b"GET http://h/a HTTP/1.0", b"OPTIONS * HTTP/1.1")
HEADERS = (
    b"Host: a\r\n\r\n",
    b"Host: a\r\nContent-Length: 3\r\n\r\n",
    b"Host: a\r\nTransfer-Encoding: chunked\r\nX-Earthwire-Episode: e\r\n\r\n",
    b"Host: a\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nX-Kept: 2\r\n\r\n",
    b"X-No-Host: 1\r\n\r\n",
    b"Host: a\r\nExpect: 100-continue\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
)
HEADS = [line + b"\r\n" + headers for line, headers in itertools.product(LINES, HEADERS)]


def read(reader: RequestHeadReader, head: bytes) -> object:
    try:
        return reader.read(head)
    except RequestRefusedError as refusal:
        return refusal.code


def test_what_is_remembered_is_what_a_new_reader_says():
    """Every line with every header block: parts that were learned apart from each other are put together."""
    reader = RequestHeadReader(Limits())
    first = [read(reader, head) for head in HEADS]
    again = [read(reader, head) for head in HEADS]
    alone = [read(RequestHeadReader(Limits()), head) for head in HEADS]
    assert first == again == alone
    assert {"no_host", "encoding_in_1_0"} <= {code for code in alone if isinstance(code, str)}


@pytest.mark.parametrize(
    "head", [b"\r\n\r\n", b"GET /a\r\n\r\n", b"GET /a HTTP/1.1\r\n\r\n", b"X HTTP/1.1\r\n\r\n"]
)
def test_known_parts_do_not_make_a_broken_head_good(head):
    reader = RequestHeadReader(Limits())
    for known in HEADS:
        read(reader, known)
    assert isinstance(read(reader, head), str)


def test_memory_of_heads_is_bounded():
    reader = RequestHeadReader(Limits())
    for number in range(3000):
        reader.read(b"GET /%d HTTP/1.1\r\nHost: a\r\nX-Id: %d\r\n\r\n" % (number, number))
    assert len(reader._lines) <= 1024
    assert len(reader._headers) <= 1024


def test_long_heads_are_read_and_not_remembered():
    reader = RequestHeadReader(Limits())
    line, _ = reader.read(b"GET /a HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 5000 + b"\r\n\r\n")
    assert line.target == "/a"
    assert not reader._headers
