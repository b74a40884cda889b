import pytest

from earthwire.fault_models.reward import BUDGET_SPENT_ATTRIBUTE
from earthwire.fault_models.runs.run_check import Expectations, ExpectedFault, check_run
from earthwire.traces.record import TraceRecord


def injected(kind: str, tool: str = "GET a", **more: object) -> TraceRecord:
    return TraceRecord(tool=tool, origin="injected", plan_outcome=kind, outcome="http_error", **more)


RUN = [
    TraceRecord(tool="GET a", origin="upstream", plan_outcome="ok", outcome="ok"),
    TraceRecord(tool="GET a", attributes='{"earthwire.channels":{"typos":2}}', outcome="ok"),
    injected("http_5xx:503"),
    injected("http_5xx:500", "GET b"),
    TraceRecord(tool="GET a", origin="upstream", plan_outcome="semantic_error:schema_drift", outcome="ok"),
]


@pytest.mark.parametrize(
    ("expected", "reasons"),
    [
        (Expectations(), 0),
        (Expectations(5), 0),
        (Expectations(6), 1),
        (Expectations(faults=(ExpectedFault("http_5xx:*", at_least=2),)), 0),
        (Expectations(faults=(ExpectedFault("http_5xx:*", at_least=3),)), 1),
        (Expectations(faults=(ExpectedFault("http_5xx:*", "GET b"),)), 0),
        (Expectations(faults=(ExpectedFault("http_5xx:503", "GET b"), ExpectedFault("timeout"))), 2),
        (Expectations(changes=("typos",)), 0),
        (Expectations(changes=("typos", "casing")), 1),
    ],
)
def test_what_was_declared_and_did_not_come_is_a_reason(expected: Expectations, reasons: int) -> None:
    check = check_run(RUN, expected)
    assert len(check.reasons) == reasons
    assert check.is_valid is (reasons == 0)


def test_a_damage_that_found_nothing_to_damage_did_not_fire() -> None:
    """The plan said drift, but the body of the upstream went out as it was."""
    check = check_run(RUN, Expectations(faults=(ExpectedFault("semantic_error:schema_drift"),)))
    assert not check.is_valid
    assert check.injected == {"http_5xx:503": 1, "http_5xx:500": 1}


def test_a_refusal_for_the_budget_is_no_injected_fault() -> None:
    refused = injected("http_4xx:429", attributes=f'{{"{BUDGET_SPENT_ATTRIBUTE}":"calls"}}')
    check = check_run([refused], Expectations(faults=(ExpectedFault("http_4xx:429"),)))
    assert not check.is_valid


def test_no_calls_at_all_are_a_reason() -> None:
    assert check_run([], Expectations()).reasons == ("0 calls, and 1 are the least",)


def test_attributes_of_others_are_not_understood_and_do_no_harm() -> None:
    records = [TraceRecord(tool="t", attributes=text) for text in ("5", "{", '{"earthwire.channels":5}')]
    assert check_run(records, Expectations()).changes == {}
