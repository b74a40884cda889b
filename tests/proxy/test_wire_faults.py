"""Every fault that lives on the wire, by the bytes that a raw client sees. docs/wire-faults.md has the same table."""

import asyncio
import gzip
import re
import zlib

import pytest

from earthwire.fault_models.plan import (
    Abort,
    AbortReused,
    Body,
    Forward,
    Head,
    LoseReply,
    Raw,
    RelayBody,
    RelayDamaged,
    RelayFalseHead,
    RelayHead,
    RelayPart,
    RelayPieces,
    Wait,
)

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
CHUNKED_ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"
SILENCE_S = 0.15


class Seen:
    """What a raw client saw: its bytes, and how the connection ended (``fin``, ``rst`` or ``open``)."""

    def __init__(self, received: bytes, end: str, pieces: list[bytes]) -> None:
        self.received = received
        self.end = end
        self.pieces = pieces


async def look(reader, silence_s: float | None = None) -> Seen:
    """Read to the end, or until it has been silent for some time."""
    pieces = []
    while True:
        try:
            async with asyncio.timeout(silence_s):
                data = await reader.read(65536)
        except TimeoutError:
            return Seen(b"".join(pieces), "open", pieces)
        except ConnectionResetError:
            return Seen(b"".join(pieces), "rst", pieces)
        if not data:
            return Seen(b"".join(pieces), "fin", pieces)
        pieces.append(data)


def see(harness, play, *steps, answer=None, outcome="conn_error", silence_s=None, request=None):
    """Perform one plan; return what the client saw, the upstream, and the record."""

    async def scenario():
        async with (
            harness.upstream(answer or harness.response()) as upstream,
            harness.proxy(upstream.port, harness.plan(*steps, outcome=outcome)) as running,
        ):
            reader, writer = await harness.connect(running.port)
            writer.write(request or harness.get(close=False))
            seen = await look(reader, silence_s)
            writer.close()
            await harness.until(lambda: not running.proxy.inflight_count)
            return seen, upstream, running

    seen, upstream, running = play(scenario())
    return seen, upstream, running.records()[0]


