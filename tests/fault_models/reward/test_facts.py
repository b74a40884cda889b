from functools import partial

from earthwire.fault_models.reward import (
    BUDGET_SPENT_ATTRIBUTE,
    Ledger,
    Ledgers,
    Penalties,
    Price,
    PriceTable,
    usage_of,
)
from earthwire.traces.record import Outcome, TraceRecord

SECOND = 10**9


def record(at_s: float, outcome: Outcome = "ok", episode: str = "e", **more: object) -> TraceRecord:
    return TraceRecord(
        tool="POST pay",
        episode=episode,
        http_request_method="POST",
        start_time_unix_nano=int(at_s * SECOND),
        duration_ns=SECOND,
        outcome=outcome,
        request_key="k",
        **more,
    )


def ledgers() -> Ledgers:
    return Ledgers(partial(Ledger, PriceTable(Price(per_call=1.0), {}), Penalties(duplicate_effect=10.0)))


def test_every_episode_has_a_ledger_of_its_own() -> None:
    found = ledgers()
    for episode in ("a", "b", "a"):
        found.add(record(0.0, episode=episode))
    assert {episode: ledger.spending.cost for episode, ledger in found.all()} == {"a": 2.0, "b": 1.0}


def test_repeating_what_may_have_worked_is_a_duplicate_effect() -> None:
    found = ledgers()
    found.add(record(0.0, "timeout", origin="upstream"))
    found.add(record(5.0))
    assert found.ledger("e").spending.charges["duplicate_effects"] == 10.0


def test_repeating_what_did_not_work_or_what_worked_is_none() -> None:
    found = ledgers()
    found.add(record(0.0, "http_error", http_response_status_code=503))
    found.add(record(5.0))
    found.add(record(10.0))
    assert "duplicate_effects" not in found.ledger("e").spending.charges


def test_a_call_that_was_refused_for_the_budget_costs_nothing() -> None:
    found = ledgers()
    found.add(record(0.0, "http_error", attributes=f'{{"{BUDGET_SPENT_ATTRIBUTE}":"calls"}}'))
    assert (found.ledger("e").spending.cost, found.ledger("e").spending.refused) == (0.0, 1)


def test_an_episode_that_is_forgotten_starts_with_nothing_spent() -> None:
    found = ledgers()
    found.add(record(0.0))
    found.forget("e")
    assert found.ledger("e").spending.calls == 0


def test_tokens_are_those_that_answers_state() -> None:
    assert usage_of(b'{"usage": {"input_tokens": 7, "output_tokens": 3}}') == (7, 3)
    assert usage_of(b'{"text": "the \\"usage\\" of it"}') == (0, 0)
    assert usage_of(b'{"usage": 5}') == (0, 0)
    for count in ("-7", "9223372036854775808"):
        # Below zero it would earn a budget; beyond int64 no trace record could be read that says so.
        assert usage_of(b'{"usage": {"input_tokens": %s}}' % count.encode()) == (0, 0)
    anthropic = (
        b'event: message_start\ndata: {"message":{"usage":{"input_tokens":25,"output_tokens":1}}}\n\n'
        b'event: message_delta\ndata: {"usage":{"output_tokens":15}}\n\ndata: [DONE]\n'
    )
    assert usage_of(anthropic) == (25, 15)
