"""What the admin API takes and gives, as models: its validation and its OpenAPI document are made of them."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from earthwire.fault_models.conditions.severity import SEVERITY_MAX
from earthwire.fault_models.conditions.virtual_time import EpisodeClock, TimeoutShape
from earthwire.fault_models.reward.prices import ChargeName

EPISODE_PATTERN = r"^[A-Za-z0-9._~:-]{1,128}$"
EPISODES_LISTED_MAX = 1000


def _whole(value: object) -> object:
    """Return 7 for 7.0: to JSON, both are the same integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


EpisodeId = Annotated[str, Field(pattern=EPISODE_PATTERN, description="1 to 128 of A-Z a-z 0-9 . _ ~ : -")]
Seed = Annotated[int, Field(ge=-(2**63), le=2**63 - 1), BeforeValidator(_whole)]
Seconds = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(ge=0.0, le=1.0)]


HealthWord = Literal["ok", "starting", "stopping", "lagging"]


class _Taken(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True)


class EpisodeBudget(_Taken):
    """What an episode may spend; afterwards its calls are refused."""

    cost_max: Annotated[
        float | None,
        Field(ge=0.0, le=1e12, description="Most that its calls may cost, at the recipe's prices."),
    ] = None
    calls_max: Annotated[
        int | None, Field(ge=0, le=10**9, description="Most calls."), BeforeValidator(_whole)
    ] = None
    tokens_max: Annotated[
        int | None,
        Field(ge=0, le=10**12, description="Most tokens, read and written."),
        BeforeValidator(_whole),
    ] = None
    latency_s_max: Annotated[
        float | None, Field(ge=0.0, le=1e9, description="Most seconds that its calls may take together.")
    ] = None
    refusal_status: Annotated[
        Literal[402, 403, 429], Field(description="HTTP status of a refusal."), BeforeValidator(_whole)
    ] = 429


class EpisodeRequest(_Taken):
    """A new episode; what is left out is as the recipe says."""

    id: Annotated[EpisodeId | None, Field(description="Id of your own; one is made up without it.")] = None
    draws_as: Annotated[
        EpisodeId | None,
        Field(
            description="Name that plans are drawn under: equal seeds and names give equal plans. "
            "The id where you gave one, else `default`."
        ),
    ] = None
    seed: Annotated[Seed | None, Field(description="Of all its draws.")] = None
    severity: Annotated[
        float | None, Field(ge=0.0, le=SEVERITY_MAX, description="0 clean, 1 as recorded, higher harsher.")
    ] = None
    randomize: Annotated[bool | None, Field(description="Draw the laws, too, as far as they are open.")] = (
        None
    )
    clock: Annotated[
        EpisodeClock, Field(description="`virtual` answers at once and only accounts the time.")
    ] = "real"
    speed: Annotated[
        float, Field(gt=0.0, le=1e6, description="With `scaled`: simulated seconds in a real one.")
    ] = 1.0
    client_timeout_s: Annotated[
        float | None,
        Field(
            gt=0.0, le=1e6, description="Patience of the client; with `virtual`, what outlasts it times out."
        ),
    ] = None
    timeout_shape: Annotated[
        TimeoutShape, Field(description="What stands for the client's time-out where nobody waits.")
    ] = "http_504"
    budget: Annotated[
        EpisodeBudget | None, Field(description="What it may spend, instead of what the recipe says.")
    ] = None
    recipe: Annotated[
        str | dict[str, JsonValue] | None,
        Field(
            description="Name of a shipped recipe, or a recipe as an object: its laws, channels, clock, patience, "
            "prices and budget are the episode's; the other members count before it."
        ),
    ] = None


class EpisodeWait(_Taken):
    """Time that an agent lets pass without a call."""

    seconds: Annotated[
        float, Field(ge=0.0, le=1e9, description="On the episode's clock, which has to be `virtual`.")
    ]


class EpisodeQuery(_Taken):
    """Which episodes to list."""

    limit: Annotated[int, Field(ge=1, le=EPISODES_LISTED_MAX, strict=False)] = 100
    offset: Annotated[int, Field(ge=0, le=2**31, strict=False)] = 0


