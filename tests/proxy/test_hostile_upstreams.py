"""Upstreams that mean harm: a clear 502, bounded memory, and nothing of it in another client's response."""

import asyncio
import gzip
import resource

import pytest

from earthwire.fault_models.plan import Forward, RelayDamaged

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STOLEN = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
MIB = 1 << 20

BAD_HEADS = {
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 8\r\n\r\nok" + STOLEN,
    "two equal lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "length and encoding": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + STOLEN,
    "length of letters": b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok",
    "length with sign": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    "length list": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
    "length beyond 64 bits": b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551618\r\n\r\nok",
    "unknown encoding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\nok",
    "encoding twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare LF in the head": b"HTTP/1.1 200 OK\r\nX: a\nSet-Cookie: b\r\nContent-Length: 2\r\n\r\nok",
    "bare CR in the head": b"HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\nContent-Length: 2\r\n\r\nok",
    "NUL in the head": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok",
    "space before a colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "folded field": b"HTTP/1.1 200 OK\r\nX: a\r\n Content-Length: 8\r\nContent-Length: 2\r\n\r\nok",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "status of letters": b"HTTP/1.1 2xx OK\r\n\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "TLS alert": b"\x15\x03\x03\x00\x02\x02\x28",
    "other protocol unasked": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    + STOLEN,
    "endless field": b"HTTP/1.1 200 OK\r\nX: " + b"y" * MIB,
    "endless fields": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000,
    "endless interim responses": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 10_000,
    "interim response without end": b"HTTP/1.1 103 Early Hints\r\nLink: " + b"y" * MIB,
}
BAD_BODIES = {
    "chunk size of letters": CHUNKED + b"xyz\r\n",
    "chunk size with sign": CHUNKED + b"+2\r\nok\r\n0\r\n\r\n",
    "chunk data too long": CHUNKED + b"2\r\nokok\r\n0\r\n\r\n",
    "chunk size beyond 64 bits": CHUNKED + b"10000000000000002\r\nok\r\n0\r\n\r\n",
    "endless chunk extension": CHUNKED + b"2;" + b"a" * MIB,
    "endless trailers": CHUNKED + b"2\r\nok\r\n0\r\n" + b"X: y\r\n" * 50_000,
    "endless trailer": CHUNKED + b"2\r\nok\r\n0\r\nX: " + b"y" * MIB,
    "cut by its end": CHUNKED + b"2\r\nok\r\n",
    "shorter than its length": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok",
}


def hostile(answer):
    """Answer ``/bad`` so, and close; anything else with its own target."""

    async def converse(reader, writer):
        while True:
            try:
                request = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            target = request.split(b" ")[1]
            if target == b"/bad":
                writer.write(answer)
                await writer.drain()
                break
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(target), target))
        writer.close()

    return converse


async def bad_then_good(harness, converse, *plans):
    """Call ``/bad``, then several others on connections of their own; return all answers and the records."""
    async with harness.server(converse) as port, harness.proxy(port, *plans) as running:
        warm = await harness.talk(running.port, harness.get("/warm"))
        bad = await harness.talk(running.port, harness.get("/bad"))
        good = [await harness.talk(running.port, harness.get(f"/good-{n}")) for n in range(3)]
        return warm, bad, good, running


@pytest.mark.parametrize("name", BAD_HEADS)
def test_bad_head_is_a_502_and_touches_nobody_else(harness, play, name):
    warm, bad, good, running = play(bad_then_good(harness, hostile(BAD_HEADS[name])))
    assert warm.endswith(b"/warm")
    assert bad.startswith(b"HTTP/1.1 502 ")
    assert b"stolen" not in bad
    assert [answer.partition(b"\r\n\r\n")[2] for answer in good] == [b"/good-0", b"/good-1", b"/good-2"]
    assert running.records()[1].error_type in ("bad_response", "no_response")


