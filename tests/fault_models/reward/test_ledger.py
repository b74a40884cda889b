"""Charges, budget and reward of one episode, worked out by hand."""

import pytest

from earthwire.fault_models.reward import (
    Budget,
    CallFacts,
    Ledger,
    Penalties,
    Potential,
    Price,
    PriceTable,
    usage_charges,
)

PRICE = Price(per_call=1.0, per_kb=0.5, per_second=2.0, per_input_token=0.01, per_output_token=0.1)


def facts(tool: str = "get", start_s: float = 0.0, **more: object) -> CallFacts:
    values = {"end_s": start_s + 1.0, "latency_s": 1.0, **more}
    return CallFacts(tool, start_s, **values)


def test_each_quantity_has_its_price() -> None:
    call = facts(latency_s=1.5, body_bytes=3000, input_tokens=100, output_tokens=20)
    assert usage_charges(PRICE, call) == {"calls": 1.0, "bytes": 1.5, "seconds": 3.0, "tokens": 3.0}


def test_the_longest_pattern_decides_whatever_their_order() -> None:
    one, two = Price(1.0), Price(2.0)
    for tools in ({"GET *": one, "GET /a/*": two}, {"GET /a/*": two, "GET *": one}):
        table = PriceTable(Price(9.0), tools)
        assert [table.price(tool).per_call for tool in ("GET /a/b", "GET /c", "POST /c")] == [2.0, 1.0, 9.0]


def test_penalties_are_charged_when_they_are_deserved() -> None:
    ledger = Ledger(PriceTable(Price(), {}), Penalties(5.0, 3.0))
    assert "duplicate_effects" in ledger.add(facts(repeats_effect=True))
    assert ledger.add(facts(start_s=2.0, retry_after_s=10.0)).get("ignored_retry_after") is None
    # The answer came at 3 s: until 13 s the tool is not to be called again.
    assert ledger.add(facts("other", 4.0)).get("ignored_retry_after") is None
    assert ledger.add(facts(start_s=12.9))["ignored_retry_after"] == 3.0
    assert ledger.add(facts(start_s=13.0)).get("ignored_retry_after") is None
    assert ledger.spending.cost == 8.0


@pytest.mark.parametrize(
    ("budget", "bound"),
    [
        (Budget(cost_max=3.0), "cost"),
        (Budget(calls_max=3), "calls"),
        (Budget(tokens_max=30), "tokens"),
        (Budget(latency_s_max=3.0), "latency"),
    ],
)
def test_a_budget_lasts_for_as_many_calls_as_it_says(budget: Budget, bound: str) -> None:
    ledger = Ledger(PriceTable(Price(per_call=1.0), {}), budget=budget)
    for _ in range(3):
        assert ledger.exceeded() is None
        ledger.add(facts(input_tokens=4, output_tokens=6))
    assert ledger.exceeded() == bound


def test_without_a_budget_nothing_is_ever_spent() -> None:
    ledger = Ledger(PriceTable(Price(per_call=1e9), {}))
    ledger.add(facts())
    assert ledger.exceeded() is None


def test_the_reward_is_the_sum_of_its_terms() -> None:
    potential = Potential(1.0, {"get": 4.0})
    ledger = Ledger(PriceTable(Price(per_call=1.0, per_second=2.0), {}), cost_weight=0.5, potential=potential)
    ledger.add(facts())
    ledger.add(facts(succeeded=False))
    reward = ledger.reward(10.0)
    assert reward.costs == {"calls": 1.0, "seconds": 2.0}
    assert reward.shaping == 4.0
    assert reward.total == 10.0 - 3.0 + 4.0


def test_a_free_episode_keeps_its_reward() -> None:
    assert Ledger(PriceTable(Price(), {})).reward(1.0).total == 1.0
