"""The same (seed, episode, tool, call index) gives the same plan on every way to a tool.

Tool keys are those of HTTP tools, and the MCP server is called after their host, so that all five ways lead to the
very same tools.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from earthwire.cli.agents.children import listens
from earthwire.config import profile_text, read_profile
from earthwire.fault_models import Call, Profile, Simulation, ToolLaws, plan_digest
from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
from earthwire.fault_models.laws.outcome import START, OutcomeCounts
from earthwire.in_process import SimulatedEpisode
from earthwire.proxy.mcp import McpConfig
from earthwire.proxy.server import ServeConfig, running_proxy
from earthwire.traces.files.jsonl import read_jsonl
from foreign.conformance import free_port
from foreign.forward_environment import forward_python

SEED, EPISODE, CALLS_PER_TOOL = 11, "run-1", 20
HOST, PATHS = "localhost", ("search", "fetch")
TOOLS = tuple(f"GET {HOST}/{path}" for path in PATHS)
KINDS = {
    "ok": 40,
    "http_5xx:503": 15,
    "malformed:truncated": 15,
    "malformed:length_too_long": 10,
    "conn_error": 10,
    "conn_error:committed": 10,
}
WAIT_S = 60.0
STDIO_SERVER = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    result = {"content": [{"type": "text", "text": "{}"}]}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""
RECIPE = """
earthwire_recipe: 1
profile: profile.yaml
seed: {seed}
routes: {{tool: {{upstream: "http://localhost:1"}}}}
mcp: {{s: {{command: [{python}, server.py], server: "GET localhost"}}}}
run: {{intercept: [localhost]}}
"""
Plans = dict[tuple[str, int], tuple[str | None, int, str | None]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    table = LatencyTable(100, tuple(0.001 + 0.0001 * level for level in range(len(LEVELS))))
    laws = ToolLaws(100, 5, OutcomeCounts(dict.fromkeys((START, *KINDS), KINDS)), dict.fromkeys(KINDS, table))
    profile = Profile(dict.fromkeys(TOOLS, laws), ToolLaws(0, 0, OutcomeCounts({}), {}))
    (tmp_path / "profile.yaml").write_text(profile_text(profile), "utf-8")
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(seed=SEED, python=sys.executable), "utf-8")
    return tmp_path


def simulation(folder: Path) -> Simulation:
    return Simulation(read_profile(folder / "profile.yaml"), SEED)


def drawn(folder: Path, episode: str = EPISODE) -> Plans:
    """What the draw itself gives."""
    plans: Plans = {}
    laws = simulation(folder)
    for tool in TOOLS:
        for _ in range(CALLS_PER_TOOL):
            one = laws.draw(Call(episode, tool))
            plans[tool, one.call_index] = (
                one.plan.outcome, int(one.plan.last_byte_s * 1e9), plan_digest(one.plan)
            )  # fmt: skip
    return plans


def recorded(path: Path) -> Plans:
    records = [record for record in read_jsonl(path) if record.tool in TOOLS]
    return {
        (one.tool, one.call_index or 0): (one.plan_outcome, one.plan_last_byte_ns or 0, one.plan_digest)
        for one in records
    }


def in_process(folder: Path) -> list[tuple[str, str, int]]:
    """What callables meet: tool, outcome kind and latency, in the order of the calls."""
    episode = SimulatedEpisode(simulation(folder), None, EPISODE)
    met = []
    for tool in TOOLS:
        call = episode.tool(lambda: {}, tool)
        for _ in range(CALLS_PER_TOOL):
            before, before_s = dict(episode.outcomes), episode.latency_s
            with contextlib.suppress(Exception):
                call()
            kind = next(kind for kind, count in episode.outcomes.items() if count != before.get(kind, 0))
            met.append((tool, kind, round((episode.latency_s - before_s) * 1e6)))
    return met


def requests(port: int, prefix: str = "") -> list[bytes]:
    """Both tools' calls, interleaved."""
    head = f"Host: {HOST}:{port}\r\nX-Earthwire-Episode: {EPISODE}\r\nConnection: close\r\n\r\n"
    return [f"GET {prefix}/{path} HTTP/1.1\r\n{head}".encode() for path in PATHS] * CALLS_PER_TOOL


