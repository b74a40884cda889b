"""Channels between a host and a wrapped stdio server: processes and pipes, one line at a time."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from earthwire.fault_models.channels import CHANNELS_ATTRIBUTE
from earthwire.traces.files.jsonl import read_jsonl

PROGRAM = str(Path(sys.executable).with_name("earthwire"))
BOUND_S = 60
PROSE = "Please find the purchase of water for the people of the city and help the account."
SERVER = f"""
import json, sys
TOOL = {{"name": "get", "inputSchema": {{"type": "object", "required": ["city"]}}}}
for line in sys.stdin:
    message = json.loads(line)
    result = {{"tools": [TOOL]}}
    if message["method"] == "tools/call":
        text = {PROSE!r} if message["params"]["name"] == "get" else "who?"
        result = {{"content": [{{"type": "text", "text": text}}], "n": 1.50}}
    print(json.dumps({{"jsonrpc": "2.0", "id": message["id"], "result": result}}), flush=True)
"""
RECIPE = """\
earthwire_recipe: 1
mcp: {s: {command: COMMAND}}
channels:
  observation: {typos: {rate: 0.5}}
  action: {decoys: {count: 2, answer: ANSWER}}
  shield: {}
"""


class Host:
    """A host that asks one question at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._id = 0

    def ask(self, method: str, **params: object) -> dict[str, Any]:
        self._id += 1
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        message = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert answer["id"] == self._id
        return answer

    def leave(self) -> None:
        """Close the pipes and wait for the end of the server."""
        if self._process.poll() is None:
            self._process.communicate(timeout=BOUND_S)

    def decoy(self) -> str:
        return next(t["name"] for t in self.ask("tools/list")["result"]["tools"] if t["name"] != "get")


@pytest.fixture(params=["refuse", "forward"])
def host(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Host]:
    server = tmp_path / "server.py"
    server.write_text(SERVER)
    recipe = tmp_path / "recipe.yaml"
    command = json.dumps([sys.executable, str(server)])
    recipe.write_text(RECIPE.replace("COMMAND", command).replace("ANSWER", request.param))
    arguments = [PROGRAM, "mcp", "wrap", "--recipe", str(recipe), "--record", str(tmp_path / "r.jsonl")]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    host = Host(process)
    yield host
    host.leave()


def notes(folder: Path) -> list[dict[str, int]]:
    return [
        json.loads(one.attributes or "{}").get(CHANNELS_ATTRIBUTE, {})
        for one in read_jsonl(folder / "r.jsonl")
    ]


def test_lists_are_crowded_texts_noisy_and_bad_calls_stopped(host: Host, tmp_path: Path) -> None:
    listed = host.ask("tools/list")["result"]
    assert len(listed["tools"]) == 3
    assert listed["ttlMs"] == 0
    answer = host.ask("tools/call", name="get", arguments={"city": "Rome"})["result"]
    assert answer["content"][0]["text"] != PROSE
    assert len(answer["content"][0]["text"].split()) == len(PROSE.split())
    refused = host.ask("tools/call", name="get", arguments={})["result"]
    assert refused["isError"] is True
    assert "city" in refused["content"][0]["text"]


def test_a_call_to_a_decoy_is_refused_or_reaches_the_real_tool_and_is_noted(
    host: Host, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    answer = host.ask("tools/call", name=host.decoy(), arguments={"city": "Rome"})["result"]
    text = answer["content"][0]["text"]
    if request.node.callspec.params["host"] == "refuse":
        assert "not enabled" in text
    else:
        assert text != "who?"
        assert len(text.split()) == len(PROSE.split())
    host.ask("tools/call", name="get", arguments={})
    host.leave()
    found = notes(tmp_path)
    assert found[0] == {"decoys_listed": 2}
    assert found[1]["decoys_called"] == 1
    assert found[2] == {"shield_arguments": 1}
