"""Clients that mean harm: they get a clear answer, the tool and other clients do not notice, memory stays bounded."""

import asyncio
import re
import resource

import pytest

from earthwire.proxy.limits import Limits

MIB = 1 << 20
POST = b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def peak_kib():
    """Return the most memory that this process, proxy and peers together, has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_slowloris_is_cut_off_and_others_are_served_meanwhile(harness, play):
    """300 clients send a head byte by byte and never end it."""
    limits = Limits(client_head_s_max=0.5)

    async def drip(port):
        reader, writer = await harness.connect(port)
        answer = asyncio.create_task(reader.read())
        for byte in b"GET /x HTTP/1.1\r\nHost: a\r\nX-Drip: " + b"y" * 10_000:
            if answer.done():
                break
            writer.write(bytes([byte]))
            await asyncio.sleep(0.01)
        return await answer

    async def scenario():
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, limits=limits) as running,
        ):
            drips = [asyncio.create_task(drip(running.port)) for _ in range(300)]
            await harness.until(lambda: running.proxy.connection_count >= 300)
            served = await harness.talk(running.port, harness.get())
            ends = await asyncio.gather(*drips)
            await harness.until(lambda: not running.proxy.connection_count)
            return served, ends, upstream.requests

    served, ends, requests = play(scenario())
    assert served.endswith(b"hello")
    assert {end.partition(b"\r\n")[0] for end in ends} == {b"HTTP/1.1 408 Request Timeout"}
    assert len(requests) == 1


def test_body_that_stops_coming_is_given_up(harness, play):
    async def scenario():
        limits = Limits(client_idle_s_max=0.3)
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, limits=limits) as running,
        ):
            reader, writer = await harness.connect(running.port)
            writer.write(POST + b"Content-Length: 10\r\n\r\nabc")
            received = await reader.read()
            await harness.until(lambda: not running.proxy.connection_count)
            return received, upstream.requests

    received, requests = play(scenario())
    assert b" 200 " not in received
    assert requests == []


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /x HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 20_000, 431),
        (b"GET /x HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 200_000, 431),
        (b"GET /x HTTP/1.1\r\nHost: a\r\n" + b"y" * 200_000 + b": x\r\n\r\n", 431),
        (b"GET /" + b"y" * 200_000, 414),
        (b"y" * 200_000, 414),
    ],
)
def test_head_bombs_are_refused_at_the_bound(harness, play, head, status):
    async def scenario():
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            before_kib = peak_kib()
            answers = await asyncio.gather(*(harness.talk(running.port, head) for _ in range(50)))
            return answers, peak_kib() - before_kib, upstream.requests

    answers, grown_kib, requests = play(scenario())
    assert {answer[:12] for answer in answers} <= {b"HTTP/1.1 %d" % status, b""}
    assert b"HTTP/1.1 %d" % status in {answer[:12] for answer in answers}
    assert grown_kib < 64 * 1024
    assert requests == []


def test_a_million_tiny_chunks_pass_in_bounded_memory(harness, play):
    count = 1_000_000
    received_bytes = 0

    async def converse(reader, writer):
        nonlocal received_bytes
        await reader.readuntil(b"\r\n\r\n")
        last = b""
        while not last.endswith(b"\r\n0\r\n\r\n"):
            data = await reader.read(MIB)
            assert data, "the request was cut"
            received_bytes += data.count(b"x")
            last = (last + data)[-16:]
        writer.write(harness.response())

    async def scenario():
        async with harness.server(converse) as port, harness.proxy(port) as running:
            before_kib = peak_kib()
            reader, writer = await harness.connect(running.port)
            writer.write(CHUNKED)
            for _ in range(100):
                writer.write(b"1\r\nx\r\n" * (count // 100))
                await writer.drain()
            writer.write(b"0\r\n\r\n")
            return await reader.read(), peak_kib() - before_kib

    received, grown_kib = play(scenario())
    assert received.endswith(b"hello")
    assert received_bytes == count
    assert grown_kib < 64 * 1024


@pytest.mark.parametrize(
    "framing",
    [
        b"1;" + b"a" * 300_000,
        b"1\r\nx\r\n0\r\nX: " + b"y" * 300_000,
        b"1\r\nx\r\n0\r\n" + b"X: y\r\n" * 50_000,
        b"1\r\nx\r\n0\r\n" + b"y" * 300_000,
    ],
)
def test_endless_chunk_headers_and_trailers_are_refused(harness, play, framing):
    async def scenario():
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            return await harness.talk(running.port, CHUNKED + framing), upstream.requests

    received, requests = play(scenario())
    assert received.startswith(b"HTTP/1.1 400 ")
    assert requests == []


def test_flood_of_idle_connections_is_bounded_and_ends(harness, play):
    """60 connections of 40 that are allowed: the rest is told, and when the idle ones time out there is room again."""
    limits = Limits(client_connections_max=40, client_idle_s_max=0.6)

    async def scenario():
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, limits=limits) as running,
        ):
            opened = [await harness.connect(running.port) for _ in range(60)]
            refused = await asyncio.gather(*(reader.read() for reader, _ in opened[40:]))
            held = running.proxy.connection_count
            await harness.until(lambda: not running.proxy.connection_count)
            return refused, held, await harness.talk(running.port, harness.get())

    refused, held, served = play(scenario())
    assert {answer[:12] for answer in refused} == {b"HTTP/1.1 503"}
    assert held <= 40
    assert served.endswith(b"hello")


def test_pipeline_that_is_never_read_holds_the_client_back(harness, play):
    """A client that sends requests and reads no answer cannot fill the memory with either."""
    body = b"x" * 100_000

    async def scenario():
        async with (
            harness.upstream(harness.response(body)) as upstream,
            harness.proxy(upstream.port) as running,
        ):
            before_kib = peak_kib()
            reader, writer = await harness.connect(running.port, limit=1024)
            writer.transport.pause_reading()
            writer.write(harness.get(close=False) * 20_000)
            served = -1
            while served != len(upstream.requests):
                served = len(upstream.requests)
                await asyncio.sleep(0.2)
            grown_kib = peak_kib() - before_kib
            writer.transport.abort()
            await harness.until(lambda: not running.proxy.connection_count)
            return served, grown_kib, reader.at_eof()

    served, grown_kib, _ = play(scenario())
    assert 0 < served < 1000
    assert grown_kib < 64 * 1024


def test_client_that_never_stops_its_refused_body_is_cut_off(harness, play):
    """A refusal is lingered over for a bounded time only."""

    async def scenario():
        limits = Limits(request_body_bytes_max=1000, linger_s_max=0.5)
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, limits=limits) as running,
        ):
            reader, writer = await harness.connect(running.port)
            writer.write(CHUNKED)
            answer = b""
            while not writer.is_closing():
                writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
                try:
                    await writer.drain()
                    async with asyncio.timeout(0.01):
                        answer += await reader.read(4096)
                except TimeoutError:
                    continue
                except ConnectionError:
                    break
            await harness.until(lambda: not running.proxy.connection_count)
            return answer, upstream.requests

    answer, requests = play(scenario())
    assert re.match(rb"HTTP/1.1 413 ", answer)
    assert requests == []
