"""Damage to real bodies, by the bytes that a raw client sees."""

import gzip
import json
import time

import pytest

from earthwire.fault_models.plan import Forward, Head, RelayDamaged, Wait
from earthwire.proxy.limits import Limits
from earthwire.proxy.upstreams.earlier_answers import ANSWER_BYTES_MAX, ANSWERS_MAX, EarlierAnswers
from earthwire.proxy.wire.content_coding import decoded, encoded
from earthwire.traces.labels.fault_class import Observation, label_response
from earthwire.traces.labels.json_damage import json_damage

GOOD = b'{"id": 1, "items": [{"name": "a"}, {"name": "b"}]}'
JSON = b"Content-Type: application/json\r\n"


def answer(body: bytes = GOOD, headers: bytes = JSON, status: bytes = b"200 OK") -> bytes:
    return (
        b"HTTP/1.1 "
        + status
        + b"\r\nServer: real\r\n"
        + headers
        + b"Content-Length: %d\r\n\r\n" % len(body)
        + body
    )


def perform(harness, play, step, reply, outcome="malformed:invalid_json", limits=None):
    """Run one call on a connection that is left open; return the head, the body, the record and the time it took."""
    plan = harness.plan(Forward(), step, outcome=outcome, last_byte_s=step.last_byte_s)

    async def scenario():
        async with (
            harness.upstream(reply) as upstream,
            harness.proxy(upstream.port, plan, limits=limits) as running,
        ):
            reader, writer = await harness.connect(running.port)
            started_s = time.monotonic()
            writer.write(harness.get())
            received = await reader.read()
            took_s = time.monotonic() - started_s
            return received, took_s, running

    received, took_s, running = play(scenario())
    head, _, body = received.partition(b"\r\n\r\n")
    return head + b"\r\n", body, running.records()[0], took_s


def test_damaged_body_comes_under_a_head_that_fits(harness, play):
    head, body, record, _ = perform(harness, play, RelayDamaged("trailing_comma", 0.4), answer())
    assert json_damage(body) == "trailing_comma"
    assert b"Content-Length: %d\r\n" % len(body) in head
    assert b"Server: real\r\n" in head
    assert (record.outcome, record.origin, record.error_type) == ("malformed", "injected", "invalid_json")


def test_the_same_step_gives_the_same_bytes(harness, play):
    step = RelayDamaged("drift_missing", 0.7)
    first = perform(harness, play, step, answer(), "semantic_error:schema_drift")
    second = perform(harness, play, step, answer(), "semantic_error:schema_drift")
    assert first[:2] == second[:2]
    assert first[2].outcome == "semantic_error"


def test_the_path_that_is_aimed_at_is_the_one_that_drifts(harness, play):
    step = RelayDamaged("drift_missing", 0.7, aim="$.items[].name")
    _, body, _, _ = perform(harness, play, step, answer(), "semantic_error:schema_drift")
    assert json.loads(body) == {"id": 1, "items": [{}, {}]}


@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
def test_coded_bodies_are_damaged_inside_their_coding(harness, play, coding):
    reply = answer(encoded(GOOD, coding), JSON + b"Content-Encoding: " + coding + b"\r\n")
    head, body, _, _ = perform(harness, play, RelayDamaged("nan", 0.5), reply)
    assert b"Content-Encoding: " + coding in head
    assert json_damage(decoded(body, coding, 1000)) == "nan"


def test_chunked_bodies_stay_chunked(harness, play):
    reply = (
        b"HTTP/1.1 200 OK\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n32\r\n" + GOOD + b"\r\n0\r\n\r\n"
    )
    head, body, _, _ = perform(harness, play, RelayDamaged("bom", 0.5), reply)
    assert b"Transfer-Encoding: chunked" in head
    assert body.endswith(b"0\r\n\r\n")
    assert b"\xef\xbb\xbf{" in body


def test_a_lying_content_type_replaces_the_true_one(harness, play):
    head, body, _, _ = perform(
        harness, play, RelayDamaged("content_type", 0.1), answer(), "malformed:content_type"
    )
    assert body == GOOD
    assert head.lower().count(b"content-type:") == 1
    assert b"application/json" not in head


def test_a_stream_ends_before_its_last_event(harness, play):
    stream = b'data: {"choices":[]}\n\n' * 3 + b"data: [DONE]\n\n"
    reply = answer(stream, b"Content-Type: text/event-stream\r\n")
    head, body, record, _ = perform(
        harness, play, RelayDamaged("sse_disconnect", 0.9), reply, "malformed:stream"
    )
    assert stream.startswith(body)
    assert len(body) < len(stream)
    assert b"Content-Length: %d\r\n" % len(stream) in head
    assert (record.outcome, record.error_type) == ("malformed", "stream")


