"""Simulates a request sequence with the very draw that serves."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from earthwire.fault_models.call import Call
from earthwire.fault_models.plan import Plan
from earthwire.fault_models.profile import Profile
from earthwire.fault_models.simulation import Simulation
from earthwire.traces.columns.calls import Calls


def simulate(profile: Profile, requests: Calls, seed: int) -> Calls:
    """Return the requests with latencies and outcomes as the profile draws them; sessions serve as episodes."""
    return with_plans(requests, drawn_plans(Simulation(profile, seed), requests))


def drawn_plans(simulation: Simulation, requests: Calls) -> Iterator[Plan]:
    """Yield the plan of each request in order; sessions serve as episodes, and each begins with its first call.

    A call without a start time counts as one of a caller without a clock.
    """
    begin_s = _session_starts_s(requests)
    rows = zip(requests.session.tolist(), requests.tool.tolist(), requests.start_s.tolist(), strict=True)
    before: int | None = None
    for session, tool, start_s in rows:
        if before not in (None, session):
            # Sessions come one after the other, and what is remembered of calls is bounded.
            simulation.forget(requests.session_names[before])
        before = session
        # A number that is not itself is not known.
        at_s = start_s - begin_s[session] if start_s == start_s else None
        yield simulation.draw(
            Call(requests.session_names[session], requests.tool_names[tool], at_s=at_s)
        ).plan


def with_plans(requests: Calls, plans: Iterable[Plan]) -> Calls:
    """Return the requests with the latencies and outcomes of their plans."""
    kinds: dict[str, int] = {}
    latency_s, kind = np.empty(len(requests)), np.empty(len(requests), dtype=np.int64)
    for i, plan in enumerate(plans):
        latency_s[i] = plan.last_byte_s
        kind[i] = kinds.setdefault(plan.outcome, len(kinds))
    return replace(requests, latency_s=latency_s, kind=kind, kind_names=tuple(kinds))


def _session_starts_s(requests: Calls) -> dict[int, float]:
    """Return the earliest known start time of each session, by its code."""
    starts: dict[int, float] = {}
    for session, start_s in zip(requests.session.tolist(), requests.start_s.tolist(), strict=True):
        if start_s < starts.get(session, np.inf):
            starts[session] = start_s
    return starts
