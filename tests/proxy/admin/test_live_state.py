from earthwire.proxy.admin.live_models import (
    EPISODES_SHOWN_MAX,
    TOOLS_SHOWN_MAX,
    Durations,
    EpisodeState,
    FaultKind,
    LiveFaults,
    LiveLatency,
    LiveState,
    Moment,
    ToolState,
    WorkerState,
)
from earthwire.proxy.admin.live_state import merged_state
from earthwire.proxy.recording.histogram import FINE_BOUNDS_S

BUCKET = FINE_BOUNDS_S.index(0.1)


def durations(count: int, bucket: int = BUCKET) -> Durations:
    counts = [0] * (len(FINE_BOUNDS_S) + 1)
    counts[bucket] = count
    return Durations(counts=counts, p50_s=None, p99_s=None)


def moment(unix_s: int, calls: int, lag_s: float = 0.0) -> Moment:
    return Moment(unix_s=unix_s, calls=calls, faults=0, inflight=calls, lag_s=lag_s)


def faults(**kinds: int) -> LiveFaults:
    rows = [FaultKind(kind=kind, layer="transport", calls=calls) for kind, calls in kinds.items()]
    return LiveFaults(count=sum(kinds.values()), injected=1, by_layer={}, kinds=rows)


def tool(name: str, calls: int, bucket: int = BUCKET) -> ToolState:
    return ToolState(tool=name, calls=calls, faults=1, achieved=durations(calls, bucket))


def episode(worker: int, started_unix_s: float) -> EpisodeState:
    return EpisodeState(
        id=f"e-{worker}-{started_unix_s:g}",
        worker=worker,
        started_unix_s=started_unix_s,
        seed=None,
        clock="real",
        calls=0,
        faults=0,
        latency_s=0.0,
        cost=None,
    )


def state(index: int, **changes: object) -> LiveState:
    worker = WorkerState(index=index, status="ok", inflight=1, connections=2, episodes=0, lag_s=0.0)
    return LiveState(
        unix_s=1_000.0 + index,
        workers=[worker],
        silent_workers=[],
        calls=10,
        early=0,
        faults=faults(),
        moments=[],
        bounds_s=list(FINE_BOUNDS_S),
        latency=LiveLatency(intended=durations(4), achieved=durations(6), delay_error=durations(0)),
        tools=[],
        tool_count=0,
        episodes=[],
        episode_count=0,
    ).model_copy(update=changes)


def test_counts_add_up_and_every_worker_is_named() -> None:
    merged = merged_state([state(1), state(0)], [2])
    assert (merged.calls, merged.unix_s) == (20, 1_001.0)
    assert [worker.index for worker in merged.workers] == [0, 1]
    assert merged.silent_workers == [2]
    assert sum(merged.latency.achieved.counts) == 12


def test_quantiles_are_those_of_all_calls_together() -> None:
    late = FINE_BOUNDS_S.index(10.0)
    merged = merged_state(
        [state(0, tools=[tool("t", 98)]), state(1, tools=[tool("t", 4, late), tool("u", 1)])], []
    )
    (first, second) = merged.tools
    assert (first.tool, first.calls, second.tool) == ("t", 102, "u")
    assert first.achieved.p50_s is not None
    assert first.achieved.p50_s <= 0.1
    assert first.achieved.p99_s is not None
    assert 8.0 < first.achieved.p99_s <= 10.0


def test_seconds_are_joined_with_the_later_loop() -> None:
    merged = merged_state(
        [state(0, moments=[moment(5, 1), moment(6, 2, 0.3)]), state(1, moments=[moment(6, 40, 0.1)])], []
    )
    assert [(one.unix_s, one.calls, one.lag_s) for one in merged.moments] == [(5, 1, 0.0), (6, 42, 0.3)]


def test_faults_are_joined_by_kind() -> None:
    merged = merged_state(
        [state(0, faults=faults(timeout=1, conn_error=2)), state(1, faults=faults(timeout=5))], []
    )
    assert [(row.kind, row.calls) for row in merged.faults.kinds] == [("timeout", 6), ("conn_error", 2)]
    assert (merged.faults.count, merged.faults.injected, merged.faults.by_layer) == (8, 2, {"transport": 8})


def test_only_the_busiest_tools_and_the_newest_episodes_are_shown() -> None:
    tools = [[tool(f"{worker}-{n}", 100 + n) for n in range(TOOLS_SHOWN_MAX)] for worker in (0, 1)]
    episodes = [[episode(worker, 2.0 * n + worker) for n in range(EPISODES_SHOWN_MAX)] for worker in (0, 1)]
    merged = merged_state(
        [
            state(worker, tools=tools[worker], episodes=episodes[worker], episode_count=500)
            for worker in (0, 1)
        ],
        [],
    )
    assert len(merged.tools) == TOOLS_SHOWN_MAX
    assert merged.tools[0].calls == 100 + TOOLS_SHOWN_MAX - 1
    assert merged.tool_count == 2 * TOOLS_SHOWN_MAX
    started = [one.started_unix_s for one in merged.episodes]
    assert started == sorted(started, reverse=True)
    assert (len(started), merged.episode_count) == (EPISODES_SHOWN_MAX, 1_000)
