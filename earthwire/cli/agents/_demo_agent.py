"""The demo's agent and its mock tool: recorded sessions, asked again over real HTTP.

The agent makes the calls of each recorded session in order, many sessions at once, and notes what it saw.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable
from importlib import resources

import aiohttp
from aiohttp import web

from earthwire.config.profile_file import read_profile
from earthwire.fault_models.profile import Profile
from earthwire.fault_models.simulation import Simulation
from earthwire.proxy.local_server import LocalServer
from earthwire.proxy.serve_config import ServeConfig
from earthwire.proxy.server import running_proxy
from earthwire.traces.files.formats import read_traces
from earthwire.traces.record import Outcome, TraceRecord

AGENT_TIMEOUT_S = 3.0
"""What the agent waits for an answer; recorded calls that took longer count as its time-outs as well."""

SESSIONS_AT_ONCE = 48
"""So many that the demo is short, and so few that one event loop for agent, proxy and tool is not what is measured."""

MOCK_SESSIONS_AT_ONCE = 4
"""A mock answers at once: with more of them, what its calls take would be how long they queue for that event loop."""

Sessions = dict[str, list[TraceRecord]]
Progress = Callable[[], None]

_DATA = resources.files("earthwire.config") / "profiles"


def demo_profile() -> Profile:
    """Read the profile that is shipped for the demo."""
    with resources.as_file(_DATA / "demo.yaml") as path:
        return read_profile(path)


def recorded_sessions() -> Sessions:
    """Read the recorded sessions that the profile was not learned from, as an agent with a time-out saw them."""
    sessions: Sessions = {}
    with resources.as_file(_DATA / "demo-held-out.jsonl.gz") as path:
        for record in read_traces(path):
            sessions.setdefault(f"s{record.session_id}", []).append(_as_seen(record))
    return sessions


async def ask_mock(sessions: Sessions, progress: Progress) -> list[TraceRecord]:
    """Let the agent talk to the mock tool itself."""
    async with _MockTool() as tool:
        return await _run_agent(tool.url, sessions, progress, at_once=MOCK_SESSIONS_AT_ONCE)


async def ask_earthwire(sessions: Sessions, seed: int, progress: Progress) -> list[TraceRecord]:
    """Let the agent talk to the same mock tool through the proxy."""
    async with _MockTool() as tool:
        config = ServeConfig(upstreams={"tool": tool.url}, port=0)
        async with running_proxy(config, Simulation(demo_profile(), seed)) as proxy:
            return await _run_agent(f"http://{proxy.host}:{proxy.port}", sessions, progress, by_episode=True)


class _MockTool(LocalServer):
    """A tool as mocks are: it answers at once, and it never fails."""

    def __init__(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        super().__init__(application)

    async def _answer(self, request: web.Request) -> web.Response:
        return web.json_response({"id": str(uuid.UUID(int=0)), "path": request.path, "state": "ready"})


async def _run_agent(
    base_url: str,
    sessions: Sessions,
    progress: Progress,
    by_episode: bool = False,
    at_once: int = SESSIONS_AT_ONCE,
) -> list[TraceRecord]:
    connector = aiohttp.TCPConnector(limit=0)
    places = asyncio.Semaphore(at_once)
    timeout = aiohttp.ClientTimeout(total=AGENT_TIMEOUT_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as client:

        async def run(number: int, name: str, calls: Iterable[TraceRecord]) -> list[TraceRecord]:
            base = f"{base_url}/e/demo-{number}" if by_episode else base_url
            seen = []
            async with places:
                for seq, call in enumerate(calls):
                    seen.append(await _call(client, base, call.tool, name, seq))
                    progress()
            return seen

        runs = (run(i, name, calls) for i, (name, calls) in enumerate(sessions.items()))
        return [record for records in await asyncio.gather(*runs) for record in records]


async def _call(
    client: aiohttp.ClientSession, base_url: str, tool: str, session: str, seq: int
) -> TraceRecord:
    method, _, rest = tool.partition(" ")
    path = rest[rest.index("/") :].replace("{id}", str(uuid.UUID(int=seq + 1)))
    begin_ns = time.perf_counter_ns()
    status: int | None = None
    outcome: Outcome
    try:
        async with client.request(method, base_url + path) as response:
            body = await response.read()
            status = response.status
        outcome = "http_error" if status >= 400 else "semantic_error" if b'"error"' in body else "ok"
    except TimeoutError:
        outcome = "timeout"
    except aiohttp.ClientError:
        outcome = "conn_error"
    duration_ns = time.perf_counter_ns() - begin_ns
    return TraceRecord(
        tool=tool,
        session_id=session,
        seq=seq,
        duration_ns=duration_ns if outcome != "conn_error" else None,
        outcome=outcome,
        http_response_status_code=status,
        latency_censoring="right" if outcome == "timeout" else "none",
    )


def _as_seen(record: TraceRecord) -> TraceRecord:
    """Return a recorded call as an agent with the demo's time-out would have seen it."""
    limit_ns = int(AGENT_TIMEOUT_S * 1e9)
    if record.duration_ns is None or record.duration_ns <= limit_ns:
        return record
    return TraceRecord(
        tool=record.tool,
        session_id=record.session_id,
        seq=record.seq,
        duration_ns=limit_ns,
        outcome="timeout",
        latency_censoring="right",
    )
