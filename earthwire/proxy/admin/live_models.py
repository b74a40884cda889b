"""What the dashboard is told, as models: how the proxy does now, of one worker or of all of them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from earthwire.fault_models.conditions.virtual_time import EpisodeClock
from earthwire.proxy.admin.models import Count, EpisodeId, HealthWord, Seconds
from earthwire.traces.labels.outcome_kind import FaultLayer

MOMENTS_MAX = 120
TOOLS_SHOWN_MAX = 50
EPISODES_SHOWN_MAX = 30

LiveScope = Literal["all", "own"]


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True)


class LiveQuery(BaseModel):
    """Of which workers to tell."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scope: LiveScope = "all"


class WorkerState(_Given):
    """One process of the proxy."""

    index: Count
    status: HealthWord
    inflight: Count
    connections: Count
    episodes: Count
    lag_s: Annotated[Seconds, Field(description="How late its loop was last.")]


class Moment(_Given):
    """What happened in one second."""

    unix_s: Annotated[Count, Field(description="When the second ended.")]
    calls: Annotated[Count, Field(description="That ended in it.")]
    faults: Count
    inflight: Annotated[Count, Field(description="Calls under way as it ended.")]
    lag_s: Annotated[
        Seconds, Field(description="How late the loop was last; of several workers, the latest one.")
    ]


class Durations(_Given):
    """How long something took, in the buckets of `bounds_s`."""

    counts: Annotated[
        list[Count], Field(description="Values in each bucket; the last one holds what is beyond all bounds.")
    ]
    p50_s: Seconds | None
    p99_s: Seconds | None


class LiveLatency(_Given):
    """Times to the last byte of the calls of the last minute, each on its episode's clock."""

    intended: Annotated[Durations, Field(description="As planned.")]
    achieved: Annotated[Durations, Field(description="As it was.")]
    delay_error: Annotated[Durations, Field(description="By how much calls ended after they were due.")]


class FaultKind(_Given):
    """Calls that ended as a fault of one kind."""

    kind: str
    layer: FaultLayer | None
    calls: Count


class LiveFaults(_Given):
    """Calls that ended as a fault, since the proxy started."""

    count: Count
    injected: Annotated[Count, Field(description="Calls whose response a plan made or damaged.")]
    by_layer: dict[FaultLayer, Count]
    kinds: Annotated[list[FaultKind], Field(description="The most frequent one first.")]


class ToolState(_Given):
    """One tool since the proxy started."""

    tool: str
    calls: Count
    faults: Count
    achieved: Annotated[Durations, Field(description="Time to the last byte.")]


class EpisodeState(_Given):
    """One declared episode, in short."""

    id: EpisodeId
    worker: Count
    started_unix_s: Seconds
    seed: int | None
    clock: EpisodeClock
    calls: Count
    faults: Count
    latency_s: Annotated[Seconds, Field(description="Of all its calls, on its own clock.")]
    cost: float | None


class LiveState(_Given):
    """How the proxy does now."""

    unix_s: Seconds
    workers: Annotated[list[WorkerState], Field(description="Those that this is told of.")]
    silent_workers: Annotated[list[Count], Field(description="Those that did not answer in time.")]
    calls: Annotated[Count, Field(description="That are over, since the start.")]
    early: Annotated[
        Count, Field(description="Calls that ended before they were due; never, as it should be.")
    ]
    faults: LiveFaults
    moments: Annotated[list[Moment], Field(description="The last two minutes, oldest first.")]
    bounds_s: Annotated[list[float], Field(description="Upper bounds of the buckets of all durations.")]
    latency: LiveLatency
    tools: Annotated[list[ToolState], Field(description=f"The {TOOLS_SHOWN_MAX} busiest ones.")]
    tool_count: Count
    episodes: Annotated[
        list[EpisodeState], Field(description=f"The {EPISODES_SHOWN_MAX} declared last, newest first.")
    ]
    episode_count: Count
