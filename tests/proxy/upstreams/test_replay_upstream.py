"""Recordings made by the proxy answer in the place of the tool."""

import asyncio
import gzip
import time

import pytest

from earthwire.fault_models.plan import Forward, RelayBody, RelayHead, Wait
from earthwire.proxy.server import ServeError
from earthwire.proxy.upstreams.replay_upstream import ReplayConfig
from earthwire.traces.replay import ReplayIndex

POST = b"POST /x?b=2&a=1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: close\r\n"


def json_response(harness, body, extra=b""):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
    return head + extra + b"\r\n" + body


def recorded(harness, play, requests, reply):
    """Record some calls and return the index of them."""

    async def scenario():
        async with (
            harness.upstream(reply) as upstream,
            harness.proxy(upstream.port, keep_bodies=True) as running,
        ):
            for request in requests:
                await harness.talk(running.port, request)
            return running

    records = play(scenario()).records()
    (harness.folder / "records.jsonl").unlink()
    return records


def replayed(harness, play, config, requests, *plans):
    async def scenario():
        async with harness.proxy(1, *plans, upstreams={"tool": config}) as running:
            return [await harness.talk(running.port, request) for request in requests], running

    answers, running = play(scenario())
    return answers, running.records()


def counting_reply(harness):
    count = 0

    def reply(request):
        nonlocal count
        count += 1
        return json_response(harness, b'{"n": %d}' % count)

    return reply


def test_nth_identical_call_gets_the_nth_recording(harness, play):
    post = POST + b"Content-Length: 17\r\n\r\n" + b'{"id":1, "q":"a"}'
    same = POST.replace(b"b=2&a=1", b"a=1&b=2") + b"Content-Length: 16\r\n\r\n" + b'{"q":"a","id":1}'
    other = POST + b"Content-Length: 16\r\n\r\n" + b'{"q":"z","id":1}'
    records = recorded(harness, play, [post, post, other, post], counting_reply(harness))
    config = ReplayConfig(index=ReplayIndex(records), timing="calibrated")
    answers, replays = replayed(harness, play, config, [same, other, same, post])
    bodies = [answer.partition(b"\r\n\r\n")[2] for answer in answers]
    assert bodies == [b'{"n": 1}', b'{"n": 3}', b'{"n": 2}', b'{"n": 4}']
    assert {record.origin for record in replays} == {"replay"}
    assert {record.outcome for record in replays} == {"ok"}


def test_each_episode_starts_at_the_first_recording(harness, play):
    get = harness.get
    records = recorded(harness, play, [get("/x")] * 2, counting_reply(harness))
    config = ReplayConfig(index=ReplayIndex(records))
    answers, _ = replayed(harness, play, config, [get("/e/a/x"), get("/e/b/x"), get("/e/a/x")])
    assert [answer[-8:] for answer in answers] == [b'{"n": 1}', b'{"n": 1}', b'{"n": 2}']


def test_miss_is_a_404_that_names_the_nearest_recording(harness, play):
    records = recorded(harness, play, [harness.get("/items?page=1")], counting_reply(harness))
    config = ReplayConfig(index=ReplayIndex(records))
    answers, replays = replayed(harness, play, config, [harness.get("/items?page=2")] * 2)
    assert answers[0].startswith(b"HTTP/1.1 404 ")
    assert b"no_recording" in answers[0]
    assert b"page" in answers[0]
    assert (replays[0].origin, replays[0].error_type) == ("proxy", "no_recording")
    assert len(harness.warnings) == 1


def test_miss_may_be_answered_by_the_nearest_recording(harness, play):
    records = recorded(harness, play, [harness.get("/items?page=1")], counting_reply(harness))
    config = ReplayConfig(index=ReplayIndex(records), miss="nearest")
    answers, _ = replayed(harness, play, config, [harness.get("/items?page=2")])
    assert answers[0].endswith(b'{"n": 1}')
    assert "page" in harness.warnings[0]


