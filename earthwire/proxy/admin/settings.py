"""From what the admin API is asked for to the settings of an episode."""

from functools import partial

from earthwire.config.channel_models import ledger_of
from earthwire.config.episode_recipe import (
    EpisodeRecipe,
    episode_channels,
    episode_laws,
    inline_episode_recipe,
    shipped_episode_recipe,
)
from earthwire.fault_models.conditions.virtual_time import Patience
from earthwire.fault_models.reward.ledger import Budget
from earthwire.proxy.admin.models import EpisodeRequest
from earthwire.proxy.calls.routes import DEFAULT_EPISODE
from earthwire.proxy.episodes.episodes import EpisodeSettings


def settings_of(request: EpisodeRequest) -> EpisodeSettings:
    """Return the settings that a request asks for: its own members first, then those of its recipe.

    Raises:
        EpisodeRecipeError: if no episode can have that recipe.
    """
    recipe = _recipe_of(request)
    has_clock = "clock" in request.model_fields_set
    has_costs = recipe.costs is not None or recipe.budget is not None
    timeout_s = recipe.client_timeout_s if request.client_timeout_s is None else request.client_timeout_s
    return EpisodeSettings(
        draws_as=request.draws_as or request.id or DEFAULT_EPISODE,
        seed=recipe.seed if request.seed is None else request.seed,
        severity=recipe.severity if request.severity is None else request.severity,
        randomize=recipe.randomize if request.randomize is None else request.randomize,
        clock=request.clock if has_clock else recipe.clock.mode,
        speed=request.speed if has_clock else recipe.clock.speed,
        patience=Patience(timeout_s, request.timeout_shape),
        budget=None if request.budget is None else Budget(**request.budget.model_dump()),
        laws=episode_laws(recipe),
        channels=episode_channels(recipe),
        open_ledger=partial(ledger_of, recipe.costs, recipe.budget, recipe.reward) if has_costs else None,
    )


def _recipe_of(request: EpisodeRequest) -> EpisodeRecipe:
    match request.recipe:
        case None:
            return EpisodeRecipe()
        case str(name):
            return shipped_episode_recipe(name)
        case values:
            return inline_episode_recipe(values)
