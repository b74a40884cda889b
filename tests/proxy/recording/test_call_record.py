"""From what happened to a call to its record: outcome, origin, sizes and times, by what was performed."""

import asyncio

import msgspec
import pytest

from earthwire.fault_models.plan import (
    Abort,
    Body,
    Forward,
    Head,
    LoseReply,
    RelayBody,
    RelayDamaged,
    RelayHead,
    Wait,
    plan_digest,
)

JSON = b'{"a": 1}'
FORWARDED = (Forward(), RelayHead(), RelayBody())


def json_response(body=JSON, status="200 OK", extra=b""):
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n".encode()
    return head + extra + b"\r\n" + body


def record_of(harness, play, answer, *steps, outcome="ok", request=None, last_byte_s=0.0, is_hang=False):
    plan = harness.plan(*steps, outcome=outcome, last_byte_s=last_byte_s)

    async def scenario():
        async with harness.upstream(answer) as upstream, harness.proxy(upstream.port, plan) as running:
            reader, writer = await harness.connect(running.port)
            writer.write(request or harness.get())
            if is_hang:
                await harness.until(lambda: running.proxy.inflight_count)
            else:
                try:
                    await reader.read()
                except ConnectionResetError:
                    await asyncio.sleep(0)
            writer.close()
            await harness.until(lambda: not running.proxy.connection_count)
            return running

    record = play(scenario()).records()[0]
    assert record.plan_digest == plan_digest(plan)
    assert (record.plan_outcome, record.plan_support) == (outcome, "tool")
    return record


@pytest.mark.parametrize(
    ("answer", "outcome", "body_class"),
    [
        (json_response(), "ok", "json_object"),
        (json_response(b"[1]"), "ok", "json_array"),
        (json_response(b""), "ok", "empty"),
        (json_response(status="404 Not Found"), "http_error", "json_object"),
        (json_response(status="503 Unavailable"), "http_error", "json_object"),
        (json_response(b"{"), "malformed", "invalid_json"),
        (json_response(b"<html><body>x</body></html>"), "malformed", "html"),
    ],
)
def test_relayed_response_is_judged_by_what_it_is(harness, play, answer, outcome, body_class):
    record = record_of(harness, play, answer, *FORWARDED)
    assert (record.outcome, record.body_class, record.origin) == (outcome, body_class, "upstream")
    assert record.http_response_body_size == record.declared_content_length


@pytest.mark.parametrize(
    ("steps", "planned", "outcome", "error_type", "origin"),
    [
        ((Head(503, (), 0),), "http_5xx:503", "http_error", None, "injected"),
        ((Head(429, (), 0),), "http_4xx:429", "http_error", None, "injected"),
        ((Abort("rst"),), "conn_error", "conn_error", "connection_reset", "injected"),
        ((Abort("fin"),), "conn_error", "conn_error", "connection_closed", "injected"),
        (
            (Head(200, (), 9), Body(b"ab"), Abort("fin")),
            "malformed:truncated",
            "malformed",
            "truncated",
            "injected",
        ),
        ((Forward(), RelayDamaged("truncate_silently", 0.5)), "malformed", "malformed", None, "injected"),
        # What a body is counts for more than what was planned.
        ((Forward(), RelayDamaged("nan", 0.5)), "ok", "malformed", None, "injected"),
        (FORWARDED, "unknown", "ok", None, "upstream"),
    ],
)
def test_injected_call_has_the_planned_outcome(harness, play, steps, planned, outcome, error_type, origin):
    record = record_of(harness, play, json_response(b'{"a": 1.5, "b": [1, 2]}'), *steps, outcome=planned)
    assert (record.outcome, record.origin) == (outcome, origin)
    if error_type is not None:
        assert record.error_type == error_type


def test_hang_is_censored_at_the_client_s_patience(harness, play):
    record = record_of(harness, play, b"", Abort("hang"), outcome="timeout", is_hang=True)
    assert (record.outcome, record.latency_censoring, record.error_type) == ("timeout", "right", "hang")
    assert record.lateness_ns is None


def test_lateness_is_what_the_last_byte_was_late_by(harness, play):
    steps = (Forward(), Wait(0.05), RelayHead(), RelayBody(0.05))
    record = record_of(harness, play, json_response(), *steps, last_byte_s=0.05)
    assert record.plan_last_byte_ns == 50_000_000
    assert 0 <= record.lateness_ns == record.duration_ns - record.plan_last_byte_ns


@pytest.mark.parametrize(("value", "expected"), [(b"7", 7.0), (b"Wed, 21 Oct 2026 07:28:00 GMT", None)])
def test_retry_after_is_read_in_seconds(harness, play, value, expected):
    answer = json_response(status="429 Slow Down", extra=b"Retry-After: %b\r\n" % value)
    assert record_of(harness, play, answer, *FORWARDED).retry_after_s == expected


def test_head_request_and_coded_body_have_no_class(harness, play):
    head = b"HEAD /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n"
    assert record_of(harness, play, answer, *FORWARDED, request=head).body_class is None
    coded = json_response(b"\x1f\x8b\x08\0", extra=b"Content-Encoding: gzip\r\n")
    assert record_of(harness, play, coded, *FORWARDED).body_class is None


def test_large_body_has_no_class_and_its_true_size(harness, play):
    record = record_of(harness, play, json_response(b'"' + b"x" * 100_000 + b'"'), *FORWARDED)
    assert (record.body_class, record.http_response_body_size) == (None, 100_002)


def test_lost_reply_says_what_the_upstream_did(harness, play):
    steps = (Forward(), LoseReply(), Head(504, (), 0))
    record = record_of(harness, play, json_response(status="201 Created"), *steps, outcome="http_5xx:504")
    assert msgspec.json.decode(record.attributes) == {"lost_reply_status": 201}
    assert (record.http_response_status_code, record.origin) == (504, "injected")


def test_unknown_outcome_kinds_do_not_break_records(harness, play):
    record = record_of(harness, play, b"", Abort("fin"), outcome="no such kind")
    assert record.outcome == "unknown"
