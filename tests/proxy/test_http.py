"""What HTTP/1.1 asks of a proxy beside plain calls, by the bytes on both sides."""

import asyncio
import resource
import time

import aiohttp
import pytest
from aiohttp import web

from earthwire.fault_models.plan import (
    Abort,
    Forward,
    Head,
    RelayBody,
    RelayDamaged,
    RelayHead,
    RelayPart,
    Wait,
)
from earthwire.traces.labels.outcome_kind import kind_of_record

UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Key: 1\r\n\r\n"
)
DELAY_S = 0.15


def test_trailers_pass_in_both_directions_without_those_that_decide(harness, play):
    request = (
        b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n0\r\nX-Sum: 7\r\nAuthorization: x\r\nHost: evil\r\nX-Empty:\r\n\r\n"
    )
    end = b"0\r\nX-Sum: 8\r\nSet-Cookie: a=b\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" + end
    seen = []

    async def converse(reader, writer):
        seen.append(await reader.readuntil(b"X-Empty: \r\n\r\n"))
        writer.write(answer)

    async def scenario():
        async with harness.server(converse) as port, harness.proxy(port) as running:
            return await harness.talk(running.port, request)

    received = play(scenario())
    assert seen[0].endswith(b"\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\nX-Empty: \r\n\r\n")
    assert b"\r\nTrailer: X-Sum\r\n" in seen[0]
    assert received.endswith(b"\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 8\r\n\r\n")


def test_trailers_of_a_streamed_body_pass_as_well(harness, play):
    head = b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    seen = []

    async def converse(reader, writer):
        seen.append(await reader.readuntil(b"X-Sum: 7\r\n\r\n"))
        writer.write(harness.response())

    async def scenario():
        async with harness.server(converse) as port, harness.proxy(port) as running:
            reader, writer = await harness.connect(running.port)
            for byte in head + b"3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n":
                writer.write(bytes([byte]))
                await writer.drain()
            return await reader.read()

    assert play(scenario()).endswith(b"hello")
    assert seen[0].endswith(b"0\r\nX-Sum: 7\r\n\r\n")


async def echo_frames(reader, writer):
    """Switch protocols, then send back whatever comes, in capitals, until ``BYE``."""
    head = await reader.readuntil(b"\r\n\r\n")
    writer.write(SWITCHED)
    writer.head = head
    while data := await reader.read(65536):
        writer.write(data.upper())
        if b"bye" in data:
            break
    await writer.drain()
    writer.close()