def test_miss_may_be_forwarded(harness, play):
    async def scenario():
        async with harness.upstream(harness.response(b"live")) as upstream:
            config = ReplayConfig(
                index=ReplayIndex([]), miss="forward", url=f"http://127.0.0.1:{upstream.port}"
            )
            async with harness.proxy(1, upstreams={"tool": config}) as running:
                post = POST + b"Content-Length: 2\r\n\r\n{}"
                return await harness.talk(running.port, post), upstream.requests[0], running

    answer, request, running = play(scenario())
    assert answer.endswith(b"live")
    assert request.endswith(b"Content-Length: 2\r\n\r\n{}")
    assert running.records()[0].origin == "upstream"


def test_forwarding_misses_needs_an_upstream(harness, play):
    async def scenario():
        config = ReplayConfig(index=ReplayIndex([]), miss="forward")
        async with harness.proxy(1, upstreams={"tool": config}):
            pass

    with pytest.raises(ServeError, match="needs the URL"):
        play(scenario())


def test_recorded_timing_repeats_the_recorded_times(harness, play):
    async def slow(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.15)
        writer.write(harness.response())

    async def record():
        async with harness.server(slow) as port, harness.proxy(port, keep_bodies=True) as running:
            await harness.talk(running.port, harness.get())
            return running

    records = play(record()).records()
    (harness.folder / "records.jsonl").unlink()
    started_s = time.monotonic()
    _, replays = replayed(harness, play, ReplayConfig(index=ReplayIndex(records)), [harness.get()])
    assert time.monotonic() - started_s >= 0.15
    assert replays[0].duration_ns >= records[0].duration_ns
    assert replays[0].plan_last_byte_ns == pytest.approx(records[0].duration_ns, abs=1000)


def test_calibrated_timing_follows_the_plan(harness, play):
    records = recorded(harness, play, [harness.get()], counting_reply(harness))
    plan = harness.plan(Forward(), Wait(0.15), RelayHead(), RelayBody(0.15), last_byte_s=0.15)
    config = ReplayConfig(index=ReplayIndex(records), timing="calibrated")
    _, replays = replayed(harness, play, config, [harness.get()], plan)
    assert replays[0].duration_ns >= 0.15e9
    assert replays[0].plan_last_byte_ns == 0.15e9


def test_compressed_responses_are_kept_decoded_and_replayed_plain(harness, play):
    body = gzip.compress(b'{"a": 1}')
    answer = json_response(harness, body, b"Content-Encoding: gzip\r\nX-Request-Id: 7\r\n")
    records = recorded(harness, play, [harness.get()], answer)
    assert records[0].response_body == '{"a": 1}'
    assert records[0].body_class == "json_object"
    answers, _ = replayed(harness, play, ReplayConfig(index=ReplayIndex(records)), [harness.get()])
    assert b"ncoding" not in answers[0]
    assert answers[0].endswith(b'\r\n\r\n{"a": 1}')


def test_secrets_never_reach_the_record(harness, play):
    post = (
        b"POST /x?api_key=HUSH1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer HUSH2\r\nConnection: close\r\n"
        b'Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{"password":"HUSH3"}'
    )
    answer = json_response(harness, b'{"access_token": "HUSH4"}', b"Set-Cookie: HUSH5\r\n")
    recorded(harness, play, [], answer)

    async def scenario():
        async with (
            harness.upstream(answer) as upstream,
            harness.proxy(upstream.port, keep_bodies=True) as running,
        ):
            await harness.talk(running.port, post)
            return upstream.requests[0]

    assert b"HUSH1" in play(scenario())
    text = (harness.folder / "records.jsonl").read_text()
    assert "HUSH" not in text
    assert "password" in text


def test_without_keep_bodies_neither_url_nor_bodies_are_kept(harness, play):
    async def scenario():
        async with harness.upstream(harness.response()) as upstream, harness.proxy(upstream.port) as running:
            await harness.talk(running.port, harness.get("/x?q=private"))
            return running

    record = play(scenario()).records()[0]
    assert (record.url_full, record.response_body, record.request_key) == (None, None, None)
    assert "private" not in (harness.folder / "records.jsonl").read_text()
