"""Simulates a request sequence with the very draw that serves."""

from dataclasses import replace

import numpy as np

from earthwire.fault_models.call import Call
from earthwire.fault_models.profile import Profile
from earthwire.fault_models.simulation import Simulation
from earthwire.traces.calls import Calls


def simulate(profile: Profile, requests: Calls, seed: int) -> Calls:
    """Return the requests with latencies and outcomes as the profile draws them; sessions serve as episodes."""
    simulation = Simulation(profile, seed)
    kinds: dict[str, int] = {}
    latency_s, kind = np.empty(len(requests)), np.empty(len(requests), dtype=np.int64)
    for i, (tool, session) in enumerate(zip(requests.tool.tolist(), requests.session.tolist(), strict=True)):
        plan = simulation.draw(Call(requests.session_names[session], requests.tool_names[tool], "", "")).plan
        latency_s[i] = plan.last_byte_s
        kind[i] = kinds.setdefault(plan.outcome, len(kinds))
    return replace(requests, latency_s=latency_s, kind=kind, kind_names=tuple(kinds))