def test_upgrade_passes_and_both_sides_talk(harness, play):
    heads = []

    async def converse(reader, writer):
        await echo_frames(reader, writer)
        heads.append(writer.head)

    async def scenario():
        async with harness.server(converse) as port, harness.proxy(port) as running:
            reader, writer = await harness.connect(running.port)
            writer.write(b"GET /ws HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            answers = []
            for text in (b"one", b"two", b"x" * 300_000):
                writer.write(text)
                answers.append(await reader.readexactly(len(text)))
            writer.write(b"bye")
            rest = await reader.read()
            await harness.until(lambda: not running.proxy.inflight_count)
            return head, answers, rest, running

    head, answers, rest, running = play(scenario())
    assert head == (
        b"HTTP/1.1 101 Switching Protocols\r\nX-Key: 1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )
    assert answers == [b"ONE", b"TWO", b"X" * 300_000]
    assert rest == b"BYE"
    assert heads[0].endswith(
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )
    record = running.records()[0]
    assert (record.outcome, record.http_response_status_code, record.origin) == ("ok", 101, "upstream")


def test_upgrade_is_delayed_at_connect_and_not_afterwards(harness, play):
    plan = harness.plan(Forward(), Wait(DELAY_S), RelayHead(), RelayBody(60.0), last_byte_s=60.0)

    async def scenario():
        async with harness.server(echo_frames) as port, harness.proxy(port, plan) as running:
            reader, writer = await harness.connect(running.port)
            started_s = time.monotonic()
            # The first frame comes with the request: it must not get lost.
            writer.write(b"GET /ws HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"\r\nfirst")
            await reader.readuntil(b"\r\n\r\n")
            head_s = time.monotonic() - started_s
            answer = await reader.readexactly(5)
            writer.close()
            return answer, head_s

    answer, head_s = play(scenario())
    assert answer == b"FIRST"
    assert head_s >= DELAY_S


@pytest.mark.parametrize(
    ("steps", "received"),
    [
        ((Forward(), RelayHead(), RelayPart(4), Abort("rst")), b"ONET"),
        ((Forward(), RelayDamaged("truncate", 0.5)), b"ONETWO"),
    ],
)
def test_faults_of_upgraded_connections(harness, play, steps, received):
    async def scenario():
        async with harness.server(echo_frames) as port, harness.proxy(port, harness.plan(*steps)) as running:
            reader, writer = await harness.connect(running.port)
            writer.write(b"GET /ws HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"\r\n")
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"one")
            first = await reader.readexactly(3)
            writer.write(b"two")
            rest = await reader.readexactly(len(received) - 3)
            writer.close()
            return first + rest

    assert play(scenario()) == received


def test_refused_upgrade_is_a_plain_response_and_the_connection_goes_on(harness, play):
    async def scenario():
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            wish = b"GET /ws HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"\r\n"
            return await harness.talk(running.port, wish + harness.get())

    assert play(scenario()).count(b"hello") == 2


@pytest.mark.parametrize("steps", [(Head(503, (), 0),), (Abort("rst"),)])
def test_upgrade_can_fail_without_the_upstream(harness, play, steps):
    async def scenario():
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, harness.plan(*steps, outcome="conn_error")) as running,
        ):
            reader, writer = await harness.connect(running.port)
            writer.write(b"GET /ws HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"\r\n")
            try:
                received = await reader.read(100)
            except ConnectionResetError:
                received = b"reset"
            return received, upstream.requests

    received, requests = play(scenario())
    assert received.startswith((b"HTTP/1.1 503 ", b"reset"))
    assert requests == []


def test_client_that_leaves_ends_the_tunnel_at_the_upstream(harness, play):
    ended = asyncio.Event()

    async def converse(reader, writer):
        await echo_frames(reader, writer)
        ended.set()

    async def scenario():
        async with harness.server(converse) as port, harness.proxy(port) as running:
            reader, writer = await harness.connect(running.port)
            writer.write(b"GET /ws HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"\r\n")
            await reader.readuntil(b"\r\n\r\n")
            writer.close()
            await ended.wait()
            await harness.until(lambda: not running.proxy.inflight_count)
            return running

    record = play(scenario()).records()[0]
    assert (record.outcome, record.error_type) == ("cancelled", "client_left")


@pytest.mark.parametrize("keep_bodies", [True, False])
@pytest.mark.parametrize(
    ("status", "outcome", "kind"),
    [
        (503, "http_error", "http_5xx:503"),
        (404, "http_error", "http_4xx:404"),
        (200, "cancelled", "cancelled"),
    ],
)
def test_client_that_leaves_after_the_head_of_an_error_has_met_that_error(
    harness, play, status, outcome, kind, keep_bodies
):
    """Many clients raise at the status and never read the body: those are the very calls that failed."""
    plan = harness.plan(Forward(), Wait(0.0), RelayHead(), RelayBody(60.0))
    answer = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" % status

    async def scenario():
        async with (
            harness.upstream(answer) as upstream,
            harness.proxy(upstream.port, plan, keep_bodies=keep_bodies) as running,
        ):
            reader, writer = await harness.connect(running.port)
            writer.write(harness.get())
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.abort()
            await harness.until(lambda: not running.proxy.inflight_count)
            return running

    record = play(scenario()).records()[0]
    assert (record.outcome, record.http_response_status_code) == (outcome, status)
    assert (record.error_type, record.latency_censoring) == (
        "client_left",
        "none" if status >= 400 else "right",
    )
    assert record.lateness_ns is None
    assert record.response_body_truncated
    assert kind_of_record(record) == kind


def test_real_websockets_talk_through_the_proxy(harness, play):
    async def serve(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data[::-1])
        return socket

    async def scenario():
        application = web.Application()
        application.router.add_get("/ws", serve)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        try:
            async with (
                harness.proxy(port) as running,
                aiohttp.ClientSession() as session,
                session.ws_connect(f"http://127.0.0.1:{running.port}/ws") as socket,
            ):
                answers = []
                for text in ("hello", "world" * 20_000):
                    await socket.send_str(text)
                    answers.append((await socket.receive_str()) == text[::-1])
                await socket.close()
                return answers, socket.close_code
        finally:
            await runner.cleanup()

    assert play(scenario()) == ([True, True], 1000)


@pytest.mark.parametrize(
    ("host", "origin", "rewritten"),
    [
        (b"127.0.0.1:8900", b"http://127.0.0.1:8900", True),
        (b"localhost:8900", b"http://localhost:8900", True),
        (b"[::1]:8900", b"http://[::1]:8900", True),
        (b"127.0.0.1:8900", b"http://127.0.0.1:3000", False),
        (b"127.0.0.1:8900", b"https://app.example", False),
        (b"127.0.0.1:8900", b"null", False),
        # A page of a foreign name that was made to lead here: the upstream must see who asks.
        (b"rebound.example", b"http://rebound.example", False),
    ],
)
def test_own_origin_becomes_the_upstream_s_and_no_other(harness, play, host, origin, rewritten):
    request = b"GET /x HTTP/1.1\r\nHost: %b\r\nX-One: 1\r\nOrigin: %b\r\nConnection: close\r\n\r\n" % (
        host,
        origin,
    )

    async def scenario():
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            await harness.talk(running.port, request)
            return upstream.requests[0], b"http://127.0.0.1:%d" % upstream.port

    sent, own = play(scenario())
    assert sent.lower().count(b"\r\norigin: ") == 1
    assert b"\r\nOrigin: %b\r\n" % (own if rewritten else origin) in sent


def test_endless_body_streams_in_bounded_memory(harness, play):
    """512 MiB pass through; the process grows by a small part of that."""
    piece, piece_count = b"x" * (1 << 20), 512

    async def endless(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()

    async def scenario():
        async with harness.server(endless) as port, harness.proxy(port) as running:
            reader, writer = await harness.connect(running.port, limit=1 << 20)
            writer.write(harness.get())
            before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            left = piece_count * len(piece)
            while left > 0:
                left -= len(await reader.read(1 << 20))
            grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
            writer.transport.abort()
            await harness.until(lambda: not running.proxy.inflight_count)
            return grown_kib

    assert play(scenario()) < 64 * 1024


def test_pipelined_requests_are_answered_in_order_whatever_they_take(harness, play):
    """The first is the slowest: nothing overtakes it."""
    plans = [
        harness.plan(Forward(), Wait(delay_s), RelayHead(), RelayBody(delay_s), last_byte_s=delay_s)
        for delay_s in (0.2, 0.0, 0.1)
    ]

    async def scenario():
        async with (
            harness.upstream(lambda request: harness.response(request.split(b" ")[1])) as upstream,
            harness.proxy(upstream.port, *plans) as running,
        ):
            requests = [harness.get("/a", close=False), harness.get("/b", close=False), harness.get("/c")]
            return await harness.talk(running.port, b"".join(requests))

    received = play(scenario())
    assert [part.partition(b"\r\n\r\n")[2] for part in received.split(b"HTTP/1.1 200 OK")[1:]] == [
        b"/a",
        b"/b",
        b"/c",
    ]


SLOWLY = (Forward(), Wait(0.3), RelayHead(), RelayBody())


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_client_that_only_closes_its_sending_side_gets_its_answer(harness, play, version):
    """One that speaks HTTP/1.1 is sent an interim response before: by its kernel's answer we know that it is there."""

    async def scenario():
        plan = harness.plan(*SLOWLY, last_byte_s=0.3)
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, plan) as running,
        ):
            reader, writer = await harness.connect(running.port)
            writer.write(f"POST /x HTTP/{version}\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi".encode())
            writer.write_eof()
            return await reader.read(), running

    received, running = play(scenario())
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert received.startswith(interim) == (version == "1.1")
    assert received.removeprefix(interim).startswith(b"HTTP/1.1 200 OK\r\n")
    assert received.endswith(b"hello")
    assert [record.outcome for record in running.records()] == ["ok"]


def test_requests_sent_before_the_sending_side_was_closed_are_all_answered(harness, play):
    async def scenario():
        plan = harness.plan(*SLOWLY, last_byte_s=0.3)
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, plan) as running,
        ):
            reader, writer = await harness.connect(running.port)
            writer.write(harness.get(close=False) * 3)
            writer.write_eof()
            return await reader.read()

    assert play(scenario()).count(b"hello") == 3


