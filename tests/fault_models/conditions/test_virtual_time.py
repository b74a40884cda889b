import pytest

from earthwire.fault_models import (
    UNBOUNDED_PATIENCE_S,
    Abort,
    Body,
    Forward,
    Head,
    Patience,
    Plan,
    RelayBody,
    RelayHead,
    Step,
    TimeoutShape,
    Wait,
    given_up,
    never_ends,
)

RELAYED: tuple[Step, ...] = (Forward(), Wait(2.0), RelayHead(), RelayBody(3.0))


def plan_of(*steps: Step, last_byte_s: float = 3.0) -> Plan:
    return Plan("ok", 2.0, last_byte_s, steps, "tool")


def test_a_client_without_timeout_sees_every_end_and_gives_up_only_silence() -> None:
    assert Patience().limit_s(plan_of(*RELAYED)) is None
    assert Patience().limit_s(plan_of(Abort("hang"))) == UNBOUNDED_PATIENCE_S


@pytest.mark.parametrize(("timeout_s", "limit_s"), [(2.9, 2.9), (3.0, None), (3.1, None)])
def test_only_what_outlasts_the_timeout_is_given_up(timeout_s: float, limit_s: float | None) -> None:
    assert Patience(timeout_s).limit_s(plan_of(*RELAYED)) == limit_s


def test_silence_lasts_as_long_as_the_client_waits() -> None:
    assert Patience(0.5).limit_s(plan_of(Abort("hang"), last_byte_s=0.0)) == 0.5
    assert not never_ends(plan_of(Abort("rst")))


def test_a_call_that_was_forwarded_does_its_work_and_loses_only_the_answer() -> None:
    performed = given_up(plan_of(*RELAYED), 1.5, "http_504")
    assert isinstance(performed.steps[0], Forward)
    assert not any(isinstance(step, Wait | RelayHead | RelayBody) for step in performed.steps)
    assert (performed.outcome, performed.first_byte_s, performed.last_byte_s) == ("timeout", 1.5, 1.5)


def test_a_call_that_never_reached_the_tool_does_not_reach_it_now() -> None:
    assert not any(isinstance(step, Forward) for step in given_up(plan_of(Abort("hang")), 1.0, "close").steps)


@pytest.mark.parametrize(("shape", "status"), [("http_504", 504), ("http_408", 408)])
def test_a_status_comes_with_a_body_of_its_length(shape: TimeoutShape, status: int) -> None:
    head, body = given_up(plan_of(), 1.0, shape).steps
    assert isinstance(head, Head)
    assert isinstance(body, Body)
    assert (head.status, head.content_length) == (status, len(body.data))


@pytest.mark.parametrize(("shape", "how"), [("close", "fin"), ("reset", "rst")])
def test_a_connection_can_end_instead(shape: TimeoutShape, how: str) -> None:
    assert given_up(plan_of(), 1.0, shape).steps == (Abort(how),)
