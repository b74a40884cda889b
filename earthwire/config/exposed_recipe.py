"""A recipe with some of its channels harsher, milder or off.

1. A channel at multiple 0 is not there at all; only transition stays, at severity 0: tools keep their names.
2. At multiple 1 everything is as the recipe says. Severities never go beyond the bound that recipes have.
3. Reward at multiple m: prices and penalties are m times as high, bounds of the budget m times as tight.
"""

from typing import TypeVar

from earthwire.config.channel_sections import CHANNEL_SEVERITY_MAX, ChannelsSection
from earthwire.config.cost_sections import BudgetSection, CostsSection, PriceSection
from earthwire.config.recipe import RecipeFile
from earthwire.fault_models.conditions.exposure import CHANNELS, Channel, Exposure
from earthwire.fault_models.conditions.severity import SEVERITY_MAX

_Prices = TypeVar("_Prices", bound=PriceSection)
_PRICES = tuple(PriceSection.model_fields)
_COUNTED = ("calls_max", "tokens_max")
_PENALTIES = ("duplicate_effect", "ignored_retry_after")


def declared_channels(recipe: RecipeFile) -> tuple[Channel, ...]:
    """Return the channels that a recipe has anything for; the shield belongs to action."""
    sections = recipe.channels
    is_declared: dict[Channel, bool] = {
        "observation": sections.observation is not None,
        "action": sections.action is not None or sections.shield is not None,
        "transition": recipe.profile is not None,
        "reward": recipe.costs is not None or recipe.budget is not None,
    }
    return tuple(channel for channel in CHANNELS if is_declared[channel])


def exposed(recipe: RecipeFile, exposure: Exposure, seed: int) -> RecipeFile:
    """Return the recipe of one episode.

    Args:
        recipe: as read.
        exposure: how much of each channel.
        seed: of all draws.
    """
    has_reward = exposure.reward > 0
    return recipe.model_copy(
        update={
            "seed": seed,
            "severity": min(recipe.severity * exposure.transition, SEVERITY_MAX),
            "channels": _channels(recipe.channels, exposure),
            "costs": _dearer(recipe.costs, exposure.reward) if has_reward else None,
            "budget": _tighter(recipe.budget, exposure.reward) if has_reward else None,
        }
    )


def _channels(sections: ChannelsSection, exposure: Exposure) -> ChannelsSection:
    observation, action = sections.observation, sections.action
    if observation is not None:
        severity = min(observation.severity * exposure.observation, CHANNEL_SEVERITY_MAX)
        observation = observation.model_copy(update={"severity": severity})
    if action is not None:
        severity = min(action.severity * exposure.action, CHANNEL_SEVERITY_MAX)
        action = action.model_copy(update={"severity": severity})
    return ChannelsSection(
        observation=observation if exposure.observation > 0 else None,
        action=action if exposure.action > 0 else None,
        shield=sections.shield if exposure.action > 0 else None,
    )


def _dearer(costs: CostsSection | None, multiple: float) -> CostsSection | None:
    if costs is None:
        return None
    tools = {pattern: _times(price, _PRICES, multiple) for pattern, price in costs.tools.items()}
    return _times(costs, (*_PRICES, *_PENALTIES), multiple).model_copy(update={"tools": tools})


def _times(section: _Prices, names: tuple[str, ...], multiple: float) -> _Prices:
    return section.model_copy(update={name: getattr(section, name) * multiple for name in names})


def _tighter(budget: BudgetSection | None, multiple: float) -> BudgetSection | None:
    if budget is None:
        return None
    bounds = {
        name: None if bound is None else _whole(bound / multiple, name)
        for name, bound in budget.model_dump(exclude={"refusal_status"}).items()
    }
    return budget.model_copy(update=bounds)


def _whole(bound: float, name: str) -> float:
    """Return a bound; on what can be counted as an integer."""
    return int(bound) if name in _COUNTED else bound
