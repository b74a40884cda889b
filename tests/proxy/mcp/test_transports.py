"""One draw for every transport: the same seed, episode, tool and call index give the same plan."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from earthwire.config.profile_file import profile_text, read_profile
from earthwire.fault_models.call import Call
from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
from earthwire.fault_models.laws.outcome import START, OutcomeCounts
from earthwire.fault_models.plan import plan_digest
from earthwire.fault_models.profile import Profile, ToolLaws
from earthwire.fault_models.simulation import Simulation
from earthwire.proxy.mcp import McpConfig
from earthwire.proxy.serve_config import ServeConfig
from earthwire.proxy.server import running_proxy
from earthwire.traces.files.jsonl import read_jsonl

PROGRAM = str(Path(sys.executable).with_name("earthwire"))
SEED, CALLS = 11, 60
KINDS = {"ok": 50, "tool_error": 20, "rpc_error:-32603": 10, "http_5xx:503": 10, "malformed:truncated": 10}
SERVER = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    result = {"content": [{"type": "text", "text": "{}"}]}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""


def profile(folder):
    table = LatencyTable(100, tuple(0.001 + 0.0001 * level for level in range(len(LEVELS))))
    laws = ToolLaws(100, 5, OutcomeCounts(dict.fromkeys((START, *KINDS), KINDS)), dict.fromkeys(KINDS, table))
    path = folder / "profile.yaml"
    text = profile_text(
        Profile({f"s/{name}": laws for name in ("get", "put")}, ToolLaws(0, 0, OutcomeCounts({}), {}))
    )
    path.write_text(text, "utf-8")
    return path


def messages(episode):
    for number in range(CALLS):
        params = {"name": ("get", "put")[number % 2], "_meta": {"earthwire/episode": episode}}
        yield json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})


def digests(path):
    return {(one.tool, one.call_index): one.plan_digest for one in read_jsonl(path)}


def in_process(path, episode):
    simulation = Simulation(read_profile(path), SEED)
    found = {}
    for number in range(CALLS):
        tool = ("s/get", "s/put")[number % 2]
        drawn = simulation.draw(Call(episode, tool))
        found[tool, drawn.call_index] = plan_digest(drawn.plan)
    return found


def over_stdio(path, episode, folder):
    script, record = folder / "server.py", folder / "stdio.jsonl"
    script.write_text(SERVER)
    command = [
        PROGRAM,
        "mcp",
        "wrap",
        "--name",
        "s",
        "-p",
        str(path),
        "--seed",
        str(SEED),
        "--record",
        str(record),
    ]
    sent = "".join(f"{one}\n" for one in messages(episode)).encode()
    subprocess.run(
        [*command, "--", sys.executable, str(script)], input=sent, capture_output=True, timeout=60, check=True
    )
    return digests(record)


def over_http(harness, play, path, episode, folder):
    record = folder / "http.jsonl"
    result = b'{"jsonrpc":"2.0","id":0,"result":{"content":[]}}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        len(result),
        result,
    )

    async def scenario():
        async with harness.upstream(answer) as upstream:
            server = McpConfig(url=f"http://127.0.0.1:{upstream.port}/mcp")
            config = ServeConfig(upstreams={}, mcp={"s": server}, port=0, record_path=record)
            async with running_proxy(config, Simulation(read_profile(path), SEED)) as proxy:
                posts = [
                    b"POST /m/s/mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
                    % (len(one), one.encode())
                    for one in messages(episode)
                ]
                await asyncio.gather(*(harness.talk(proxy.port, post) for post in posts))

    play(scenario())
    return digests(record)


def test_plans_are_the_same_in_process_over_http_and_over_stdio(harness, play, tmp_path):
    path = profile(tmp_path)
    expected = in_process(path, "e1")
    assert len(expected) == CALLS
    assert over_http(harness, play, path, "e1", tmp_path) == expected
    assert over_stdio(path, "e1", tmp_path) == expected


def test_another_episode_has_other_plans(tmp_path):
    path = profile(tmp_path)
    assert in_process(path, "e1") != in_process(path, "e2")
