import pytest

from earthwire.config.exposed_recipe import declared_channels, exposed
from earthwire.config.recipe import RecipeFile
from earthwire.fault_models.conditions.exposure import CHANNELS, CLEAN, Exposure, exposed_to

FULL = RecipeFile.model_validate(
    {
        "earthwire_recipe": 1,
        "profile": "cloud-api",
        "severity": 1.5,
        "routes": {"tools": {"upstream": "http://127.0.0.1:1"}},
        "channels": {
            "observation": {"severity": 2.0, "typos": {"rate": 0.1}},
            "action": {"decoys": {"count": 3}},
            "shield": {"calls_max": 5},
        },
        "costs": {"per_call": 0.5, "tools": {"GET *": {"per_kb": 2.0}}, "ignored_retry_after": 1.0},
        "budget": {"calls_max": 9, "cost_max": 12.0},
    }
)
BARE = RecipeFile.model_validate(
    {"earthwire_recipe": 1, "routes": {"tools": {"upstream": "http://127.0.0.1:1"}}}
)


def test_declared_channels_are_those_that_the_recipe_has_anything_for() -> None:
    assert declared_channels(FULL) == CHANNELS
    assert declared_channels(BARE) == ()
    shielded = BARE.model_copy(update={"channels": FULL.channels.model_copy(update={"observation": None})})
    assert declared_channels(shielded) == ("action",)


def test_at_one_everything_is_as_the_recipe_says() -> None:
    recipe = exposed(FULL, exposed_to(CHANNELS, 1.0), 7)
    assert recipe == FULL.model_copy(update={"seed": 7})


def test_clean_has_no_channel_and_no_fault() -> None:
    recipe = exposed(FULL, CLEAN, 0)
    assert (recipe.severity, recipe.costs, recipe.budget) == (0.0, None, None)
    assert all(section is None for _, section in recipe.channels)
    assert recipe.profile == FULL.profile, "tools keep their names"


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_channel_that_is_off_leaves_nothing_behind(channel: str) -> None:
    """Every part of the recipe that differs from the clean one belongs to the channel that is on."""
    parts = {
        "observation": {"channels"},
        "action": {"channels"},
        "transition": {"severity"},
        "reward": {"costs", "budget"},
    }
    clean = exposed(FULL, CLEAN, 0).model_dump()
    alone = exposed(FULL, exposed_to([channel], 1.0), 0).model_dump()  # type: ignore[list-item]
    assert {name for name in clean if clean[name] != alone[name]} == parts[channel]
    if channel == "observation":
        assert alone["channels"]["action"] is alone["channels"]["shield"] is None
    if channel == "action":
        assert alone["channels"]["observation"] is None


def test_twice_as_harsh_is_twice_of_everything() -> None:
    recipe = exposed(FULL, exposed_to(CHANNELS, 2.0), 0)
    assert recipe.severity == 3.0
    assert recipe.channels.observation is not None
    assert recipe.channels.observation.severity == 4.0
    assert recipe.channels.action is not None
    assert recipe.channels.action.severity == 2.0
    assert recipe.costs is not None
    assert (recipe.costs.per_call, recipe.costs.ignored_retry_after) == (1.0, 2.0)
    assert recipe.costs.tools["GET *"].per_kb == 4.0
    assert recipe.budget is not None
    assert (recipe.budget.calls_max, recipe.budget.cost_max, recipe.budget.tokens_max) == (4, 6.0, None)


def test_severities_stay_within_what_a_recipe_may_say() -> None:
    recipe = exposed(FULL, Exposure(observation=8.0, action=8.0, transition=8.0), 0)
    assert recipe.severity == 8.0
    assert recipe.channels.observation is not None
    assert recipe.channels.observation.severity == 8.0
    RecipeFile.model_validate(recipe.model_dump())