def messages() -> list[bytes]:
    return [
        json.dumps(
            {"jsonrpc": "2.0", "id": number, "method": "tools/call",
             "params": {"name": PATHS[number % 2], "_meta": {"earthwire/episode": EPISODE}}}
        ).encode()
        for number in range(2 * CALLS_PER_TOOL)
    ]  # fmt: skip


async def talk(port: int, request: bytes) -> None:
    """Send a request and read whatever comes, to its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        writer.write(request)
        await asyncio.wait_for(reader.read(), WAIT_S)
    writer.transport.abort()


def over_http(harness, folder: Path) -> Plans:
    path = folder / "http.jsonl"

    async def scenario() -> None:
        async with harness.upstream(harness.response(b"{}")) as upstream:
            config = ServeConfig(
                upstreams={"tool": f"http://127.0.0.1:{upstream.port}"}, port=0, record_path=path
            )
            async with running_proxy(config, simulation(folder)) as proxy:
                await asyncio.gather(*(talk(proxy.port, one) for one in requests(proxy.port)))

    asyncio.run(scenario())
    return recorded(path)


def over_mcp_http(harness, folder: Path) -> Plans:
    path = folder / "mcp.jsonl"
    answer = harness.response(
        b'{"jsonrpc":"2.0","id":0,"result":{"content":[]}}', extra=b"Content-Type: application/json\r\n"
    )

    async def scenario() -> None:
        async with harness.upstream(answer) as upstream:
            server = McpConfig(
                url=f"http://127.0.0.1:{upstream.port}/mcp", tool_keys=TOOLS, recorded_server=f"GET {HOST}"
            )
            config = ServeConfig(upstreams={}, mcp={"s": server}, port=0, record_path=path)
            async with running_proxy(config, simulation(folder)) as proxy:
                posts = [
                    b"POST /m/s/mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
                    % (len(one), one)
                    for one in messages()
                ]
                await asyncio.gather(*(talk(proxy.port, post) for post in posts))

    asyncio.run(scenario())
    return recorded(path)


def over_stdio(folder: Path) -> Plans:
    (folder / "server.py").write_text(STDIO_SERVER, "utf-8")
    program = str(Path(sys.executable).with_name("earthwire"))
    command = [program, "mcp", "wrap", "--recipe", "recipe.yaml", "--name", "s", "--record", "stdio.jsonl"]
    sent = b"".join(one + b"\n" for one in messages())
    subprocess.run(command, input=sent, capture_output=True, timeout=WAIT_S, check=True, cwd=folder)
    return recorded(folder / "stdio.jsonl")


def over_forward_proxy(harness, folder: Path, python: Path) -> Plans:
    """Calls through mitmproxy, one after the other, each by the tool's own name."""
    path, port = folder / "forward.jsonl", free_port()
    command = [python.with_name("earthwire"), "forward", "--recipe", folder / "recipe.yaml", "--port", port]
    command += ["--record", path, "--authority", folder / "authority"]
    process = subprocess.Popen([str(part) for part in command], stderr=subprocess.DEVNULL)

    async def scenario() -> None:
        async with harness.upstream(harness.response(b"{}")) as upstream:
            for one in requests(upstream.port, f"http://{HOST}:{upstream.port}"):
                await talk(port, one)

    try:
        wait_for_port(port, process)
        asyncio.run(scenario())
    finally:
        process.terminate()
        process.wait(WAIT_S)
    return recorded(path)


def wait_for_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline_s = time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            process.wait(0.05)
            pytest.fail("the forward proxy has ended")
        if listens(port):
            return
    pytest.fail("the forward proxy does not listen")


def test_all_five_ways_to_a_tool_give_the_same_plans(harness, folder: Path) -> None:
    python = forward_python()
    expected = drawn(folder)
    assert len(expected) == len(TOOLS) * CALLS_PER_TOOL
    assert len({outcome for outcome, _, _ in expected.values()}) > 3
    assert in_process(folder) == [
        (tool, outcome, round(latency_ns / 1e3)) for (tool, _), (outcome, latency_ns, _) in expected.items()
    ]
    assert over_http(harness, folder) == expected
    assert over_mcp_http(harness, folder) == expected
    assert over_stdio(folder) == expected
    assert over_forward_proxy(harness, folder, python) == expected
    # Negative control: the agreement is none of a constant with itself.
    assert drawn(folder, "run-2") != expected
