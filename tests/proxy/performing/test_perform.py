"""Every word of the plan vocabulary, by the bytes and the times that a raw client sees."""

import asyncio
import time

import pytest

from earthwire.fault_models.plan import Abort, Body, Forward, Head, RelayBody, RelayHead, Wait
from earthwire.proxy.limits import Limits

DELAY_S = 0.15


async def timed_talk(harness, port, request):
    """Return what came, when the first byte came and when the end came, in seconds after the request was sent."""
    reader, writer = await harness.connect(port)
    started_s = time.monotonic()
    writer.write(request)
    first = await reader.read(1)
    first_s = time.monotonic() - started_s
    rest = await reader.read()
    ended_s = time.monotonic() - started_s
    writer.close()
    return first + rest, first_s, ended_s


def perform(harness, play, *plans, answer=None, request=None, limits=None):
    """Run one call; return what the client received, its times, the record, and what the upstream received."""

    async def scenario():
        async with (
            harness.upstream(answer or harness.response()) as upstream,
            harness.proxy(upstream.port, *plans, limits=limits) as running,
        ):
            received = await timed_talk(harness, running.port, request or harness.get())
            return *received, running, upstream

    received, first_s, ended_s, running, upstream = play(scenario())
    return received, first_s, ended_s, running.records()[0], upstream


def test_wait_holds_the_response_back_until_it_is_due_and_never_less(harness, play):
    plan = harness.plan(Forward(), Wait(DELAY_S), RelayHead(), RelayBody(DELAY_S), last_byte_s=DELAY_S)
    received, first_s, _, record, _ = perform(harness, play, plan)
    assert received.endswith(b"\r\n\r\nhello")
    assert first_s >= DELAY_S
    assert record.ttfb_ns >= DELAY_S * 1e9
    assert record.lateness_ns >= 0
    assert (record.origin, record.outcome) == ("upstream", "ok")


def test_upstream_s_own_time_counts_inside_the_wait(harness, play):
    """Upstream 0.8 s, plan 1 s: the sum would be 1.8 s."""
    plan = harness.plan(Forward(), Wait(1.0), RelayHead(), RelayBody(), last_byte_s=1.0)

    async def slow(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.8)
        writer.write(harness.response())

    async def scenario():
        async with harness.server(slow) as port, harness.proxy(port, plan) as running:
            return await timed_talk(harness, running.port, harness.get())

    _, first_s, _ = play(scenario())
    assert 1.0 <= first_s < 1.8


def test_wait_that_has_passed_does_not_wait(harness, play):
    plan = harness.plan(Wait(1.0), Wait(0.9), Head(200, (), 0))
    _, first_s, _, _, _ = perform(harness, play, plan)
    assert 1.0 <= first_s < 1.9


def test_relay_body_holds_only_the_last_byte_back(harness, play):
    plan = harness.plan(Forward(), RelayHead(), RelayBody(DELAY_S), last_byte_s=DELAY_S)

    async def scenario():
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, plan) as running,
        ):
            reader, writer = await harness.connect(running.port)
            started_s = time.monotonic()
            writer.write(harness.get())
            early = await reader.readuntil(b"hell")
            early_s = time.monotonic() - started_s
            late = await reader.read()
            late_s = time.monotonic() - started_s
            writer.close()
            return early, early_s, late, late_s

    early, early_s, late, late_s = play(scenario())
    assert early.endswith(b"\r\n\r\nhell")
    assert early_s < DELAY_S <= late_s
    assert late == b"o"