@pytest.mark.parametrize("name", BAD_BODIES)
def test_bad_body_is_cut_for_the_client_and_touches_nobody_else(harness, play, name):
    """The head may have left already: then the client must be able to tell that the body is not whole."""
    _, bad, good, running = play(bad_then_good(harness, hostile(BAD_BODIES[name])))
    head, _, body = bad.partition(b"\r\n\r\n")
    if b" 200 " in head.partition(b"\r\n")[0]:
        is_whole = body.endswith(b"0\r\n\r\n") if b"chunked" in head else len(body) == 99
        assert not is_whole
    else:
        assert bad.startswith(b"HTTP/1.1 502 ")
    assert [answer.partition(b"\r\n\r\n")[2] for answer in good] == [b"/good-0", b"/good-1", b"/good-2"]
    assert running.records()[1].outcome in ("conn_error", "http_error")


@pytest.mark.parametrize("apart", [True, False])
@pytest.mark.parametrize(
    "answer", [OK, b"HTTP/1.1 204 No Content\r\n\r\n", CHUNKED + b"2\r\nok\r\n0\r\n\r\n"]
)
def test_second_response_that_nobody_asked_for_reaches_nobody(harness, play, answer, apart):
    """Both in one piece with the first and a moment later, when the connection is idle again."""
    sent = asyncio.Event()

    async def converse(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        target = request.split(b" ")[1]
        if target != b"/bad":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(target), target))
            return
        writer.write(answer if apart else answer + STOLEN)
        await writer.drain()
        if apart:
            await sent.wait()
            writer.write(STOLEN)
        await reader.read()

    async def scenario():
        async with harness.server(converse) as port, harness.proxy(port) as running:
            bad = await harness.talk(running.port, harness.get("/bad"))
            sent.set()
            await harness.until(lambda: running.proxy.sources["tool"].idle_count == 0)
            good = [await harness.talk(running.port, harness.get(f"/good-{n}")) for n in range(3)]
            return bad, good

    bad, good = play(scenario())
    assert bad.startswith(b"HTTP/1.1 20")
    assert b"stolen" not in bad
    assert [answer.partition(b"\r\n\r\n")[2] for answer in good] == [b"/good-0", b"/good-1", b"/good-2"]


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_body_where_none_may_be_is_not_the_next_response(harness, play, method):
    """A HEAD or a 304 that is followed by bytes all the same."""
    status = b"200 OK" if method == "HEAD" else b"304 Not Modified"

    async def converse(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        target = request.split(b" ")[1]
        if target == b"/bad":
            writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(STOLEN), STOLEN))
            await reader.read()
            return
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(target), target))

    async def scenario():
        async with harness.server(converse) as port, harness.proxy(port) as running:
            request = f"{method} /bad HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
            bad = await harness.talk(running.port, request)
            return bad, await harness.talk(running.port, harness.get("/good"))

    bad, good = play(scenario())
    assert b"stolen" not in bad
    assert good.endswith(b"/good")


def test_a_million_tiny_chunks_of_an_upstream_pass_in_bounded_memory(harness, play):
    count = 1_000_000

    async def converse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED)
        for _ in range(100):
            writer.write(b"1\r\nx\r\n" * (count // 100))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async def scenario():
        async with harness.server(converse) as port, harness.proxy(port) as running:
            before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            received = await harness.talk(running.port, harness.get())
            return received, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib

    received, grown_kib = play(scenario())
    assert received.count(b"x") == count
    assert received.endswith(b"\r\n0\r\n\r\n")
    assert grown_kib < 64 * 1024


@pytest.mark.parametrize("keep_bodies", [True, False])
def test_decompression_bomb_is_never_unpacked(harness, play, keep_bodies):
    """1 GiB in 1 MiB, sent to be damaged inside its coding, and to be kept in a record."""
    bomb = gzip.compress(bytes(256 * MIB), compresslevel=9)
    bomb = bomb * 4
    plan = harness.plan(Forward(), RelayDamaged("truncate_silently", 0.5), outcome="malformed")
    answer = harness.response(bomb[: MIB - 1], extra=b"Content-Encoding: gzip\r\n").replace(
        b"text/plain", b"application/json"
    )

    async def scenario():
        async with (
            harness.upstream(answer) as upstream,
            harness.proxy(upstream.port, plan, keep_bodies=keep_bodies) as running,
        ):
            before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            received = await harness.talk(running.port, harness.get())
            return received, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib

    received, grown_kib = play(scenario())
    assert received.startswith(b"HTTP/1.1 200 ")
    assert grown_kib < 64 * 1024
