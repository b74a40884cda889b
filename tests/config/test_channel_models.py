"""Every key of the channels and of the prices reaches what performs it."""

from typing import Any

import pytest

from earthwire.config.channel_models import (
    channels_of,
    expectations_of,
    has_channels,
    has_ledger,
    observation_channel,
    open_ledger,
)
from earthwire.config.channel_sections import ObservationSection
from earthwire.config.recipe import RecipeFile
from earthwire.fault_models.action.shield import ShieldPolicy
from earthwire.fault_models.observation import RewriteNeededError
from earthwire.fault_models.reward import CallFacts
from earthwire.fault_models.runs.run_check import Expectations, ExpectedFault

PROSE = "Please find the purchase of water for the people of the city and tell me the price."
STEPS: dict[str, dict[str, Any]] = {
    "paraphrase": {"rate": 1.0},
    "language": {"rate": 1.0, "to": "es"},
    "typos": {"rate": 1.0, "kinds": ["double"]},
    "casing": {"rate": 1.0, "kinds": ["upper"]},
    "whitespace": {"rate": 1.0},
    "truncation": {"rate": 1.0, "keep_min": 0.5, "keep_max": 0.5, "marker": "#"},
    "distraction": {"rate": 1.0, "texts": ["Mine."]},
}


def recipe(**keys: Any) -> RecipeFile:
    return RecipeFile.model_validate(
        {"earthwire_recipe": 1, "routes": {"t": {"upstream": "http://127.0.0.1:1"}}, **keys}
    )


def observed(**section: Any) -> str:
    channel = observation_channel(ObservationSection.model_validate({"fields": ["t"], **section}), 1)
    value = channel.tool_result({"t": PROSE}, ("e",)).value
    assert isinstance(value, dict)
    return str(value["t"])


@pytest.mark.parametrize("name", STEPS)
def test_each_step_of_a_recipe_does_what_it_is_called(name: str) -> None:
    after = observed(**{name: STEPS[name]})
    assert after != PROSE
    signs = {
        "language": "ciudad",
        "casing": "WATER",
        "truncation": "#",
        "distraction": "Mine.",
        "typos": "thhe",
    }
    assert signs.get(name, "") in after
    assert observed(severity=0.0, **{name: STEPS[name]}) == PROSE


@pytest.mark.parametrize("name", ["paraphrase", "language"])
def test_an_endpoint_takes_the_place_of_the_built_in_way(name: str) -> None:
    with pytest.raises(RewriteNeededError) as needed:
        observed(**{name: {**STEPS[name], "url": "http://127.0.0.1:9/x"}})
    assert needed.value.rewrite.url == "http://127.0.0.1:9/x"
    assert needed.value.rewrite.language == ("es" if name == "language" else None)


def test_a_recipe_without_channels_has_none() -> None:
    assert not has_channels(recipe().channels)
    assert has_channels(recipe(channels={"shield": {}}).channels)
    assert not has_ledger(recipe())
    assert has_ledger(recipe(budget={"calls_max": 1}))


def test_the_shield_gets_its_policy() -> None:
    keys = {
        "mode": "shadow",
        "validate_arguments": False,
        "allow": ["a"],
        "deny": ["b"],
        "read_only": True,
        "calls_per_minute_max": 3,
        "calls_max": 4,
    }
    channels = channels_of(recipe(channels={"shield": keys}), "t")
    assert channels._shield is not None
    assert channels._shield.policy == ShieldPolicy("shadow", False, ("a",), ("b",), True, 3, 4)


def test_decoys_get_their_settings_and_the_seed() -> None:
    action = {
        "severity": 2.0,
        "decoys": {"count": 2, "kinds": ["overlap"], "misleading": 1.0, "answer": "unknown"},
    }
    found = channels_of(recipe(seed=5, channels={"action": action}), "t")._decoys
    assert found is not None
    assert (found.count, found.kinds, found.misleading, found.answer) == (2, ("overlap",), 1.0, "unknown")
    assert (found.severity, found.seed) == (2.0, 5)


def test_prices_budget_and_potential_reach_the_ledger() -> None:
    ledger = open_ledger(
        recipe(
            costs={
                "per_call": 1.0,
                "tools": {
                    "dear*": {
                        "per_kb": 2.0,
                        "per_second": 3.0,
                        "per_input_token": 4.0,
                        "per_output_token": 5.0,
                    }
                },
                "duplicate_effect": 6.0,
                "ignored_retry_after": 7.0,
            },
            budget={"cost_max": 50.0},
            reward={"cost_weight": 2.0, "potential": {"discount": 0.5, "tools": {"d*": 8.0}}},
        )
    )
    ledger.add(CallFacts("dear", 0.0, 1.0, 1.0, 1000, 1, 1, True, 9.0, True))
    ledger.add(CallFacts("cheap", 2.0, 3.0, 1.0))
    ledger.add(CallFacts("dear", 4.0, 5.0, 0.0))
    assert ledger.spending.charges == {
        "calls": 1.0,
        "bytes": 2.0,
        "seconds": 3.0,
        "tokens": 9.0,
        "duplicate_effects": 6.0,
        "ignored_retry_after": 7.0,
    }
    assert ledger.exceeded() is None
    reward = ledger.reward(100.0)
    # Φ is 8 after the first step: 0.5 * 8 - 0, and twice 0.5 * 8 - 8.
    assert (sum(reward.costs.values()), reward.shaping, reward.total) == (56.0, -4.0, 40.0)


def test_expectations_name_the_channels_that_are_on() -> None:
    channels = {
        "observation": {"typos": {"rate": 0.1}, "casing": {"rate": 0.0}},
        "action": {"decoys": {"count": 1}},
        "shield": {},
    }
    faults = [{"kind": "timeout", "tool": "a*", "at_least": 2}]
    found = expectations_of(recipe(channels=channels, expectations={"calls_min": 3, "faults": faults}))
    assert found == Expectations(3, (ExpectedFault("timeout", "a*", 2),), ("typos", "decoys_listed"))
    without = expectations_of(recipe(channels=channels, expectations={"channels": False}))
    assert without == Expectations()
    assert expectations_of(recipe()) is None