@pytest.mark.parametrize("rest", [b"Content-Length: 5\r\n\r\nhe", b"X-Half: a he"])
def test_half_a_request_before_the_sending_side_was_closed_is_none(harness, play, rest):
    async def scenario():
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            reader, writer = await harness.connect(running.port)
            writer.write(b"POST /x HTTP/1.1\r\nHost: a\r\n" + rest)
            await harness.until(lambda: running.proxy.connection_count)
            writer.write_eof()
            return await reader.read()

    assert play(scenario()) == b""


def test_client_that_leaves_is_told_from_one_that_closes_its_sending_side_at_once(harness, play):
    """An agent that gives up: the tool is not to work on for nobody, and the record says how long it waited."""
    cancelled = asyncio.Event()

    async def silent(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await reader.read()
        cancelled.set()

    async def scenario():
        async with harness.server(silent) as port, harness.proxy(port) as running:
            _, writer = await harness.connect(running.port)
            writer.write(harness.get())
            await harness.until(lambda: running.proxy.inflight_count)
            left_s = time.monotonic()
            writer.close()
            await cancelled.wait()
            await harness.until(lambda: not running.proxy.inflight_count)
            return running, time.monotonic() - left_s

    running, noticed_s = play(scenario())
    assert noticed_s < 2.0
    assert running.records()[0].error_type == "client_left"
