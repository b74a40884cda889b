"""From the sections of a recipe to what performs them: channels, ledgers and budgets."""

from collections.abc import Iterator

from earthwire.config.channel_sections import (
    ActionSection,
    ChannelsSection,
    ObservationSection,
    ShieldSection,
)
from earthwire.config.cost_sections import BudgetSection, CostsSection, PriceSection, RewardSection
from earthwire.config.recipe import RecipeFile
from earthwire.fault_models.action.decoys import DecoySettings
from earthwire.fault_models.action.shield import Shield, ShieldPolicy
from earthwire.fault_models.channels import Channels
from earthwire.fault_models.observation.casing import Casing, Whitespace
from earthwire.fault_models.observation.channel import ObservationChannel
from earthwire.fault_models.observation.extent import BUILT_IN_DISTRACTIONS, Distraction, Truncation
from earthwire.fault_models.observation.rewrite import RemoteStep
from earthwire.fault_models.observation.step import TextStep
from earthwire.fault_models.observation.typos import Typos
from earthwire.fault_models.observation.wording import CodeSwitch, Paraphrase
from earthwire.fault_models.reward.ledger import Budget, Ledger
from earthwire.fault_models.reward.prices import Penalties, Price, PriceTable
from earthwire.fault_models.reward.shaping import Potential
from earthwire.fault_models.runs.run_check import Expectations, ExpectedFault

OBSERVATION_STEPS = ("paraphrase", "language", "typos", "casing", "whitespace", "truncation", "distraction")
"""Steps of the observation channel, in the order in which they are applied."""


def has_channels(sections: ChannelsSection) -> bool:
    """Tell whether any channel beside transition is on."""
    return any(section is not None for _, section in sections)


def channels_of(recipe: RecipeFile, server: str) -> Channels:
    """Return what a recipe does to the traffic of one of its servers.

    Args:
        recipe: as read.
        server: name of the route or of the MCP server.
    """
    return server_channels(recipe.channels, server, recipe.seed)


def server_channels(sections: ChannelsSection, server: str, seed: int) -> Channels:
    """Return new channels before one server.

    Args:
        sections: which ones, and how.
        server: its name.
        seed: of all noise and all decoys.
    """
    return Channels(
        server,
        None if sections.observation is None else observation_channel(sections.observation, seed),
        None if sections.action is None else _decoy_settings(sections.action, seed),
        None if sections.shield is None else Shield(_policy(sections.shield)),
    )


def observation_channel(section: ObservationSection, seed: int) -> ObservationChannel:
    """Return the observation channel that a section describes; steps are applied in the order of its keys."""
    steps: list[TextStep | RemoteStep] = []
    numbers = section.numbers
    if (one := section.paraphrase) is not None:
        steps.append(Paraphrase(one.rate) if one.url is None else RemoteStep("paraphrase", one.rate, one.url))
    if (to := section.language) is not None:
        built_in = CodeSwitch(to.rate, to.to)
        steps.append(built_in if to.url is None else RemoteStep("language", to.rate, to.url, to.to))
    if section.typos is not None:
        steps.append(Typos(section.typos.rate, tuple(section.typos.kinds), numbers))
    if section.casing is not None:
        steps.append(Casing(section.casing.rate, tuple(section.casing.kinds), numbers))
    if section.whitespace is not None:
        steps.append(Whitespace(section.whitespace.rate))
    if (cut := section.truncation) is not None:
        steps.append(Truncation(cut.rate, cut.keep_min, cut.keep_max, cut.marker))
    if section.distraction is not None:
        texts = tuple(section.distraction.texts) or BUILT_IN_DISTRACTIONS
        steps.append(Distraction(section.distraction.rate, texts))
    return ObservationChannel(steps, section.fields, section.user_turns, section.severity, seed)


def has_ledger(recipe: RecipeFile) -> bool:
    """Tell whether anything that episodes spend matters."""
    return recipe.costs is not None or recipe.budget is not None


def expectations_of(recipe: RecipeFile) -> Expectations | None:
    """Return what a run must have shown; None if the recipe expects nothing.

    A channel that is on has to change something; the shield need not, since a good agent gives it no reason to.
    """
    section = recipe.expectations
    if section is None:
        return None
    faults = tuple(ExpectedFault(fault.kind, fault.tool, fault.at_least) for fault in section.faults)
    return Expectations(section.calls_min, faults, tuple(_changes_due(recipe)) if section.channels else ())


def _changes_due(recipe: RecipeFile) -> Iterator[str]:
    observation, action = recipe.channels.observation, recipe.channels.action
    if observation is not None and observation.severity > 0:
        for name in OBSERVATION_STEPS:
            step = getattr(observation, name)
            if step is not None and step.rate > 0:
                yield name
    if action is not None and action.severity > 0 and action.decoys.count > 0:
        yield "decoys_listed"


def open_ledger(recipe: RecipeFile) -> Ledger:
    """Return the empty ledger of an episode under a recipe's prices and budget."""
    return ledger_of(recipe.costs, recipe.budget, recipe.reward)


def ledger_of(costs: CostsSection | None, budget: BudgetSection | None, reward: RewardSection) -> Ledger:
    """Return the empty ledger of an episode under these prices, this budget and this weight of costs."""
    potential = reward.potential
    tools = {} if costs is None else {pattern: _price(one) for pattern, one in costs.tools.items()}
    return Ledger(
        PriceTable(Price() if costs is None else _price(costs), tools),
        Penalties() if costs is None else Penalties(costs.duplicate_effect, costs.ignored_retry_after),
        None if budget is None else Budget(**budget.model_dump()),
        reward.cost_weight,
        None if potential is None else Potential(potential.discount, potential.tools),
    )


def _price(section: PriceSection) -> Price:
    return Price(
        section.per_call,
        section.per_kb,
        section.per_second,
        section.per_input_token,
        section.per_output_token,
    )


def _decoy_settings(section: ActionSection, seed: int) -> DecoySettings:
    decoys = section.decoys
    return DecoySettings(
        decoys.count, tuple(decoys.kinds), decoys.misleading, decoys.answer, section.severity, seed
    )


def _policy(section: ShieldSection) -> ShieldPolicy:
    return ShieldPolicy(
        section.mode,
        section.validate_arguments,
        tuple(section.allow),
        tuple(section.deny),
        section.read_only,
        section.calls_per_minute_max,
        section.calls_max,
    )
