"""What other simulators offer, configured as well as their own settings allow: the baselines of every fidelity report.

Each is fitted on the training calls and gives latencies and outcomes for a request sequence. None of them is used
to serve anything.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from earthwire.grounding.gap.yardstick import outcome_class
from earthwire.traces.columns.calls import Calls, FloatArray

Rival = Callable[[Calls, Calls, np.random.Generator], Calls]

_FASTEST_MS = 1.0
_NORMAL_P99 = 2.3263478740408408
_BUCKETS = 10


def mock(training: Calls, requests: Calls, rng: np.random.Generator) -> Calls:
    """Answer with the tool's median delay, and fail at the overall rate: the mock that the gap is measured from."""
    return _answer(training, requests, _per_tool(training, requests, np.median), rng)


def jitter(training: Calls, requests: Calls, rng: np.random.Generator) -> Calls:
    """Answer after one mean delay with uniform jitter of the same standard deviation."""
    ms = training.latency_s * 1e3
    spread_ms = np.sqrt(3.0) * ms.std()
    drawn_ms = ms.mean() + spread_ms * (2 * rng.random(len(requests)) - 1)
    return _answer(training, requests, np.log(np.maximum(drawn_ms, _FASTEST_MS)), rng)


def lognormal(training: Calls, requests: Calls, rng: np.random.Generator) -> Calls:
    """Answer after a log-normal delay, fitted to each tool."""
    overall = np.log(training.latency_s * 1e3).std()
    mean = _per_tool(training, requests, np.mean)
    spread = _per_tool(
        training, requests, lambda log_ms: log_ms.std(ddof=1) if len(log_ms) > 1 else overall, default=overall
    )
    return _answer(training, requests, mean + spread * rng.standard_normal(len(requests)), rng)


def jitter_per_tool(training: Calls, requests: Calls, rng: np.random.Generator) -> Calls:
    """Answer after the tool's mean delay with uniform jitter of the tool's standard deviation."""
    mean_ms = _per_tool(training, requests, lambda log_ms: np.exp(log_ms).mean())
    spread_ms = _per_tool(training, requests, lambda log_ms: np.exp(log_ms).std())
    drawn_ms = mean_ms + np.sqrt(3.0) * spread_ms * (2 * rng.random(len(requests)) - 1)
    return _answer(training, requests, np.log(np.maximum(drawn_ms, _FASTEST_MS)), rng)


def lognormal_by_p99(training: Calls, requests: Calls, rng: np.random.Generator) -> Calls:
    """Answer after a log-normal delay, given by each tool's median and 99th percentile."""
    median = _per_tool(training, requests, np.median)
    p99 = _per_tool(training, requests, _quantile(0.99))
    spread = (p99 - median) / _NORMAL_P99
    return _answer(training, requests, median + spread * rng.standard_normal(len(requests)), rng)


def recorded_in_turn(training: Calls, requests: Calls, rng: np.random.Generator) -> Calls:
    """Answer with each tool's recorded delays in the order of recording, over and over; a tool never seen, like any."""
    delays = _delays_by_tool(training)
    everything = np.log(training.latency_s * 1e3)
    turn: dict[int, int] = {}
    log_ms = np.empty(len(requests))
    for i, tool in enumerate(requests.tool.tolist()):
        values = delays.get(tool, everything)
        n = turn[tool] = turn.get(tool, -1) + 1
        log_ms[i] = values[n % len(values)]
    return _answer(training, requests, log_ms, rng)


def weighted_mixture(training: Calls, requests: Calls, rng: np.random.Generator) -> Calls:
    """Answer with one of ten fixed delays a tool, the medians of its deciles, each with the same weight."""
    bucket = rng.integers(_BUCKETS, size=len(requests))
    log_ms = np.empty(len(requests))
    for i in range(_BUCKETS):
        of_bucket = _per_tool(training, requests, _quantile((i + 0.5) / _BUCKETS))
        log_ms[bucket == i] = of_bucket[bucket == i]
    return _answer(training, requests, log_ms, rng)


RIVALS: dict[str, Rival] = {"mock": mock, "jitter": jitter, "lognormal": lognormal}
"""The rivals of every fidelity report."""

ALL_RIVALS: dict[str, Rival] = {
    **RIVALS,
    "jitter per tool": jitter_per_tool,
    "lognormal by p99": lognormal_by_p99,
    "recorded in turn": recorded_in_turn,
    "weighted mixture": weighted_mixture,
}
"""Every configuration that the settings of other simulators allow, each at its best."""


def _per_tool(
    training: Calls,
    requests: Calls,
    statistic: Callable[[FloatArray], float],
    default: float | None = None,
) -> FloatArray:
    """Return `statistic` of the tool's training log latencies for each request; `default` where it has none."""
    everything = np.log(training.latency_s * 1e3)
    table = np.full(len(training.tool_names), statistic(everything) if default is None else default)
    for tool, values in _delays_by_tool(training).items():
        table[tool] = statistic(values)
    return table[requests.tool]


def _quantile(level: float) -> Callable[[FloatArray], float]:
    return lambda log_ms: float(np.quantile(log_ms, level))


def _delays_by_tool(training: Calls) -> dict[int, FloatArray]:
    log_ms = np.log(training.latency_s * 1e3)
    return {tool: log_ms.take(rows) for tool, rows in training.rows_by_tool.items()}


def _answer(training: Calls, requests: Calls, log_ms: FloatArray, rng: np.random.Generator) -> Calls:
    """Return the requests with these latencies and with faults thrown in independently at the overall rate."""
    fails = rng.random(len(requests)) < (outcome_class(training) > 0).mean()
    kinds = ("ok", "http_4xx:400")
    return replace(requests, latency_s=np.exp(log_ms) / 1e3, kind_names=kinds, kind=fails.astype(np.int64))
