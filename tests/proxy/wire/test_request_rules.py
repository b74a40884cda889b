"""Requests that are refused, on the wire: the upstream must never see one of them."""

import pytest

from earthwire.proxy.limits import Limits
from earthwire.proxy.wire.refusal import RequestRefusedError
from earthwire.proxy.wire.request_rules import check_target

POST = b"POST /x HTTP/1.1\r\nHost: a\r\n"
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n"

REFUSED = {
    "length and encoding": (
        POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
        "length_and_encoding",
    ),
    "encoding and length": (
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
        400,
        "length_and_encoding",
    ),
    "two lengths": (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400, "several_lengths"),
    "two equal lengths": (
        POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        400,
        "several_lengths",
    ),
    "length list": (POST + b"Content-Length: 3, 3\r\n\r\nabc", 400, "bad_length"),
    "signed length": (POST + b"Content-Length: +3\r\n\r\nabc", 400, "bad_length"),
    "negative length": (POST + b"Content-Length: -3\r\n\r\nabc", 400, "bad_length"),
    "hexadecimal length": (POST + b"Content-Length: 0x3\r\n\r\nabc", 400, "bad_length"),
    "empty length": (POST + b"Content-Length:\r\n\r\nabc", 400, "bad_length"),
    "huge length": (POST + b"Content-Length: 99999999999999999999999\r\n\r\n", 400, "bad_length"),
    "2 GiB": (POST + b"Content-Length: 2147483648\r\n\r\n", 413, "body_too_long"),
    "gzip coding": (POST + b"Transfer-Encoding: gzip\r\n\r\n", 501, "encoding_not_served"),
    "gzip, chunked": (
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        501,
        "encoding_not_served",
    ),
    "xchunked": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501, "encoding_not_served"),
    "chunked twice": (
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        501,
        "encoding_not_served",
    ),
    "chunked in 1.0": (
        b"POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "encoding_in_1_0",
    ),
    "folded line": (GET + b"X: a\r\n b\r\n\r\n", 400, "folded_header"),
    "line folded by tab": (GET + b"X: a\r\n\tb\r\n\r\n", 400, "folded_header"),
    "bare LF": (GET + b"X: a\nY: b\r\n\r\n", 400, "bare_line_end"),
    "bare CR": (GET + b"X: a\rb\r\n\r\n", 400, "bare_line_end"),
    "NUL": (GET + b"X: a\0b\r\n\r\n", 400, "nul_in_head"),
    "space before colon": (GET + b"X : a\r\n\r\n", 400, "space_before_colon"),
    "space before colon of length": (POST + b"Content-Length : 3\r\n\r\nabc", 400, "space_before_colon"),
    "empty name": (GET + b": a\r\n\r\n", 400, "bad_request"),
    "no host": (b"GET /x HTTP/1.1\r\n\r\n", 400, "no_host"),
    "two hosts": (GET + b"Host: b\r\n\r\n", 400, "several_hosts"),
    "bad host": (b"GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "bad_host"),
    "unknown method": (b"BREW /x HTTP/1.1\r\nHost: a\r\n\r\n", 501, "method_not_served"),
    "HTTP/0.9": (b"GET /x\r\n\r\n", 505, "version_not_served"),
    "HTTP/2": (b"GET /x HTTP/2.0\r\nHost: a\r\n\r\n", 505, "version_not_served"),
    "CONNECT": (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 405, "connect_not_served"),
    "asterisk": (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_target"),
    "other scheme": (b"GET ftp://a/x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_target"),
    "fragment": (b"GET /x#y HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_target"),
    "other expectation": (POST + b"Expect: miracles\r\n\r\n", 417, "expectation_not_served"),
    "long target": (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "target_too_long"),
    "endless target": (b"GET /" + b"x" * 20_000, 414, "target_too_long"),
    "long head": (GET + b"X: y\r\n" * 20_000 + b"\r\n", 431, "head_too_long"),
    "endless head": (GET + b"X: y\r\n" * 20_000, 431, "head_too_long"),
    "bad episode": (b"GET /e/a%20b/x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_episode"),
    "long episode": (b"GET /e/" + b"x" * 200 + b"/x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_episode"),
    "bad episode header": (GET + b"X-Earthwire-Episode: a b\r\n\r\n", 400, "bad_episode"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_ambiguous_request_is_refused_and_never_forwarded(harness, play, name):
    request, status, code = REFUSED[name]

    async def scenario():
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            return await harness.talk(running.port, request), upstream.requests, running

    received, requests, running = play(scenario())
    assert received.startswith(b"HTTP/1.1 %d " % status)
    assert f'"code":"{code}"'.encode() in received
    assert requests == []
    record = running.records()[0]
    assert (record.origin, record.http_response_status_code, record.error_type) == ("proxy", status, code)


BAD_CHUNKS = {
    "size is not hexadecimal": b"xyz\r\nabc\r\n0\r\n\r\n",
    "size has a sign": b"+3\r\nabc\r\n0\r\n\r\n",
    "size line ends in LF": b"3\nabc\r\n0\r\n\r\n",
    "data do not end in CRLF": b"3\r\nabcd\r\n0\r\n\r\n",
    "size overflows": b"fffffffffffffffff\r\nabc",
    "space before size": b" 3\r\nabc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_malformed_chunks_are_refused(harness, play, name):
    request = POST + b"Transfer-Encoding: chunked\r\n\r\n" + BAD_CHUNKS[name]

    async def scenario():
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            return await harness.talk(running.port, request), upstream.requests

    received, requests = play(scenario())
    assert received.startswith(b"HTTP/1.1 400 ")
    assert requests == []


def test_chunked_body_beyond_the_bound_is_refused(harness, play):
    request = POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n"

    async def scenario():
        limits = Limits(request_body_bytes_max=1000)
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, limits=limits) as running,
        ):
            return await harness.talk(running.port, request)

    assert play(scenario()).startswith(b"HTTP/1.1 413 ")


def test_bytes_behind_a_body_are_a_request_of_their_own(harness, play):
    """The classic smuggling payload reaches the upstream as two requests that were both checked."""
    inner = b"GET /inner HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    request = POST + b"Content-Length: 3\r\n\r\nabc" + inner

    async def scenario():
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            await harness.talk(running.port, request)
            return [request.partition(b" HTTP")[0] for request in upstream.requests]

    assert play(scenario()) == [b"POST /x", b"GET /inner"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"http://a:1/x?y", b"/x?y"),
        (b"HTTPS://a", b"/"),
        (b"http://a?y=/", b"/?y=/"),
        (b"/x%20y", b"/x%20y"),
    ],
)
def test_targets_become_origin_form(target, expected):
    assert check_target(b"GET", target, Limits()) == expected


def test_asterisk_is_for_options():
    assert check_target(b"OPTIONS", b"*", Limits()) == b"*"
    with pytest.raises(RequestRefusedError):
        check_target(b"GET", b"*", Limits())