@pytest.mark.parametrize(
    ("steps", "received", "end"),
    [
        ((Abort("rst"),), b"", "rst"),
        ((Abort("fin"),), b"", "fin"),
        ((Abort("hang"),), b"", "open"),
        ((Head(200, (), 5), Abort("rst")), b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", "rst"),
        ((Head(200, (), 5), Abort("fin")), b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", "fin"),
        ((Head(200, (), 5), Abort("hang")), b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", "open"),
        (
            (Head(200, (), 5), Body(b"he"), Abort("rst")),
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe",
            "rst",
        ),
    ],
)
def test_ends_without_the_upstream(harness, play, steps, received, end):
    seen, upstream, record = see(harness, play, *steps, silence_s=SILENCE_S if end == "open" else None)
    assert (seen.received, seen.end) == (received, end)
    assert upstream.requests == []
    assert (record.outcome, record.origin) == ("conn_error", "injected")


@pytest.mark.parametrize("how", ["rst", "fin", "hang"])
@pytest.mark.parametrize(
    ("steps", "received"),
    [
        ((RelayHead(),), HEAD + b"\r\n"),
        ((RelayHead(), RelayPart(0)), HEAD + b"\r\n"),
        ((RelayHead(), RelayPart(3)), HEAD + b"\r\nhel"),
        ((RelayHead(), RelayBody(0.0, 0.5)), HEAD + b"\r\nhe"),
    ],
)
def test_ends_after_the_head_or_after_some_bytes(harness, play, steps, received, how):
    silence_s = SILENCE_S if how == "hang" else None
    seen, _, record = see(harness, play, Forward(), *steps, Abort(how), silence_s=silence_s)
    assert (seen.received, seen.end) == (received, {"hang": "open"}.get(how, how))
    assert (record.outcome, record.origin) == ("conn_error", "injected")
    assert record.http_response_body_size == len(received.partition(b"\r\n\r\n")[2])


def test_stall_is_silence_in_the_middle_and_then_all_the_rest(harness, play):
    steps = (Forward(), RelayHead(), RelayPart(2), Wait(0.4), RelayBody(0.4))

    async def scenario():
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, harness.plan(*steps, last_byte_s=0.4)) as running,
        ):
            reader, writer = await harness.connect(running.port)
            writer.write(harness.get(close=False))
            before = await look(reader, SILENCE_S)
            rest = await reader.readexactly(3)
            return before, rest, running

    before, rest, running = play(scenario())
    assert (before.received, before.end, rest) == (HEAD + b"\r\nhe", "open", b"llo")
    assert (running.records()[0].outcome, running.records()[0].origin) == ("ok", "upstream")


def test_stall_between_chunks_keeps_the_framing(harness, play):
    steps = (Forward(), RelayHead(), RelayPart(5), Wait(0.2), RelayBody(0.2))
    seen, _, _ = see(harness, play, *steps, answer=CHUNKED_ANSWER, outcome="ok", request=harness.get())
    assert seen.received.endswith(b"\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n")


def test_dribble_is_the_same_bytes_in_timed_pieces(harness, play):
    steps = (Forward(), RelayHead(), RelayPieces((0.0, 0.1, 0.2, 0.3, 0.4), cut="parts"))
    seen, _, _ = see(harness, play, *steps, outcome="ok", request=harness.get())
    assert seen.received.partition(b"\r\n\r\n")[2] == b"hello"
    assert len(seen.pieces) >= 4


@pytest.mark.parametrize("answer", [None, CHUNKED_ANSWER])
def test_fragments_are_odd_pieces_of_the_very_same_body(harness, play, answer):
    """Nothing may break: the bytes are those of the upstream, only cut elsewhere."""
    steps = (Forward(), RelayHead(), RelayPieces((0.0,), cut="fragments", u=0.3))
    body = "naïve café ☕ ".encode() * 20
    answer = harness.response(body) if answer is None else answer
    seen, _, record = see(harness, play, *steps, answer=answer, outcome="ok", request=harness.get())
    head, _, rest = seen.received.partition(b"\r\n\r\n")
    if b"chunked" in head:
        sizes = [int(size, 16) for size in re.findall(rb"(?:^|\r\n)([0-9a-f]+)\r\n", rest)]
        assert max(sizes) <= 16
        assert rest.endswith(b"\r\n0\r\n\r\n")
        rest, body = re.sub(rb"(?:^|\r\n)[0-9a-f]+\r\n", b"", rest).rstrip(b"\r\n"), b"helloworld"
    assert rest == body
    assert record.outcome == "ok"


@pytest.mark.parametrize(("offset_bytes", "stated"), [(7, b"12"), (-2, b"3"), (-99, b"0")])
@pytest.mark.parametrize("chunked", [True, False])
def test_wrong_content_length(harness, play, offset_bytes, stated, chunked):
    """Too long: the client waits for bytes that never come. Too short: bytes are left over."""
    steps = (Forward(), RelayFalseHead(length_offset_bytes=offset_bytes), RelayBody())
    answer = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" if chunked else None
    )
    seen, _, record = see(harness, play, *steps, answer=answer, outcome="malformed")
    head, _, body = seen.received.partition(b"\r\n\r\n")
    assert re.findall(rb"(?i)content-length: (\d+)", head) == [stated]
    assert b"chunked" not in head
    assert (body, seen.end) == (b"hello", "fin")
    assert (record.outcome, record.origin, record.declared_content_length) == (
        "malformed",
        "injected",
        int(stated),
    )


def test_missing_end_of_the_chunks(harness, play):
    steps = (Forward(), RelayFalseHead(chunked=True), RelayPart(), Abort("fin"))
    seen, _, _ = see(harness, play, *steps, outcome="malformed")
    assert seen.received == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    )
    assert seen.end == "fin"


