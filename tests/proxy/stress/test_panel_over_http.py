"""What the panel says of a simulation in process holds for what the proxy serves over real sockets, call for call."""

import asyncio
from pathlib import Path

import aiohttp
import numpy as np

from earthwire.fault_models.runs.retry_policy import POLICIES
from earthwire.fault_models.simulation import Simulation
from earthwire.grounding.calibrate import calibrate
from earthwire.grounding.stress import World, replayed, simulated_world
from earthwire.proxy.episodes.episodes import EpisodeSettings
from earthwire.proxy.server import ServeConfig, running_proxy
from earthwire.traces import read_traces
from earthwire.traces.columns.calls import Calls, calls_from_records
from earthwire.traces.record import TraceRecord
from tests.tool_servers import serving

SESSIONS, CALLS = 12, 60
TOOL = "GET api.example/items"


def recorded() -> Calls:
    """A fifth of all calls fail, in runs of 6 on average."""
    rng = np.random.default_rng(4)
    records = []
    for session in range(SESSIONS):
        bad = bool(rng.random() < 0.2)
        for seq in range(CALLS):
            bad = bool(rng.random() < (5 / 6 if bad else 1 / 24))
            records.append(
                TraceRecord(
                    tool=TOOL,
                    session_id=f"s{session}",
                    seq=seq,
                    duration_ns=10**6,
                    outcome="http_error" if bad else "ok",
                    http_response_status_code=503 if bad else 200,
                )
            )
    return calls_from_records(records)


def test_policies_fare_alike_in_process_and_over_http(tmp_path: Path) -> None:
    requests = recorded()
    simulation = Simulation(calibrate(requests, engine="compact", has_intervals=False), 7)
    assert simulation.tool_of("GET", "/items") == TOOL

    async def session(client: aiohttp.ClientSession, name: str) -> None:
        for _ in range(CALLS):
            async with client.get(f"/e/{name}/items") as response:
                await response.read()

    async def run(url: str) -> None:
        config = ServeConfig(
            upstreams={"tool": url},
            port=0,
            record_path=tmp_path / "served.jsonl",
            implied_episodes=EpisodeSettings(clock="virtual"),
        )
        async with (
            asyncio.timeout(60),
            running_proxy(config, simulation.variant(), lambda _: None) as proxy,
            aiohttp.ClientSession(f"http://127.0.0.1:{proxy.port}") as client,
        ):
            await asyncio.gather(*(session(client, f"s{number}") for number in range(SESSIONS)))

    with serving() as url:
        asyncio.run(run(url))
    served = World.of(calls_from_records(read_traces(tmp_path / "served.jsonl")))
    drawn = simulated_world(simulation.variant(), requests)
    assert served.calls.session_names == drawn.calls.session_names
    assert served.failed.tolist() == drawn.failed.tolist()
    assert 0.05 < served.failed.mean() < 0.5
    for name in ("none", "immediate"):
        one, other = (replayed(POLICIES[name], world) for world in (served, drawn))
        assert one.exhausted.tolist() == other.exhausted.tolist()
        assert one.attempts.tolist() == other.attempts.tolist()
        assert one.exhausted.any()
    another = simulated_world(simulation.variant(seed=8), requests)
    assert another.failed.tolist() != served.failed.tolist(), "the control: another seed gives other calls"