class EpisodeCreated(_Given):
    """How an agent reaches a new episode."""

    id: EpisodeId
    draws_as: EpisodeId
    seed: int | None
    clock: EpisodeClock
    base_url: Annotated[str, Field(description="Base URL; the only upstream, or prefix of all of them.")]
    base_urls: Annotated[dict[str, str], Field(description="Base URL of each upstream by name.")]
    mcp_urls: Annotated[dict[str, str], Field(description="Endpoint of each MCP server by name.")]
    headers: Annotated[dict[str, str], Field(description="Headers that do the same as the base URL.")]
    baggage: Annotated[str, Field(description="Member of W3C baggage that does the same.")]


class Faults(_Given):
    """Calls that ended as a fault."""

    count: Count
    by_kind: dict[str, Count]
    by_layer: dict[Literal["transport", "http", "jsonrpc", "tool", "content"], Count]
    injected: Annotated[Count, Field(description="Calls whose response a plan made or damaged.")]


class Latency(_Given):
    """Latencies of all calls, added up, in seconds."""

    intended_s: Annotated[Seconds, Field(description="As drawn.")]
    achieved_s: Annotated[Seconds, Field(description="That really passed.")]
    virtual_s: Annotated[Seconds, Field(description="On the episode's clock, no longer than its patience.")]
    waited_s: Annotated[Seconds, Field(description="Virtual time that was let pass between calls.")]


class Attempts(_Given):
    """Attempts on the wire, and the logical calls that they were made for."""

    attempts: Count
    logical_calls: Count
    retries: Count
    recovered: Annotated[Count, Field(description="Failed at first, succeeded in the end.")]
    gave_up: Annotated[Count, Field(description="Logical calls that failed to the end.")]
    attempt_failure_rate: Rate | None
    logical_failure_rate: Rate | None
    duplicate_effects: Annotated[Count, Field(description="Sent again although the work was done.")]
    possible_duplicate_effects: Annotated[Count, Field(description="The same, where nobody can tell.")]


class Costs(_Given):
    """What an episode has spent, and what that makes of its reward."""

    total: float
    charges: dict[ChargeName, float]
    refused: Annotated[Count, Field(description="Calls refused because the budget was spent.")]
    budget_spent: Annotated[str | None, Field(description="Bound of the budget that is reached.")]
    shaping: Annotated[float, Field(description="Sum of the potential-based shaping of all steps.")]
    reward_terms: Annotated[float, Field(description="To be added to the task's reward R, which gives R'.")]


class EpisodeReport(_Given):
    """What became of an episode so far."""

    id: EpisodeId
    draws_as: EpisodeId
    seed: int | None
    severity: float | None
    randomize: bool | None
    clock: EpisodeClock
    speed: float
    client_timeout_s: float | None
    timeout_shape: TimeoutShape
    started_unix_s: Seconds
    calls: Count
    outcomes: dict[str, Count]
    tools: dict[str, Count]
    faults: Faults
    latency: Latency
    attempts: Attempts
    changes: Annotated[
        dict[str, Count], Field(description="What channels did, by name, such as `decoys_called`: how often.")
    ] = {}
    costs: Costs | None = None
    request_body_bytes: Count
    response_body_bytes: Count


class EpisodeList(_Given):
    """A part of the declared episodes, oldest first."""

    total: Count
    episodes: list[EpisodeReport]


class Health(_Given):
    """Whether the proxy serves."""

    status: HealthWord
    inflight: Count
    connections: Count
    episodes: Count
    lag_s: Seconds


class Reloaded(_Given):
    """What came of reading recipe and profile anew."""

    message: str


class ErrorDetail(_Given):
    """What is wrong, and what to do about it."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    code: str
    message: str
    from_: Annotated[Literal["earthwire proxy"], Field(alias="from")]
    problems: list[str] | None = None
    port: Annotated[int | None, Field(description="With `other_worker`: where to ask instead.")] = None


class Error(_Given):
    """An error."""

    error: ErrorDetail