def test_chunked_although_the_upstream_knew_the_length(harness, play):
    steps = (Forward(), RelayFalseHead(chunked=True), RelayBody())
    seen, _, _ = see(harness, play, *steps, outcome="ok", request=harness.get())
    assert seen.received.endswith(b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")


def test_malformed_chunk(harness, play):
    steps = (Forward(), RelayFalseHead(chunked=True), RelayPart(2), Raw(b"zz\r\n"), Abort("fin"))
    seen, _, _ = see(harness, play, *steps, outcome="malformed")
    assert seen.received.endswith(b"\r\n\r\n2\r\nhe\r\nzz\r\n")


def test_bytes_that_are_no_http(harness, play):
    seen, upstream, record = see(harness, play, Raw(b"\x15\x03\x03\0\2"), Abort("fin"), outcome="malformed")
    assert (seen.received, seen.end, upstream.requests) == (b"\x15\x03\x03\0\2", "fin", [])
    assert record.outcome == "malformed"


def test_raw_bytes_end_the_connection_even_behind_a_whole_response(harness, play):
    steps = (Head(200, (), 2), Body(b"ok"), Raw(b"HTTP/1.1 200 OK\r\n"))
    seen, _, _ = see(harness, play, *steps, outcome="malformed")
    assert seen.received.endswith(b"\r\n\r\nokHTTP/1.1 200 OK\r\n")
    assert seen.end == "fin"


def test_wrong_content_type_over_the_true_body(harness, play):
    steps = (Forward(), RelayFalseHead((("content-type", "text/html; charset=utf-8"),)), RelayBody())
    seen, _, _ = see(harness, play, *steps, outcome="malformed", request=harness.get())
    assert seen.received == (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: 5\r\n"
        b"Connection: close\r\n\r\nhello"
    )


def test_content_encoding_that_is_a_lie(harness, play):
    steps = (Forward(), RelayFalseHead((("Content-Encoding", "gzip"),)), RelayBody())
    seen, _, _ = see(harness, play, *steps, outcome="malformed", request=harness.get())
    head, _, body = seen.received.partition(b"\r\n\r\n")
    assert b"\r\nContent-Encoding: gzip\r\n" in head
    assert body == b"hello"


def test_content_encoding_that_is_kept_secret(harness, play):
    coded = gzip.compress(b'{"a":1}', mtime=0)
    answer = harness.response(coded, extra=b"Content-Encoding: gzip\r\n")
    steps = (Forward(), RelayFalseHead(without=("content-encoding",)), RelayBody())
    seen, _, _ = see(harness, play, *steps, answer=answer, outcome="malformed", request=harness.get())
    head, _, body = seen.received.partition(b"\r\n\r\n")
    assert b"ncoding" not in head
    assert body == coded


PLAIN = b'{"items": [1, 2, 3], "name": "a value that is long enough"}'
CODED = gzip.compress(PLAIN, mtime=0)


def see_coded(harness, play, *steps):
    """Return the body of a coded response as the client gets it; its framing is in order."""
    answer = harness.response(CODED, extra=b"Content-Encoding: gzip\r\n").replace(
        b"text/plain", b"application/json"
    )
    seen, _, record = see(
        harness, play, Forward(), *steps, answer=answer, outcome="malformed", request=harness.get()
    )
    head, _, body = seen.received.partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head
    assert re.findall(rb"(?i)content-length: (\d+)", head) == [b"%d" % len(body)]
    assert (record.outcome, record.origin) == ("malformed", "injected")
    return body


def test_coded_body_is_damaged_inside_its_coding(harness, play):
    body = see_coded(harness, play, RelayDamaged("truncate_silently", 0.5))
    plain = gzip.decompress(body)
    assert 0 < len(plain) < len(PLAIN)
    assert PLAIN.startswith(plain)


def test_coded_body_is_damaged_on_the_wire(harness, play):
    """Foreign bytes in the coded stream: the message is whole, its coding is not."""
    foreign = b"\xff\xff\xff\xff"
    steps = (RelayFalseHead(length_offset_bytes=len(foreign)), RelayPart(20), Body(foreign), RelayBody())
    body = see_coded(harness, play, *steps)
    assert body == CODED[:20] + foreign + CODED[20:]
    with pytest.raises((gzip.BadGzipFile, EOFError, zlib.error)):
        gzip.decompress(body)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (Head(429, (("Retry-After", "7"),), 2), b"Retry-After: 7"),
        (Head(503, (("retry-after", "1"),), 2), b"retry-after: 1"),
        (
            Head(401, (("WWW-Authenticate", 'Bearer realm="tools"'),), 2),
            b'WWW-Authenticate: Bearer realm="tools"',
        ),
        (Head(502, (("content-type", "text/html"),), 2), b"content-type: text/html"),
    ],
)
def test_refusals_have_the_headers_of_their_status(harness, play, head, name):
    seen, upstream, record = see(
        harness, play, head, Body(b"{}"), outcome=f"http_{head.status}", request=harness.get()
    )
    lines = seen.received.split(b"\r\n")
    assert lines[0].startswith(b"HTTP/1.1 %d " % head.status)
    assert name in lines
    assert seen.received.endswith(b"\r\n\r\n{}")
    assert upstream.requests == []
    assert record.http_response_status_code == head.status


