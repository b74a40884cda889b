"""The reward channel: what calls cost, what is left of a budget, and the reward less the costs."""

from earthwire.fault_models.reward.decoy_rounds import (
    DECOY_ROUNDS_ATTRIBUTE,
    DecoyRounds,
    decoy_rounds_of,
)
from earthwire.fault_models.reward.facts import (
    BUDGET_SPENT_ATTRIBUTE,
    FactsOfEpisode,
    Ledgers,
    was_refused_for_budget,
)
from earthwire.fault_models.reward.ledger import (
    Budget,
    Ledger,
    Reward,
    Spending,
)
from earthwire.fault_models.reward.prices import (
    CallFacts,
    ChargeName,
    Penalties,
    Price,
    PriceTable,
    usage_charges,
)
from earthwire.fault_models.reward.shaping import (
    Potential,
    ShapedSteps,
)
from earthwire.fault_models.reward.usage import (
    Usage,
    usage_of,
)

__all__ = [
    "BUDGET_SPENT_ATTRIBUTE",
    "DECOY_ROUNDS_ATTRIBUTE",
    "Budget",
    "CallFacts",
    "ChargeName",
    "DecoyRounds",
    "FactsOfEpisode",
    "Ledger",
    "Ledgers",
    "Penalties",
    "Potential",
    "Price",
    "PriceTable",
    "Reward",
    "ShapedSteps",
    "Spending",
    "Usage",
    "decoy_rounds_of",
    "usage_charges",
    "usage_of",
    "was_refused_for_budget",
]
