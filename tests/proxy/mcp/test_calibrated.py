"""The loop closes: real MCP traces give a profile, and a wrapped server fails with the recorded words."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = str(Path(sys.executable).with_name("earthwire"))
TRACES = Path(__file__).parents[4] / "shared" / "data" / "dev_livemcp" / "records.parquet"
RECORDED = "Error executing tool execute-tool: INTERNAL_ERROR"
SERVER = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    result = {"content": [{"type": "text", "text": "fine"}]}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""


def run(*command, **options):
    return subprocess.run(list(map(str, command)), capture_output=True, timeout=120, check=True, **options)


@pytest.mark.skipif(not TRACES.exists(), reason=f"{TRACES} is not there")
def test_a_tool_that_failed_in_the_traces_fails_with_the_recorded_text(tmp_path):
    profile, server = tmp_path / "p.yaml", tmp_path / "server.py"
    server.write_text(SERVER)
    run(PROGRAM, "calibrate", TRACES, "-o", profile)
    call = {
        "jsonrpc": "2.0",
        "method": "tools/call",
        "params": {"name": "valorant-leaderboard", "arguments": {}},
    }
    lines = "".join(json.dumps({**call, "id": number}) + "\n" for number in range(40)).encode()
    command = [PROGRAM, "mcp", "wrap", "-p", profile, "--name", "opgg-mcp", "--", sys.executable, server]
    answers = [json.loads(line)["result"] for line in run(*command, input=lines).stdout.splitlines()]
    failed = [answer["content"][0]["text"] for answer in answers if answer.get("isError")]
    assert len(answers) == 40
    # All 3 recorded calls of this tool failed so; other tools of the traces fail now and then with other words.
    assert failed.count(RECORDED) > len(answers) / 2