def test_reset_on_a_reused_connection_spares_new_ones(harness, play):
    steps = (AbortReused("rst"), Forward(), RelayHead(), RelayBody())

    async def scenario():
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, harness.plan(*steps, outcome="conn_error")) as running,
        ):
            reader, writer = await harness.connect(running.port)
            writer.write(harness.get(close=False))
            first = await reader.readuntil(b"hello")
            writer.write(harness.get(close=False))
            second = await look(reader)
            reader, writer = await harness.connect(running.port)
            writer.write(harness.get())
            third = await look(reader)
            return first, second, third, upstream, running

    first, second, third, upstream, running = play(scenario())
    assert first.endswith(b"hello")
    assert (second.received, second.end) == (b"", "rst")
    assert third.received.endswith(b"hello")
    assert len(upstream.requests) == 2
    assert [(record.outcome, record.origin) for record in running.records()] == [
        ("ok", "upstream"),
        ("conn_error", "injected"),
        ("ok", "upstream"),
    ]


@pytest.mark.parametrize(
    ("ending", "received", "end"),
    [
        ((Abort("rst"),), b"", "rst"),
        ((Abort("fin"),), b"", "fin"),
        ((Abort("hang"),), b"", "open"),
        ((Head(504, (), 0),), b"HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 0\r\n\r\n", "open"),
    ],
)
@pytest.mark.parametrize("sent", [True, False])
def test_lost_reply_is_told_from_a_call_that_was_never_sent(harness, play, ending, received, end, sent):
    """The client sees the same; the tool has run or has not, and the record says which."""
    before = (Forward(), LoseReply()) if sent else ()
    post = b"POST /pay HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n7.5"
    silence_s = SILENCE_S if end == "open" else None
    seen, upstream, record = see(
        harness, play, *before, *ending, outcome="timeout", silence_s=silence_s, request=post
    )
    assert (seen.received, seen.end) == (received, end)
    assert [request[-3:] for request in upstream.requests] == ([b"7.5"] if sent else [])
    assert record.attributes == ('{"lost_reply_status":200}' if sent else None)
    assert record.origin == "injected"


def test_lost_reply_waits_until_the_upstream_has_done_its_work(harness, play):
    done = asyncio.Event()

    async def slow(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.2)
        done.set()
        writer.write(harness.response())

    async def scenario():
        plan = harness.plan(Forward(), LoseReply(), Abort("rst"), outcome="conn_error")
        async with harness.server(slow) as port, harness.proxy(port, plan) as running:
            reader, writer = await harness.connect(running.port)
            writer.write(harness.get())
            seen = await look(reader)
            return seen.end, done.is_set()

    assert play(scenario()) == ("rst", True)
