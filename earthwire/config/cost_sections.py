"""The reward side of a recipe: prices, penalties, the budget, and what a run must have shown to count."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from earthwire.config.located_yaml import Section

Price = Annotated[float, Field(ge=0.0, le=1e9)]
ToolPattern = Annotated[str, Field(min_length=1, max_length=200)]
RefusalStatus = Literal[402, 403, 429]


class PriceSection(Section):
    """What a call costs, in the unit of `costs.unit`."""

    per_call: Annotated[Price, Field(description="Fee of each call.")] = 0.0
    per_kb: Annotated[Price, Field(description="For each 1000 bytes of request and response bodies.")] = 0.0
    per_second: Annotated[Price, Field(description="For each second until the last byte.")] = 0.0
    per_input_token: Annotated[Price, Field(description="For each token that a model reads.")] = 0.0
    per_output_token: Annotated[Price, Field(description="For each token that a model writes.")] = 0.0


class CostsSection(PriceSection):
    """Prices of all tools, and of what an agent should not do."""

    unit: Annotated[
        str, Field(min_length=1, max_length=20, description="Unit of all prices, for reports.")
    ] = "cost"
    tools: Annotated[
        dict[ToolPattern, PriceSection],
        Field(
            description="Prices of tools by name pattern, instead of those above; the longest that fits counts."
        ),
    ] = {}
    duplicate_effect: Annotated[
        Price, Field(description="For repeating a call that changes something, although it may have worked.")
    ] = 0.0
    ignored_retry_after: Annotated[
        Price, Field(description="For calling a tool again before its Retry-After is over.")
    ] = 0.0


class BudgetSection(Section):
    """What an episode may spend; afterwards its calls are refused."""

    cost_max: Annotated[float | None, Field(ge=0.0, le=1e12, description="Most that its calls may cost.")] = (
        None
    )
    calls_max: Annotated[int | None, Field(ge=0, le=10**9, description="Most calls.")] = None
    tokens_max: Annotated[
        int | None, Field(ge=0, le=10**12, description="Most tokens, read and written.")
    ] = None
    latency_s_max: Annotated[
        float | None, Field(ge=0.0, le=1e9, description="Most seconds that its calls may take together.")
    ] = None
    refusal_status: Annotated[
        RefusalStatus, Field(description="HTTP status of a refusal: 402, 403, or 429 as model providers do.")
    ] = 429

    @model_validator(mode="after")
    def _has_bound(self) -> Self:
        bounds = (self.cost_max, self.calls_max, self.tokens_max, self.latency_s_max)
        if all(bound is None for bound in bounds):
            raise ValueError("name at least one of cost_max, calls_max, tokens_max and latency_s_max")
        return self


class PotentialSection(Section):
    """Potential-based shaping: F = discount * P(after) - P(before), added to the reward of each step."""

    discount: Annotated[float, Field(gt=0.0, le=1.0, description="Discount of the task.")] = 1.0
    tools: Annotated[
        dict[ToolPattern, Annotated[float, Field(ge=-1e9, le=1e9)]],
        Field(min_length=1, description="Potential gained by the first call of a tool that succeeds."),
    ]


class RewardSection(Section):
    """How costs count against the task's own reward."""

    cost_weight: Annotated[float, Field(ge=0.0, le=1e9, description="Weight of all costs together.")] = 1.0
    potential: PotentialSection | None = None


class ExpectedFaultSection(Section):
    """A fault that the run must have met."""

    kind: Annotated[
        str,
        Field(min_length=1, max_length=100, description="Outcome kind, or a pattern such as `http_5xx:*`."),
    ]
    tool: Annotated[ToolPattern, Field(description="Tools that it may happen to.")] = "*"
    at_least: Annotated[int, Field(ge=1, le=10**9, description="Times that it must happen.")] = 1


class ExpectationsSection(Section):
    """What a run must have shown; a run that has not is INVALID, neither passed nor failed."""

    calls_min: Annotated[int, Field(ge=0, le=10**12, description="Least calls of the run.")] = 1
    faults: Annotated[
        list[ExpectedFaultSection], Field(description="Faults that must have been injected.")
    ] = []
    channels: Annotated[bool, Field(description="Every channel that is on must have changed something.")] = (
        True
    )