def test_relay_body_holds_a_chunked_body_s_end_back(harness, play):
    plan = harness.plan(Forward(), RelayHead(), RelayBody(DELAY_S), last_byte_s=DELAY_S)
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    received, first_s, ended_s, _, _ = perform(harness, play, plan, answer=answer)
    assert received.endswith(b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    assert first_s < DELAY_S <= ended_s


def test_event_of_a_stream_never_waits_for_its_last_byte(harness, play):
    """Events leave whole and at once; only the end of the stream is held back."""
    plan = harness.plan(Forward(), RelayHead(), RelayBody(DELAY_S), last_byte_s=DELAY_S)
    event = b"data: 1\n\n"
    ended = asyncio.Event()

    async def stream(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        writer.write(b"9\r\n%b\r\n" % event)
        await ended.wait()
        writer.write(b"0\r\n\r\n")

    async def scenario():
        async with harness.server(stream) as port, harness.proxy(port, plan) as running:
            reader, writer = await harness.connect(running.port)
            started_s = time.monotonic()
            writer.write(harness.get())
            await reader.readuntil(event)
            event_s = time.monotonic() - started_s
            ended.set()
            rest = await reader.read()
            return event_s, rest, time.monotonic() - started_s

    event_s, rest, ended_s = play(scenario())
    assert rest == b"\r\n0\r\n\r\n"
    assert event_s < DELAY_S <= ended_s


def test_response_without_body_is_held_back_as_a_whole(harness, play):
    plan = harness.plan(Forward(), RelayHead(), RelayBody(DELAY_S), last_byte_s=DELAY_S)
    _, first_s, _, _, _ = perform(harness, play, plan, answer=harness.response(b""))
    assert first_s >= DELAY_S


@pytest.mark.parametrize(("fraction", "kept"), [(0.0, b""), (0.5, b"he"), (0.99, b"hell")])
def test_fraction_cuts_the_body_under_the_unchanged_head(harness, play, fraction, kept):
    plan = harness.plan(Forward(), RelayHead(), RelayBody(0.0, fraction), Abort("fin"), outcome="malformed")
    received, _, _, record, _ = perform(harness, play, plan)
    assert b"Content-Length: 5\r\n" in received
    assert received.partition(b"\r\n\r\n")[2] == kept
    assert (record.outcome, record.origin) == ("malformed", "injected")
    assert (record.http_response_body_size, record.declared_content_length) == (len(kept), 5)


def test_fraction_of_a_chunked_body_lacks_its_end(harness, play):
    plan = harness.plan(Forward(), RelayHead(), RelayBody(0.0, 0.5), Abort("fin"), outcome="malformed")
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"
    received, *_ = perform(harness, play, plan, answer=answer)
    assert received.endswith(b"\r\n\r\n2\r\nab\r\n")


def test_fraction_without_abort_ends_the_connection(harness, play):
    plan = harness.plan(Forward(), RelayHead(), RelayBody(0.0, 0.5))
    received, *_ = perform(harness, play, plan, request=harness.get(close=False))
    assert received.endswith(b"\r\n\r\nhe")


def test_own_response_never_calls_the_upstream(harness, play):
    head = Head(503, (("content-type", "text/html"), ("X-Id", "7")), 4)
    plan = harness.plan(head, Body(b"oops"), outcome="http_5xx:503")
    received, _, _, record, upstream = perform(harness, play, plan)
    assert received == (
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/html\r\nX-Id: 7\r\ncontent-length: 4\r\n"
        b"Connection: close\r\n\r\noops"
    )
    assert upstream.requests == []
    assert (record.outcome, record.origin, record.http_response_status_code) == (
        "http_error",
        "injected",
        503,
    )
    assert record.plan_outcome == "http_5xx:503"


def test_own_response_keeps_the_connection_and_does_not_tell(harness, play):
    plan = harness.plan(Head(429, (), 0), outcome="http_4xx:429")
    received, *_ = perform(harness, play, plan, request=harness.get(close=False) + harness.get())
    assert received.startswith(b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\nHTTP/1.1 429 ")
    assert b"earthwire" not in received


def test_own_response_answers_a_request_whose_body_is_on_its_way(harness, play):
    plan = harness.plan(Head(503, (), 0), outcome="http_5xx:503")
    post = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000
    received, *_ = perform(harness, play, plan, request=post + harness.get())
    assert received.count(b"HTTP/1.1 503 ") == 2


def test_own_body_may_come_in_pieces_and_end_early(harness, play):
    plan = harness.plan(Head(200, (), 10), Body(b"ab"), Wait(DELAY_S), Body(b"cd"), outcome="malformed")
    received, first_s, ended_s, record, _ = perform(harness, play, plan, request=harness.get(close=False))
    assert received.endswith(b"\r\n\r\nabcd")
    assert first_s < DELAY_S <= ended_s
    assert (record.outcome, record.error_type) == ("malformed", "body_cut")


def test_own_body_without_length_ends_with_the_connection(harness, play):
    plan = harness.plan(Head(200, (), None), Body(b"abc"))
    received, *_ = perform(harness, play, plan, request=harness.get(close=False))
    assert received == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"


def test_own_response_to_head_has_no_body(harness, play):
    plan = harness.plan(Head(200, (), 3), Body(b"abc"))
    request = b"HEAD /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    received, *_ = perform(harness, play, plan, request=request)
    assert received.endswith(b"content-length: 3\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize("before", [(), (Head(200, (), 10), Body(b"abc"))])
def test_reset_is_seen_as_a_reset(harness, play, before):
    plan = harness.plan(*before, Abort("rst"), outcome="conn_error")

    async def scenario():
        async with harness.upstream(b"") as upstream, harness.proxy(upstream.port, plan) as running:
            reader, writer = await harness.connect(running.port)
            writer.write(harness.get())
            received = await read_until_reset(reader)
            writer.close()
            return received, running

    received, running = play(scenario())
    assert received.endswith(b"abc") == bool(before)
    record = running.records()[0]
    assert (record.outcome, record.origin) == ("conn_error", "injected")


def test_fin_without_response_is_an_empty_answer(harness, play):
    plan = harness.plan(Wait(DELAY_S), Abort("fin"), outcome="conn_error")

    async def scenario():
        async with harness.upstream(b"") as upstream, harness.proxy(upstream.port, plan) as running:
            return await harness.talk(running.port, harness.get()), running

    received, running = play(scenario())
    assert received == b""
    assert running.records()[0].error_type == "connection_closed"


def test_hang_is_silence_until_the_client_leaves(harness, play):
    plan = harness.plan(Abort("hang"), outcome="timeout")

    async def scenario():
        async with harness.upstream(b"") as upstream, harness.proxy(upstream.port, plan) as running:
            reader, writer = await harness.connect(running.port)
            writer.write(harness.get())
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(DELAY_S):
                    await reader.read(1)
            writer.close()
            await harness.until(lambda: not running.proxy.inflight_count)
            return running

    record = play(scenario()).records()[0]
    assert (record.outcome, record.origin, record.latency_censoring) == ("timeout", "injected", "right")
    assert record.duration_ns >= DELAY_S * 1e9 * 0.9
    assert record.ttfb_ns is None


def test_hang_ends_at_its_bound(harness, play):
    plan = harness.plan(Abort("hang"), outcome="timeout")
    received, _, ended_s, _, _ = perform(harness, play, plan, limits=Limits(hang_s_max=DELAY_S))
    assert received == b""
    assert ended_s >= DELAY_S


def test_client_that_leaves_cancels_the_wait_and_the_upstream(harness, play):
    plan = harness.plan(Forward(), Wait(30.0), RelayHead(), RelayBody(), last_byte_s=30.0)
    upstream_closed = asyncio.Event()

    async def silent(reader, writer):
        await reader.read()
        upstream_closed.set()

    async def scenario():
        async with harness.server(silent) as port, harness.proxy(port, plan) as running:
            reader, writer = await harness.connect(running.port)
            writer.write(harness.get())
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(DELAY_S):
                    await reader.read(1)
            writer.close()
            await upstream_closed.wait()
            await harness.until(lambda: not running.proxy.inflight_count)
            return running

    record = play(scenario()).records()[0]
    assert (record.outcome, record.error_type, record.latency_censoring) == (
        "cancelled",
        "client_left",
        "right",
    )
    assert DELAY_S * 0.9 <= record.duration_ns / 1e9 < 20.0


def test_own_response_after_forward_lets_the_upstream_finish(harness, play):
    """A time-out after the commit: the upstream does its work, its answer is dropped, its connection is reused."""
    lost = harness.plan(Forward(), Wait(DELAY_S), Head(504, (), 0), outcome="http_5xx:504")

    async def scenario():
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, lost) as running,
        ):
            received = await harness.talk(running.port, harness.get(close=False) + harness.get())
            return received, upstream.connection_count, len(upstream.requests)

    received, connection_count, request_count = play(scenario())
    assert received.count(b"HTTP/1.1 504 ") == 2
    assert (connection_count, request_count) == (1, 2)


async def read_until_reset(reader):
    """Return what comes before a reset; fail if the connection ends in order."""
    received = b""
    try:
        while piece := await reader.read(65536):
            received += piece
    except ConnectionResetError:
        return received
    pytest.fail("the connection ended in order")
