"""Streams of model providers: faults midway come when the stream would have come so far, and tokens are recorded."""

import asyncio
import json
import time

from earthwire.fault_models.damage import Payload, damaged
from earthwire.fault_models.plan import Forward, RelayBody, RelayDamaged, RelayHead, Wait

PIECES = [
    {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 12, "output_tokens": 1}}},
    *(
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": f"w{i} " * 60}}
        for i in range(90)
    ),
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 40}},
    {"type": "message_stop"},
]
EVENTS = [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in PIECES]
BODY = b"".join(EVENTS)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
ANSWER = HEAD + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
POST = b"POST /v1/messages HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
SPAN_S = 0.4


def played(harness, play, *steps):
    async def scenario():
        plan = harness.plan(*steps, last_byte_s=SPAN_S)
        async with harness.upstream(ANSWER) as upstream, harness.proxy(upstream.port, plan) as running:
            reader, writer = await harness.connect(running.port)
            begin_s = time.monotonic()
            writer.write(POST)
            await reader.readuntil(b"\r\n\r\n")
            body = await asyncio.wait_for(reader.read(), 20)
            return body, time.monotonic() - begin_s, running

    body, elapsed_s, running = play(scenario())
    return body, elapsed_s, running.records()[0]


def test_an_error_midway_comes_when_the_stream_would_have_come_so_far(harness, play):
    due_s = tuple(SPAN_S * i / (len(EVENTS) - 1) for i in range(len(EVENTS)))
    kept_counts = {}
    for u in (0.1, 0.35, 0.6, 0.9):
        left = damaged(Payload(BODY, "text/event-stream"), "sse_error", u)
        assert left is not None
        kept = left.body.count(b"\n\n") - 1
        body, elapsed_s, record = played(
            harness, play, Forward(), Wait(0.0), RelayDamaged("sse_error", u, SPAN_S, due_s=due_s)
        )
        assert b"overloaded_error" in body
        assert elapsed_s >= due_s[kept]
        kept_counts[u] = (kept, elapsed_s)
        assert record.chunk_count is not None
    earliest, latest = min(kept_counts.values()), max(kept_counts.values())
    assert earliest[0] + 10 < latest[0], "the cuts must differ, or nothing is shown"
    assert earliest[1] < latest[1]


def test_tokens_are_recorded_from_the_beginning_and_the_end_of_a_long_stream(harness, play):
    assert len(BODY) > 16 * 1024, "the whole stream must not be kept"
    _, _, record = played(harness, play, Forward(), Wait(0.0), RelayHead(), RelayBody())
    assert (record.gen_ai_usage_input_tokens, record.gen_ai_usage_output_tokens) == (12, 40)
