import pytest

from earthwire.fault_models.damage import OPERATORS
from earthwire.fault_models.laws.payload import CLASS_OF_KIND, PayloadLaw
from earthwire.fault_models.plan import (
    Abort,
    AbortReused,
    Body,
    Forward,
    Head,
    RelayBody,
    RelayDamaged,
    RelayHead,
    Step,
    Wait,
)
from earthwire.fault_models.profile import ErrorResponse
from earthwire.fault_models.steps.delivery import deliver, plain_response
from earthwire.fault_models.steps.wire_kinds import WIRE_KINDS
from earthwire.traces import classify_body, http_outcome, outcome_kind

OWN_RESPONSES = [
    "http_5xx:500",
    "http_5xx:503",
    "http_4xx:429",
    "http_4xx:404",
    "malformed:html",
    "tool_error",
]
KINDS = [
    "ok",
    "unknown",
    "timeout",
    "conn_error",
    "malformed",
    "malformed:truncated",
    *CLASS_OF_KIND,
    *OWN_RESPONSES,
    *WIRE_KINDS,
]


def steps_of(kind: str, response: ErrorResponse | None = None) -> tuple[Step, ...]:
    return deliver(kind, 0.1, 0.2, response, u=0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_obey_the_rules_of_a_plan(kind: str):
    steps = steps_of(kind)
    assert steps
    assert all(step.until_s >= 0 for step in steps if isinstance(step, Wait))
    assert not any(isinstance(step, Abort) for step in steps[:-1])
    assert sum(isinstance(step, Head | RelayHead | RelayDamaged) for step in steps) <= 1
    begun = steps[1:] if isinstance(steps[0], AbortReused) else steps
    assert all(not isinstance(step, Forward) for step in begun[1:])


def test_ok_forwards_first_and_ends_at_the_deadline():
    assert steps_of("ok") == (Forward(), Wait(0.1), RelayHead(), RelayBody(0.2))


def test_timeout_is_silence_that_the_upstream_never_hears_of():
    assert steps_of("timeout") == (Abort("hang"),)


def test_connection_error_is_a_reset_at_its_time():
    assert steps_of("conn_error") == (Wait(0.2), Abort("rst"))


@pytest.mark.parametrize("kind", ["malformed", "malformed:truncated"])
def test_a_truncated_body_is_a_part_of_the_real_one(kind: str):
    assert steps_of(kind)[-2:] == (RelayBody(0.2, fraction=0.5), Abort("fin"))


@pytest.mark.parametrize(("kind", "fault_class"), CLASS_OF_KIND.items())
def test_damage_is_done_to_the_real_body(kind: str, fault_class: str):
    forward, wait, relay = steps_of(kind)
    assert (forward, wait) == (Forward(), Wait(0.1))
    assert isinstance(relay, RelayDamaged)
    assert OPERATORS[relay.operator].fault_class == fault_class
    assert relay.last_byte_s == 0.2


@pytest.mark.parametrize("kind", OWN_RESPONSES)
def test_own_responses_never_reach_the_upstream(kind: str):
    assert not any(isinstance(step, Forward) for step in steps_of(kind))


def test_recorded_response_is_sent_as_recorded():
    recorded = ErrorResponse(7, 503, "text/plain", "busy", {"retry-after": "3"})
    steps = steps_of("http_5xx:503", recorded)
    head = next(step for step in steps if isinstance(step, Head))
    assert head == Head(503, (("content-type", "text/plain"), ("date", ""), ("retry-after", "3")), 4)
    assert Body(b"busy") in steps


def test_rate_limit_says_when_to_come_back():
    head = next(step for step in steps_of("http_4xx:429") if isinstance(step, Head))
    assert dict(head.headers)["retry-after"] == "1"


@pytest.mark.parametrize(
    "kind", ["http_5xx:500", "http_5xx:503", "http_4xx:429", "http_4xx:404", "malformed:html"]
)
def test_plain_response_is_labelled_as_the_kind_it_was_made_for(kind: str):
    response = plain_response(kind)
    body = response.body.encode()
    outcome = http_outcome(response.status, response.content_type, body)
    assert outcome_kind(outcome, response.status, classify_body(body, response.content_type)) == kind


def test_our_own_responses_carry_the_headers_of_the_server() -> None:
    law = PayloadLaw(headers={"date": "", "server": "nginx"}, header_count=9)
    steps = deliver("http_5xx:503", 0.1, 0.1, None, 0.5, law)
    head = next(step for step in steps if isinstance(step, Head))
    assert dict(head.headers) == {"content-type": "application/json", "date": "", "server": "nginx"}
