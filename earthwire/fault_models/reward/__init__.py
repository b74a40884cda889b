"""The reward channel: what calls cost, what is left of a budget, and the reward less the costs."""

from earthwire.fault_models.reward.facts import (
    FactsOfEpisode,
    Ledgers,
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

__all__ = [
    "Budget",
    "CallFacts",
    "ChargeName",
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
    "usage_charges",
]
