"""What is shipped by name: it can be read, says where it comes from, and never changes once it is released."""

from itertools import pairwise
from pathlib import Path

import pytest

from earthwire.config.profile_file import read_profile
from earthwire.config.recipe import read_recipe
from earthwire.config.recipe_hash import profile_content_hash, recipe_hash
from earthwire.config.shipped import (
    UnknownNameError,
    is_shipped_name,
    profile_path,
    recipe_path,
    shipped_profile_path,
    shipped_profiles,
    shipped_recipe_path,
    shipped_recipes,
)
from earthwire.fault_models.call import Call
from earthwire.fault_models.simulation import Simulation

RELEASED = {
    ("all-channels", 2): "56d4fde2ff1119cb",
    ("crowded-tools", 1): "deddb885399ddbbc",
    ("noisy-texts", 1): "ab4637cfe21872e4",
    ("outages", 2): "afdcc0df3e946346",
    ("recorded-cloud", 2): "7949806559528d2b",
    ("recorded-llm", 2): "7b431343323d2ea6",
    ("six-faults", 1): "464b2731643a2125",
}
"""Hash of each released version. A change to a recipe, or to the profile that it names, needs a new version here."""

HAND_PICKED = (
    "explicit-permanent",
    "explicit-transient",
    "five-noises",
    "implicit-permanent",
    "implicit-transient",
    "six-faults",
)
CALLS = 4_000


def hash_of(path: Path) -> str:
    recipe = read_recipe(path)
    if recipe.profile is None:
        return recipe_hash(recipe)
    return recipe_hash(recipe, {recipe.profile: profile_content_hash(profile_path(recipe.profile))})


def kinds(name: str, calls: int, tool: str = "any/tool") -> list[str]:
    simulation = Simulation(read_profile(shipped_profile_path(name)), seed=1)
    return [simulation.draw(Call("episode", tool)).plan.outcome for _ in range(calls)]


def test_released_recipes_are_what_they_were() -> None:
    found = {(name, read_recipe(path).version): hash_of(path) for name, path in shipped_recipes().items()}
    assert found == RELEASED


@pytest.mark.parametrize("name", shipped_recipes())
def test_a_recipe_has_its_own_name_and_says_what_it_is_for(name: str) -> None:
    recipe = read_recipe(shipped_recipe_path(name))
    assert recipe.name == name
    assert recipe.description


@pytest.mark.parametrize("name", shipped_profiles())
def test_a_profile_says_where_it_comes_from(name: str) -> None:
    provenance = read_profile(shipped_profile_path(name)).provenance
    assert provenance.licence
    if name in HAND_PICKED:
        assert provenance.calls == 0
        assert provenance.cannot_tell[0].startswith("Hand-picked, not learned")
    else:
        assert provenance.calls == sum(source.calls for source in provenance.sources)
        assert provenance.calls > 0


@pytest.mark.parametrize("name", shipped_profiles())
def test_packs_hold_figures_and_no_recorded_bodies(name: str) -> None:
    assert not any(laws.responses for laws in read_profile(shipped_profile_path(name)).tools.values())


def test_six_faults_come_at_five_percent_each() -> None:
    """Each within 4.5 standard errors of a binomial share: sqrt(0.05 * 0.95 / 4000) = 0.0034."""
    drawn = kinds("six-faults", CALLS)
    families = {
        "timeout": ("timeout",),
        "rate limit": ("http_4xx:429",),
        "auth": ("http_4xx:401", "http_4xx:403"),
        "server": ("http_5xx:500", "http_5xx:502", "http_5xx:503"),
        "malformed": ("malformed:invalid_json",),
        "drift": ("semantic_error:schema_drift",),
    }
    shares = {name: sum(drawn.count(kind) for kind in members) / CALLS for name, members in families.items()}
    assert all(abs(share - 0.05) < 0.0155 for share in shares.values()), shares


@pytest.mark.parametrize("name", ["explicit-permanent", "implicit-permanent"])
def test_a_permanent_fault_stays_once_it_came(name: str) -> None:
    drawn = kinds(name, 200)
    first = next(i for i, kind in enumerate(drawn) if kind != "ok")
    assert set(drawn[first:]) == {drawn[first]}


@pytest.mark.parametrize("name", ["explicit-transient", "implicit-transient"])
def test_a_transient_fault_tells_nothing_about_the_next_call(name: str) -> None:
    """P(fault | fault) is within 4 standard errors of 0.2: sqrt(0.2 * 0.8 / 800) = 0.014."""
    bad = [kind != "ok" for kind in kinds(name, CALLS)]
    after = [later for earlier, later in pairwise(bad) if earlier]
    assert abs(sum(after) / len(after) - 0.2) < 0.057


def test_names_and_paths_are_told_apart() -> None:
    assert is_shipped_name("cloud-api")
    assert not is_shipped_name("./cloud-api")
    assert profile_path("x/tools.yaml") == Path("x/tools.yaml")
    assert recipe_path("recipe.yaml") == Path("recipe.yaml")
    assert recipe_path("six-faults") == shipped_recipe_path("six-faults")


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'llm-api'"):
        profile_path("lm-api")
    with pytest.raises(UnknownNameError, match="there are all-channels, crowded-tools"):
        recipe_path("zzzzzz")
