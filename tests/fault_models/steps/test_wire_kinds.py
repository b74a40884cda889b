"""Kinds of breaking that only a hand-written profile can name, as steps; their bytes are tested in the proxy."""

import pytest

from earthwire.fault_models.plan import Abort, AbortReused, Forward, LoseReply, RelayFalseHead, RelayPart
from earthwire.fault_models.steps.delivery import deliver, plain_response
from earthwire.fault_models.steps.wire_kinds import WIRE_KINDS, wire_steps
from earthwire.traces.labels.outcome_kind import is_fault, outcome_of_kind


@pytest.mark.parametrize("kind", WIRE_KINDS)
def test_every_kind_refines_an_outcome_and_is_delivered(kind):
    assert is_fault(kind)
    assert outcome_of_kind(kind) == kind.partition(":")[0]
    assert deliver(kind, 0.1, 0.2, None, 0.5) == wire_steps(kind, 0.1, 0.2, 0.5)


@pytest.mark.parametrize("kind", ["timeout:committed", "conn_error:committed"])
def test_committed_calls_reach_the_tool_and_lose_its_answer(kind):
    steps = wire_steps(kind, 0.1, 0.2, 0.5)
    assert steps[:2] == (Forward(), LoseReply())
    assert isinstance(steps[-1], Abort)


def test_reset_of_reused_connections_stands_before_the_call_is_sent():
    steps = wire_steps("conn_error:reused", 0.1, 0.2, 0.5)
    assert isinstance(steps[0], AbortReused)
    assert isinstance(steps[1], Forward)


@pytest.mark.parametrize("u", [1e-9, 0.5, 1 - 1e-9])
def test_wrong_lengths_are_never_right(u):
    offsets = {}
    for kind in ("malformed:length_too_long", "malformed:length_too_short"):
        (head,) = [step for step in wire_steps(kind, 0.1, 0.2, u) if isinstance(step, RelayFalseHead)]
        offsets[kind] = head.length_offset_bytes
    assert 1 <= offsets["malformed:length_too_long"] == -offsets["malformed:length_too_short"] <= 64


def test_unterminated_body_is_whole_but_for_its_end():
    steps = wire_steps("malformed:unterminated", 0.1, 0.2, 0.5)
    assert RelayPart() in steps
    assert steps[-1] == Abort("fin")


@pytest.mark.parametrize("kind", ["ok", "timeout", "malformed", "http_5xx:503", "no such kind"])
def test_other_kinds_are_not_of_this_family(kind):
    assert wire_steps(kind, 0.1, 0.2, 0.5) is None


@pytest.mark.parametrize(
    ("kind", "name"),
    [("http_4xx:401", "www-authenticate"), ("http_4xx:405", "allow"), ("http_4xx:429", "retry-after")],
)
def test_plain_refusals_have_the_headers_of_their_status(kind, name):
    assert name in plain_response(kind).headers