@pytest.mark.parametrize(
    "reply",
    [
        answer(b""),
        answer(status=b"503 Service Unavailable"),
        answer(b"\x00\xff", b"Content-Type: image/png\r\n"),
    ],
    ids=["empty", "error", "binary"],
)
def test_what_cannot_be_damaged_so_is_passed_on_and_recorded_as_it_is(harness, play, reply):
    _, body, record, _ = perform(harness, play, RelayDamaged("nan", 0.5), reply)
    assert reply.endswith(b"\r\n\r\n" + body)
    assert record.origin == "upstream"
    assert record.error_type is None


def test_a_body_beyond_the_bound_ends_there(harness, play):
    reply = answer(b"[" + b"1," * 5000 + b"1]")
    limits = Limits(damaged_body_bytes_max=1000)
    head, body, record, _ = perform(harness, play, RelayDamaged("nan", 0.5), reply, limits=limits)
    assert 0 < len(body) <= 10_003
    assert b"Content-Length: 10003\r\n" in head
    assert record.origin == "injected"


def test_the_last_byte_is_held_back_until_it_is_due(harness, play):
    _, body, record, took_s = perform(harness, play, RelayDamaged("nan", 0.5, last_byte_s=0.15), answer())
    assert took_s >= 0.15
    assert json_damage(body) == "nan"
    assert record.lateness_ns >= 0


def test_codings_come_back(harness):
    for coding in (None, b"identity", b"gzip", b"deflate"):
        assert decoded(encoded(GOOD, coding), coding, 1000) == GOOD
    assert decoded(GOOD, b"br", 1000) is None
    assert decoded(GOOD, b"gzip", 1000) is None
    assert decoded(gzip.compress(bytes(2000)), b"gzip", 1000) is None


def test_an_empty_date_is_the_time_of_sending(harness, play):
    plan = harness.plan(Wait(0.0), Head(503, (("date", ""), ("server", "nginx")), 0), outcome="http_5xx:503")

    async def scenario():
        async with harness.upstream(answer()) as upstream, harness.proxy(upstream.port, plan) as running:
            reader, writer = await harness.connect(running.port)
            writer.write(harness.get())
            return await reader.read()

    received = play(scenario()).decode("latin-1")
    dates = [line for line in received.split("\r\n") if line.lower().startswith("date: ")]
    assert len(dates) == 1
    assert dates[0].endswith(" GMT")


def test_what_the_client_gets_is_labelled_as_what_was_injected(harness, play):
    head, body, _, _ = perform(harness, play, RelayDamaged("two_values", 0.5), answer())
    seen = Observation(status=200, content_type="application/json", body=body)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert label_response(seen).fault_class == "json_malformed"


def test_a_stale_answer_is_the_one_that_the_request_got_first(harness, play):
    bodies = iter([])

    def reply(_: bytes) -> bytes:
        return answer(next(bodies))

    plan = harness.plan(Forward(), RelayDamaged("stale", 0.5), outcome="semantic_error:stale")

    async def scenario():
        nonlocal bodies
        bodies = iter(b'{"v": %d}' % i for i in range(4))
        async with harness.upstream(reply) as upstream, harness.proxy(upstream.port, plan) as running:
            targets = ("/e/one/x", "/e/one/x", "/e/one/x?y=1", "/e/two/x")
            received = [await harness.talk(running.port, harness.get(target)) for target in targets]
            return [one.partition(b"\r\n\r\n")[2] for one in received], running

    received, running = play(scenario())
    assert received == [b'{"v": 0}', b'{"v": 0}', b'{"v": 2}', b'{"v": 3}']
    assert [(one.outcome, one.origin) for one in running.records()] == [
        ("ok", "upstream"),
        ("semantic_error", "injected"),
        ("ok", "upstream"),
        ("ok", "upstream"),
    ]


def test_earlier_answers_are_bounded_and_forgotten_with_their_episode():
    memory = EarlierAnswers()
    for i in range(ANSWERS_MAX + 1):
        assert memory.first("e", "GET", f"/{i}", b"old") == b"old"
    assert memory.first("e", "GET", "/0", b"new") == b"new"
    assert memory.first("e", "GET", f"/{ANSWERS_MAX}", b"new") == b"old"
    assert memory.first("e", "GET", "/long", b"x" * (ANSWER_BYTES_MAX + 1)) != b"old"
    assert memory.first("e", "GET", "/long", b"new") == b"new"
    memory.forget("e")
    assert memory.first("e", "GET", f"/{ANSWERS_MAX}", b"new") == b"new"
