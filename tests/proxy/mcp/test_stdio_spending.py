"""Prices and budgets between a host and a wrapped stdio server: processes and pipes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from earthwire.config.profile_file import profile_text
from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
from earthwire.fault_models.laws.outcome import START, OutcomeCounts
from earthwire.fault_models.profile import Profile, ToolLaws
from earthwire.traces.files.jsonl import read_jsonl

PROGRAM = str(Path(sys.executable).with_name("earthwire"))
BOUND_S = 60
LATENCY_S = 40.0
MANY = 10**7
SERVER = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        result = {"content": [{"type": "text", "text": "done"}]}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""


@pytest.fixture
def wrapped(tmp_path):
    """Wraps the server with a recipe."""
    server = tmp_path / "server.py"
    server.write_text(SERVER)

    def command(recipe: str, *options: str) -> list[str]:
        path = tmp_path / "recipe.yaml"
        path.write_text(
            f"earthwire_recipe: 1\nmcp: {{s: {{command: [{sys.executable}, {server}]}}}}\n{recipe}"
        )
        return [PROGRAM, "mcp", "wrap", "--recipe", str(path), *options]

    return command


@pytest.fixture
def slow_profile(tmp_path) -> Path:
    """A profile whose calls all take `LATENCY_S`."""
    table = {"ok": LatencyTable(1, (LATENCY_S,) * len(LEVELS))}
    laws = ToolLaws(1, 1, OutcomeCounts({START: {"ok": MANY}, "ok": {"ok": MANY}}), table)
    path = tmp_path / "profile.yaml"
    path.write_text(profile_text(Profile({"s/get": laws}, ToolLaws(0, 0, OutcomeCounts({}), {}))), "utf-8")
    return path


class Host:
    """Asks one question at a time."""

    def __init__(self, command: list[str]) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self._id = 0

    def ask(self, method: str = "tools/call", **params: object) -> dict[str, Any]:
        self._id += 1
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        params = {"name": "get", "arguments": {}, **params} if method == "tools/call" else params
        message = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert answer["id"] == self._id
        return answer

    def leave(self) -> list[str]:
        """Return what was said on standard error; nothing more may be on standard output."""
        output, said = self._process.communicate(timeout=BOUND_S)
        assert (output, self._process.returncode) == ("", 0)
        return said.splitlines()


def is_error(answer: dict[str, Any]) -> bool:
    return bool(answer["result"].get("isError", False))


def test_a_spent_budget_refuses_tools_and_never_the_session(wrapped, tmp_path) -> None:
    record = tmp_path / "r.jsonl"
    host = Host(wrapped("budget: {calls_max: 3}\n", "--record", str(record)))
    host.ask("initialize")
    found = [is_error(host.ask()) for _ in range(4)]
    listed = host.ask("tools/list")
    refused = host.ask()
    said = host.leave()
    # `initialize` counts, too.
    assert found == [False, False, True, True]
    assert "result" in listed
    assert not is_error(listed)
    assert "429" in refused["result"]["content"][0]["text"]
    assert said == ["default: 0 cost; R' = 0 = 0; the budget of calls is spent, 3 calls were refused"]
    last = list(read_jsonl(record))[-1]
    assert (last.plan_outcome, last.origin) == ("http_4xx:429", "injected")
    assert '"earthwire.budget_spent":"calls"' in (last.attributes or "")


def test_calls_cost_what_the_recipe_says_and_each_episode_pays_for_itself(wrapped) -> None:
    host = Host(wrapped("costs: {per_call: 0.5, unit: USD}\nbudget: {cost_max: 1.0}\n"))
    first = [is_error(host.ask()) for _ in range(3)]
    other = is_error(host.ask(_meta={"earthwire/episode": "other"}))
    said = host.leave()
    assert first == [False, False, True]
    assert other is False
    assert said == [
        "default: 1 USD; R' = 0 - 1 calls = -1; the budget of cost is spent, 1 calls were refused",
        "other: 0.5 USD; R' = 0 - 0.5 calls = -0.5",
    ]


def test_without_prices_and_budget_nothing_is_said(wrapped) -> None:
    host = Host(wrapped(""))
    assert not is_error(host.ask())
    assert host.leave() == []


def test_virtual_time_is_paid_for_though_nobody_waits(wrapped, slow_profile, tmp_path) -> None:
    record = tmp_path / "r.jsonl"
    recipe = (
        f"profile: {slow_profile}\nclock: {{mode: virtual}}\nbudget: {{latency_s_max: {2 * LATENCY_S}}}\n"
    )
    host = Host(wrapped(recipe, "--record", str(record)))
    found = [is_error(host.ask()) for _ in range(3)]
    host.leave()
    assert found == [False, False, True]
    records = list(read_jsonl(record))
    assert [one.duration_ns for one in records] == [int(LATENCY_S * 1e9)] * 2 + [0]
    assert all('"earthwire.clock":"virtual"' in (one.attributes or "") for one in records)
    assert all(one.lateness_ns is None for one in records)


def test_on_a_scaled_clock_records_hold_simulated_seconds(wrapped, slow_profile, tmp_path) -> None:
    record = tmp_path / "r.jsonl"
    recipe = f"profile: {slow_profile}\nclock: {{mode: scaled, speed: 400}}\n"
    host = Host(wrapped(recipe, "--record", str(record)))
    host.ask()
    host.leave()
    one = next(read_jsonl(record))
    assert one.duration_ns >= LATENCY_S * 1e9
    assert one.lateness_ns == one.duration_ns - int(LATENCY_S * 1e9)
    assert '"earthwire.speed":400.0' in (one.attributes or "")
