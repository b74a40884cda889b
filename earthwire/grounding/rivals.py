"""What other simulators offer, configured as well as their own settings allow: the baselines of every fidelity report.

Each is fitted on the training calls and gives latencies and outcomes for a request sequence. None of them is used
to serve anything.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from earthwire.grounding.yardstick import outcome_class
from earthwire.traces.calls import Calls, FloatArray

Rival = Callable[[Calls, Calls, np.random.Generator], Calls]

_FASTEST_MS = 1.0


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


RIVALS: dict[str, Rival] = {"mock": mock, "jitter": jitter, "lognormal": lognormal}


def _per_tool(
    training: Calls,
    requests: Calls,
    statistic: Callable[[FloatArray], float],
    default: float | None = None,
) -> FloatArray:
    """Return `statistic` of the tool's training log latencies for each request; `default` where it has none."""
    log_ms = np.log(training.latency_s * 1e3)
    order = np.argsort(training.tool, kind="stable")
    tools, starts = np.unique(training.tool[order], return_index=True)
    table = np.full(len(training.tool_names), statistic(log_ms) if default is None else default)
    for tool, values in zip(tools, np.split(log_ms[order], starts[1:]), strict=True):
        table[tool] = statistic(values)
    return table[requests.tool]


def _answer(training: Calls, requests: Calls, log_ms: FloatArray, rng: np.random.Generator) -> Calls:
    """Return the requests with these latencies and with faults thrown in independently at the overall rate."""
    fails = rng.random(len(requests)) < (outcome_class(training) > 0).mean()
    kinds = ("ok", "http_4xx:400")
    return replace(requests, latency_s=np.exp(log_ms) / 1e3, kind_names=kinds, kind=fails.astype(np.int64))
