"""What of a recipe one episode of a running proxy can have of its own: laws, channels, clock, prices and budget.

A recipe from the network names only what is shipped: nothing in it is a path, an address or a command.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator

from earthwire.config.channel_models import has_channels, server_channels
from earthwire.config.channel_sections import ChannelsSection
from earthwire.config.cost_sections import BudgetSection, CostsSection, RewardSection
from earthwire.config.located_yaml import Section
from earthwire.config.profile_file import read_profile
from earthwire.config.recipe import ClockSection, FaultsSection, RecipeFile, Seed, Severity, read_recipe
from earthwire.config.shipped import is_shipped_name, shipped_profile_path, shipped_recipe_path
from earthwire.config.validation_text import problem_texts, shown
from earthwire.fault_models.channels import Channels
from earthwire.fault_models.laws.outcome_path import FaultRules, RegimeClock
from earthwire.fault_models.simulation import Simulation

_LAWS_REMEMBERED = 64


class EpisodeRecipe(Section):
    """The sections of a recipe that can differ from episode to episode; the same keys as in the file."""

    earthwire_recipe: Literal[1] = 1
    profile: Annotated[str | None, Field(description="Name of a shipped profile.")] = None
    seed: Seed | None = None
    severity: Severity | None = None
    randomize: bool | None = None
    faults: FaultsSection = FaultsSection()
    regime_clock: RegimeClock = "calls"
    clock: ClockSection = ClockSection()
    client_timeout_s: Annotated[float | None, Field(gt=0.0, le=1e6)] = None
    channels: ChannelsSection = ChannelsSection()
    costs: CostsSection | None = None
    budget: BudgetSection | None = None
    reward: RewardSection = RewardSection()

    @field_validator("profile")
    @classmethod
    def _profile_is_shipped(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not is_shipped_name(value):
            raise ValueError("is no name of a shipped profile; paths are not taken from the network")
        shipped_profile_path(value)
        return value

    @field_validator("channels")
    @classmethod
    def _channels_ask_nobody(cls, value: ChannelsSection) -> ChannelsSection:
        observation = value.observation
        for name in () if observation is None else ("paraphrase", "language"):
            step = getattr(observation, name)
            if step is not None and step.url is not None:
                raise ValueError(
                    f"observation.{name}.url: addresses are not taken from the network; leave it out for the "
                    "built-in way"
                )
        return value


class EpisodeRecipeError(ValueError):
    """A recipe that no episode can have; the text says what in it, and what to do."""


def shipped_episode_recipe(name: str) -> EpisodeRecipe:
    """Return what an episode can have of a shipped recipe.

    Its routes only stand for a server and are left out, as is what belongs to a whole run.

    Raises:
        EpisodeRecipeError: if there is none of that name, or its channels ask an endpoint.
    """
    try:
        if not is_shipped_name(name):
            raise ValueError("no name of a shipped recipe; paths are not taken from the network")
        recipe = read_recipe(shipped_recipe_path(name))
    except ValueError as error:
        raise EpisodeRecipeError(f"recipe: {shown(name)}: {error}") from error
    return _validated(recipe.model_dump(include=set(EpisodeRecipe.model_fields), exclude_unset=True))


def inline_episode_recipe(values: Mapping[str, object]) -> EpisodeRecipe:
    """Return a recipe that is given as an object.

    Raises:
        EpisodeRecipeError: naming what belongs to the proxy and not to an episode, or every value that is wrong.
    """
    foreign = [
        name for name in RecipeFile.model_fields if name in values and name not in EpisodeRecipe.model_fields
    ]
    if foreign:
        raise EpisodeRecipeError(
            f"recipe: has {', '.join(f'`{name}`' for name in foreign)}; {_of_the_proxy()}"
        )
    return _validated(dict(values))


def episode_laws(recipe: EpisodeRecipe) -> Simulation | None:
    """Return the laws that an episode draws from; None if its recipe names no profile.

    They are the same for all episodes of one profile: each draws from a `variant` of them.
    """
    if recipe.profile is None:
        return None
    rules = FaultRules(recipe.faults.pass_client_errors, recipe.faults.episode_drift)
    return _laws(recipe.profile, recipe.regime_clock, rules)


def episode_channels(recipe: EpisodeRecipe) -> Callable[[str, int], Channels] | None:
    """Return what makes the channels of an episode, of a server's name and a seed; None if its recipe has none."""
    return partial(server_channels, recipe.channels) if has_channels(recipe.channels) else None


@lru_cache(_LAWS_REMEMBERED)
def _laws(profile: str, regime_clock: RegimeClock, rules: FaultRules) -> Simulation:
    return Simulation(read_profile(shipped_profile_path(profile)), 0, regime_clock=regime_clock, rules=rules)


def _validated(values: dict[str, object]) -> EpisodeRecipe:
    try:
        return EpisodeRecipe.model_validate(values)
    except ValidationError as error:
        problems = problem_texts(EpisodeRecipe, error, "(whole)")
        raise EpisodeRecipeError("; ".join(f"recipe.{problem}" for problem in problems)) from error


def _of_the_proxy() -> str:
    return f"that belongs to the proxy and not to one episode: leave it out (an episode has {_own_keys()})"


def _own_keys() -> str:
    return ", ".join(EpisodeRecipe.model_fields)
