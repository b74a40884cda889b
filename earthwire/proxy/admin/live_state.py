"""From the counters of one process, or from what several tell, to what the dashboard shows."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from earthwire.proxy.admin.live_history import Buckets, LiveHistory
from earthwire.proxy.admin.live_models import (
    EPISODES_SHOWN_MAX,
    MOMENTS_MAX,
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
from earthwire.proxy.admin.models import HealthWord
from earthwire.proxy.admin.subject import Subject
from earthwire.proxy.episodes.episodes import EpisodeRun
from earthwire.proxy.recording.call_counters import CallCounters
from earthwire.proxy.recording.histogram import FINE_BOUNDS_S, quantile_s
from earthwire.traces.labels.outcome_kind import FaultLayer, layer_of, outcome_of_kind


def own_state(subject: Subject, history: LiveHistory, word: HealthWord, unix_s: float) -> LiveState:
    """Return how this process does.

    Args:
        subject: the proxy, whose finished calls are all counted.
        history: of its counters.
        word: whether it serves.
        unix_s: now.
    """
    status, counters, recent = subject.status(), subject.counters, history.recent()
    index = 0 if subject.placement is None else subject.placement.index
    worker = WorkerState(
        index=index,
        status=word,
        inflight=status.inflight_count,
        connections=status.connection_count,
        episodes=len(subject.episodes),
        lag_s=max(status.lag_s, 0.0),
    )
    runs = list(subject.episodes)[: -EPISODES_SHOWN_MAX - 1 : -1]
    return LiveState(
        unix_s=unix_s,
        workers=[worker],
        silent_workers=[],
        calls=sum(tool.call_count for tool in counters.tools.values()),
        early=counters.early_count,
        faults=_own_faults(counters),
        moments=history.moments,
        bounds_s=list(FINE_BOUNDS_S),
        latency=LiveLatency(
            intended=_durations(recent.intended),
            achieved=_durations(recent.achieved),
            delay_error=_durations(recent.delay_error),
        ),
        tools=_busiest(
            ToolState(
                tool=name,
                calls=tool.call_count,
                faults=tool.fault_count,
                achieved=_durations(tool.achieved.counts),
            )
            for name, tool in counters.tools.items()
        ),
        tool_count=len(counters.tools),
        episodes=[_episode(run, index) for run in runs],
        episode_count=len(subject.episodes),
    )


def merged_state(states: Sequence[LiveState], silent_workers: Sequence[int]) -> LiveState:
    """Return how several workers do together.

    Args:
        states: one of each that answered, this process' own first.
        silent_workers: numbers of the others.
    """
    episodes = sorted(
        (episode for state in states for episode in state.episodes), key=lambda one: -one.started_unix_s
    )
    latencies = [state.latency for state in states]
    tools = _merged_tools(states)
    return LiveState(
        unix_s=states[0].unix_s,
        workers=sorted((one for state in states for one in state.workers), key=lambda one: one.index),
        silent_workers=sorted(silent_workers),
        calls=sum(state.calls for state in states),
        early=sum(state.early for state in states),
        faults=_merged_faults([state.faults for state in states]),
        moments=_merged_moments(states),
        bounds_s=states[0].bounds_s,
        latency=LiveLatency(
            intended=_added([one.intended for one in latencies]),
            achieved=_added([one.achieved for one in latencies]),
            delay_error=_added([one.delay_error for one in latencies]),
        ),
        tools=_busiest(tools),
        tool_count=max(len(tools), *(state.tool_count for state in states)),
        episodes=episodes[:EPISODES_SHOWN_MAX],
        episode_count=sum(state.episode_count for state in states),
    )


def _durations(counts: Buckets) -> Durations:
    return Durations(counts=counts, p50_s=quantile_s(counts, 0.5), p99_s=quantile_s(counts, 0.99))


def _added(parts: Sequence[Durations]) -> Durations:
    return _durations([sum(counts) for counts in zip(*(part.counts for part in parts), strict=True)])


def _busiest(tools: Iterable[ToolState]) -> list[ToolState]:
    return sorted(tools, key=lambda tool: (-tool.calls, tool.tool))[:TOOLS_SHOWN_MAX]


def _own_faults(counters: CallCounters) -> LiveFaults:
    injected = sum(
        count
        for (outcome, origin), count in counters.calls().items()
        if origin == "injected" and outcome != "ok"
    )
    return _faults(counters.fault_kinds, injected)


def _faults(kinds: Counter[str], injected: int) -> LiveFaults:
    rows = [
        FaultKind(kind=kind, layer=layer_of(outcome_of_kind(kind)), calls=count)
        for kind, count in kinds.most_common()
    ]
    by_layer: Counter[FaultLayer] = Counter()
    for row in rows:
        if row.layer is not None:
            by_layer[row.layer] += row.calls
    return LiveFaults(count=kinds.total(), injected=injected, by_layer=dict(by_layer), kinds=rows)


def _episode(run: EpisodeRun, worker: int) -> EpisodeState:
    account = run.account
    return EpisodeState(
        id=run.episode,
        worker=worker,
        started_unix_s=run.started_unix_s,
        seed=run.settings.seed,
        clock=run.settings.clock,
        calls=account.call_count,
        faults=account.faults_by_layer.total(),
        latency_s=account.latency.virtual_s,
        cost=None if run.ledger is None else run.ledger.spending.cost,
    )


def _merged_faults(parts: Sequence[LiveFaults]) -> LiveFaults:
    kinds: Counter[str] = Counter()
    for part in parts:
        kinds.update({row.kind: row.calls for row in part.kinds})
    return _faults(kinds, sum(part.injected for part in parts))


def _merged_moments(states: Sequence[LiveState]) -> list[Moment]:
    """Return one moment a second, of all workers that sampled in it."""
    together: defaultdict[int, list[Moment]] = defaultdict(list)
    for state in states:
        for moment in state.moments:
            together[moment.unix_s].append(moment)
    merged = [
        Moment(
            unix_s=unix_s,
            calls=sum(part.calls for part in parts),
            faults=sum(part.faults for part in parts),
            inflight=sum(part.inflight for part in parts),
            lag_s=max(part.lag_s for part in parts),
        )
        for unix_s, parts in sorted(together.items())
    ]
    return merged[-MOMENTS_MAX:]


def _merged_tools(states: Sequence[LiveState]) -> list[ToolState]:
    together: defaultdict[str, list[ToolState]] = defaultdict(list)
    for state in states:
        for tool in state.tools:
            together[tool.tool].append(tool)
    return [
        ToolState(
            tool=name,
            calls=sum(part.calls for part in parts),
            faults=sum(part.faults for part in parts),
            achieved=_added([part.achieved for part in parts]),
        )
        for name, parts in together.items()
    ]
