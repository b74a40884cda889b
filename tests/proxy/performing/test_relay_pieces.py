"""Bodies that come in pieces: real sockets, real time, and what is recorded of it."""

import asyncio
import re
import time

from earthwire.fault_models.plan import Forward, RelayHead, RelayPieces, Wait

EVENTS = [b"data: %d\n\n" % i for i in range(6)]
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = re.compile(rb"([0-9a-f]+)\r\n")


def chunked(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def plan(harness, due_s, cut="events", u=0.5):
    steps = (Forward(), Wait(due_s[0]), RelayHead(), RelayPieces(tuple(due_s), cut, u))
    return harness.plan(*steps, last_byte_s=due_s[-1])


async def read_timed(harness, port) -> tuple[list[tuple[float, bytes]], float]:
    """Return what came when, in seconds after the request was sent, and when the connection ended."""
    reader, writer = await harness.connect(port)
    begin_s = time.monotonic()
    writer.write(harness.get())
    came = []
    while data := await reader.read(1 << 20):
        came.append((time.monotonic() - begin_s, data))
    return came, time.monotonic() - begin_s


def body_of(came) -> bytes:
    return b"".join(data for _, data in came).partition(b"\r\n\r\n")[2]


def play_plan(harness, play, answer, due_s, cut="events", u=0.5):
    async def scenario():
        async with (
            harness.upstream(answer) as upstream,
            harness.proxy(upstream.port, plan(harness, due_s, cut, u)) as running,
        ):
            return *await read_timed(harness, running.port), running

    came, ended_s, running = play(scenario())
    return came, ended_s, running.records()[0]


def test_each_event_leaves_when_it_is_due_and_gaps_are_recorded(harness, play):
    due_s = (0.05, 0.09, 0.1, 0.16, 0.18, 0.25)
    came, ended_s, record = play_plan(harness, play, STREAM_HEAD + chunked(b"".join(EVENTS)), due_s)
    assert body_of(came) == chunked(*EVENTS)
    seen_s = [next(at_s for at_s, data in came if event in data) for event in EVENTS]
    assert all(at_s >= due for at_s, due in zip(seen_s, due_s, strict=True))
    assert ended_s >= 0.25
    assert (record.stream, record.chunk_count) == (True, 6)
    assert len(record.chunk_gaps_ns) == 5
    # The last event was sent at its time or later, the first one before it was seen.
    assert sum(record.chunk_gaps_ns) / 1e9 >= due_s[-1] - seen_s[0]


def test_more_events_than_times_leave_several_at_a_time(harness, play):
    came, _, record = play_plan(harness, play, STREAM_HEAD + chunked(b"".join(EVENTS)), (0.02, 0.06, 0.1))
    assert b"".join(CHUNK.sub(b"", body_of(came)).split(b"\r\n")[:6]) == b"".join(EVENTS)
    assert record.chunk_count == 6
    seen_s = [next(at_s for at_s, data in came if event in data) for event in EVENTS]
    assert all(at_s >= due for at_s, due in zip(seen_s, (0.02, 0.02, 0.06, 0.06, 0.1, 0.1), strict=True))


def test_events_of_a_slow_upstream_are_not_held_beyond_their_times(harness, play):
    async def converse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(STREAM_HEAD)
        for event in EVENTS[:3]:
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await writer.drain()
            await asyncio.sleep(0.05)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def scenario():
        async with (
            harness.server(converse) as port,
            harness.proxy(port, plan(harness, (0.0, 0.001, 1.5))) as running,
        ):
            return await read_timed(harness, running.port)

    came, ended_s = play(scenario())
    seen_s = [next(at_s for at_s, data in came if event in data) for event in EVENTS[:2]]
    assert seen_s[1] < 1.4
    assert ended_s >= 1.5


def test_an_event_that_comes_in_parts_leaves_whole(harness, play):
    halves = chunked(b"data: a", b"bc\n", b"\ndata: x\n\n")
    came, _, record = play_plan(harness, play, STREAM_HEAD + halves, (0.01, 0.03))
    assert body_of(came) == chunked(b"data: abc\n\n", b"data: x\n\n")
    assert record.chunk_count == 2


def test_a_body_of_known_length_that_is_no_stream_is_relayed_as_before(harness, play):
    came, ended_s, record = play_plan(harness, play, harness.response(b"hello"), (0.02, 0.05, 0.08))
    assert body_of(came) == b"hello"
    assert came[-1][0] >= 0.08
    assert ended_s >= 0.08
    assert (record.stream, record.chunk_count, record.chunk_gaps_ns) == (None, None, None)


def test_parts_drip_at_their_times(harness, play):
    came, _ended_s, record = play_plan(
        harness, play, harness.response(b"abcdefghij"), (0.01, 0.04, 0.08), "parts"
    )
    assert body_of(came) == b"abcdefghij"
    assert next(at_s for at_s, data in came if b"j" in data[-1:]) >= 0.08
    assert record.outcome == "ok"
    assert (record.stream, record.chunk_count) == (None, 3)
    assert sum(record.chunk_gaps_ns) / 1e9 >= 0.08 - next(at_s for at_s, data in came if b"abc" in data)


def test_fragments_are_the_same_bytes_in_small_chunks(harness, play):
    text = "größer ☃ ".encode() * 40
    came, _, record = play_plan(harness, play, STREAM_HEAD + chunked(text), (0.0, 0.01), "fragments", 0.3)
    sizes = [int(size, 16) for size in re.findall(rb"(?:^|\r\n)([0-9a-f]+)\r\n", body_of(came))]
    assert max(sizes) <= 16
    assert sum(sizes) == len(text)
    assert len(set(sizes[:-1])) > 5
    assert record.http_response_body_size == len(text)


def test_a_body_that_is_longer_than_is_held_is_relayed_as_it_comes(harness, play):
    from earthwire.proxy.limits import Limits

    body = b"x" * 100_000

    async def scenario(cut):
        async with (
            harness.upstream(harness.response(body)) as upstream,
            harness.proxy(
                upstream.port,
                plan(harness, (0.0, 0.01), cut),
                limits=Limits(damaged_body_bytes_max=1_000),
            ) as running,
        ):
            came, _ = await read_timed(harness, running.port)
        return body_of(came)

    for cut in ("parts", "fragments"):
        assert play(scenario(cut)) == body


def test_an_empty_stream_ends_when_it_is_due(harness, play):
    came, ended_s, _ = play_plan(harness, play, STREAM_HEAD + chunked(), (0.01, 0.05))
    assert body_of(came) == b"0\r\n\r\n"
    assert ended_s >= 0.05


def test_lines_of_a_stream_leave_when_they_are_due_with_their_ends(harness, play):
    head = STREAM_HEAD.replace(b"text/event-stream", b"application/x-ndjson")
    lines = [b'{"n": %d}\n' % i for i in range(3)]
    came, _, record = play_plan(harness, play, head + chunked(b"".join(lines)), (0.02, 0.06, 0.1))
    assert body_of(came) == chunked(*lines)
    seen_s = [next(at_s for at_s, data in came if line in data) for line in lines]
    assert all(at_s >= due for at_s, due in zip(seen_s, (0.02, 0.06, 0.1), strict=True))
    assert record.chunk_count == 3


def test_a_client_that_does_not_read_stops_the_upstream_too(harness, play):
    """What neither side's sockets hold would lie in the memory of the proxy: sockets here hold some megabytes."""
    event = b"data: " + b"x" * (1 << 18) + b"\n\n"
    sent = 0

    async def converse(reader, writer):
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(STREAM_HEAD)
        for _ in range(400):
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await writer.drain()
            sent += len(event)

    async def scenario():
        async with (
            harness.server(converse) as port,
            harness.proxy(port, plan(harness, (0.0, 0.001, 0.002))) as running,
        ):
            _, writer = await harness.connect(running.port)
            writer.write(harness.get())
            before = -1
            while before < sent or not sent:
                before = sent
                await asyncio.sleep(0.3)
            writer.close()

    play(scenario())
    assert 0 < sent < 50 << 20
