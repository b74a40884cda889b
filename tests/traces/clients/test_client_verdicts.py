"""Each rule finds what it is for, and is silent about a client that behaves."""

import pytest

from earthwire.traces import TraceRecord
from earthwire.traces.clients.client_verdicts import client_verdicts, logical_calls


def call(start_s: float, outcome: str = "ok", **fields: object) -> TraceRecord:
    values = {
        "tool": "GET api/items",
        "session_id": "s",
        "request_key": "a",
        "http_request_method": "GET",
        "start_time_unix_nano": int(start_s * 1e9),
        "duration_ns": 10_000_000,
        "outcome": outcome,
        **fields,
    }
    return TraceRecord(**values)  # type: ignore[arg-type]


FAILED = {"outcome": "http_error", "http_response_status_code": 503}
GOOD = [call(0.0, **FAILED), call(1.0, **FAILED), call(3.0)]
CASES = {
    "retry_storm": [call(float(i), **FAILED) for i in range(8)],
    "no_back_off": [call(0.0, **FAILED), call(0.011, **FAILED), call(0.022)],
    "retry_after_ignored": [call(0.0, **FAILED, retry_after_s=5.0), call(1.0)],
    "not_retryable_retried": [call(0.0, "http_error", http_response_status_code=401), call(1.0)],
    "gave_up": [call(0.0, **FAILED), call(1.0, **FAILED)],
    "no_read_timeout": [call(0.0, "timeout", duration_ns=90 * 10**9)],
    "garbage_accepted": [call(0.0, "malformed")],
    "next_cursor_ignored": [call(0.0, response_body='{"items": [], "nextCursor": "2"}')],
    "duplicate_effect_risk": [
        call(0.0, "conn_error", http_request_method="POST"),
        call(1.0, http_request_method="POST"),
    ],
}


@pytest.mark.parametrize("rule", CASES)
def test_each_rule_finds_what_it_is_for(rule: str):
    assert rule in {verdict.rule for verdict in client_verdicts(CASES[rule])}


@pytest.mark.parametrize("rule", CASES)
def test_no_rule_speaks_of_a_client_that_behaves(rule: str):
    assert rule not in {verdict.rule for verdict in client_verdicts(GOOD)}


def test_every_verdict_is_a_sentence():
    for records in CASES.values():
        for verdict in client_verdicts(records):
            assert "{" not in verdict.text


def test_a_client_that_said_that_it_failed_accepted_nothing():
    rules = {verdict.rule for verdict in client_verdicts(CASES["garbage_accepted"], ended_well=False)}
    assert "garbage_accepted" not in rules


def test_other_arguments_are_another_call():
    assert len(logical_calls([call(0.0, **FAILED), call(1.0, request_key="b")])) == 2


def test_unknown_arguments_are_taken_for_the_same():
    assert len(logical_calls([call(0.0, **FAILED, request_key=None), call(1.0, request_key="b")])) == 1


def test_the_same_call_after_a_success_is_another_one():
    assert len(logical_calls([call(0.0), call(1.0)])) == 2
