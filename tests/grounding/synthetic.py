"""Calls with known truth, made by a seeded generator: the laws that fitting is to recover."""

import numpy as np

from earthwire.traces.columns.calls import Calls, assemble, encode


def make_calls(
    sessions: int = 80,
    calls_per_session: int = 40,
    tools: int = 4,
    session_sd: float = 0.3,
    noise_sd: float = 0.4,
    fault_rate: float = 0.1,
    seed: int = 0,
    latency_factor: float = 1.0,
) -> Calls:
    """Log-normal latencies with a tool level and a session effect; faults independent of everything."""
    rng = np.random.default_rng(seed)
    session = np.repeat(np.arange(sessions), calls_per_session)
    tool = rng.integers(tools, size=len(session))
    effect = rng.normal(0, session_sd, sessions)[session]
    log_s = np.log(0.1) + 0.5 * tool + effect + rng.normal(0, noise_sd, len(session))
    fails = rng.random(len(session)) < fault_rate
    return calls_of(
        [f"GET api.example.com/t{t}" for t in tool],
        [f"s{seed}-{s:04d}" for s in session],
        ["http_5xx:503" if bad else "ok" for bad in fails],
        latency_factor * np.exp(log_s),
    )


def calls_of(tools: list[str], sessions: list[str], kinds: list[str], latency_s: np.ndarray) -> Calls:
    """Build columns from lists in session order."""
    n = len(tools)
    nothing = np.full(n, np.nan)
    return assemble(
        tool=encode(tools),
        session=encode(sessions),
        kind=encode(kinds),
        seq=np.arange(n, dtype=float),
        start_ns=nothing,
        duration_ns=np.asarray(latency_s, dtype=float) * 1e9,
        ttfb_ns=nothing,
        censored=np.zeros(n, dtype=bool),
        limit_ns=nothing,
    )
