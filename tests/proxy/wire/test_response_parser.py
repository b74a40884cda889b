"""Responses whole, byte by byte and with bytes behind them: the same head, body and verdict on the connection."""

import pytest

from earthwire.proxy.limits import Limits
from earthwire.proxy.wire.refusal import UpstreamError
from earthwire.proxy.wire.response_parser import ResponseParser

COUNTED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
WHOLE = {
    "counted": (COUNTED, b"hello", True),
    "chunked": (CHUNKED, b"hello", True),
    "interim": (INTERIM + COUNTED, b"hello", True),
    "empty": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"", True),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b"", True),
    "close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    "1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
}


class Flow:
    """Nothing to pause."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def fed(*pieces: bytes, head_request: bool = False) -> ResponseParser:
    parser = ResponseParser(Flow(), Limits())
    parser.begin(head_request=head_request)
    for piece in pieces:
        parser.feed(piece)
    return parser


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_pieces_do_not_matter(name, size):
    data, body, reusable = WHOLE[name]
    parser = fed(*(data[start : start + size] for start in range(0, len(data), size)))
    assert (parser.complete, parser.body.take(), parser.reusable) == (True, body, reusable)


@pytest.mark.parametrize("name", ["counted", "chunked", "empty", "204", "304"])
@pytest.mark.parametrize("split", [True, False])
def test_bytes_behind_a_response_make_the_connection_useless(name, split):
    data, body, _ = WHOLE[name]
    extra = b"HTTP/1.1 200 OK\r\n"
    parser = fed(data, extra) if split and name != "chunked" else fed(data + extra)
    assert (parser.complete, parser.body.take(), parser.reusable) == (True, body, False)


def test_answer_to_head_has_no_body():
    parser = fed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", head_request=True)
    assert (parser.complete, parser.reusable) == (True, True)


def test_body_without_length_ends_with_the_connection():
    parser = fed(b"HTTP/1.1 200 OK\r\n\r\nhe", b"llo")
    assert not parser.complete
    assert parser.end_of_input()
    assert (parser.body.take(), parser.reusable) == (b"hello", False)


@pytest.mark.parametrize("name", ["counted", "chunked"])
def test_cut_body_is_no_end(name):
    parser = fed(WHOLE[name][0][:-2])
    assert not parser.end_of_input()


@pytest.mark.parametrize(
    "data",
    [
        b"SMTP ready\r\n",
        b"HTTP/1.1 200 OK\n\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    ],
)
def test_ambiguous_and_malformed_responses_are_refused(data):
    with pytest.raises(UpstreamError) as error:
        fed(data)
    assert error.value.code == "bad_response"
