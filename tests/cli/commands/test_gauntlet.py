"""``earthwire gauntlet`` as users run it: exit codes, what is printed, and how a row is seen again."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from earthwire.fault_models.runs.gauntlet import GAUNTLET
from tests.tool_servers import ToolHandler, serving

TIMEOUT_S = 60.0
ONCE = """
import json, sys, urllib.request
json.loads(urllib.request.urlopen(sys.argv[1] + "/items", timeout=3).read())["items"]
"""
CAREFUL = """
import sys, time, urllib.request
for wait_s in (0.1, 0.3, None):
    try:
        urllib.request.urlopen(sys.argv[1] + "/items", timeout=3).read()
        sys.exit(0)
    except OSError:
        if wait_s is None:
            sys.exit(1)
        time.sleep(wait_s)
"""
CALLS_MCP = """
import json, sys, urllib.request
asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get", "arguments": {}}}
request = urllib.request.Request(sys.argv[1], json.dumps(asked).encode(), {"Content-Type": "application/json"})
with urllib.request.urlopen(request, timeout=5) as response:
    result = json.loads(response.read())["result"]
sys.exit(1 if result.get("isError") else 0)
"""


class McpServer(ToolHandler):
    def answer(self, asked: bytes) -> None:
        result = {"content": [{"type": "text", "text": "{}"}]}
        self.send(
            json.dumps({"jsonrpc": "2.0", "id": json.loads(asked).get("id"), "result": result}).encode()
        )


@pytest.fixture
def mcp_url() -> Iterator[str]:
    with serving(McpServer) as url:
        yield f"{url}/mcp"


def gauntlet(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", "from earthwire.cli.main import main; main()", "gauntlet", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


def client(folder: Path, code: str) -> list[str]:
    """Write a client; return its command."""
    path = folder / "a client.py"
    path.write_text(code, "utf-8")
    return ["--", sys.executable, str(path), "{url}"]


def test_a_client_that_survives_ends_with_0(tmp_path: Path) -> None:
    result = gauntlet("--only", "unavailable", *client(tmp_path, CAREFUL))
    assert (result.returncode, "recovered" in result.stdout) == (0, True), result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_a_bad_fate_ends_with_1_and_says_how_to_see_it_again(tmp_path: Path) -> None:
    command = client(tmp_path, ONCE)
    first = gauntlet("--only", "reset", *command)
    assert first.returncode == 1
    _, _, again = first.stderr.strip().partition("its bytes: ")
    second = gauntlet(*shlex.split(again)[2:])
    assert second.returncode == 1
    assert "reset: b'', then" in second.stdout


def test_json_holds_the_bytes_and_a_command_for_each_row(tmp_path: Path) -> None:
    result = gauntlet("--only", "rate-limit", "--json", *client(tmp_path, CAREFUL))
    document = json.loads(result.stdout)
    [row] = document if isinstance(document, list) else document["faults"]
    assert row["bytes"].startswith("HTTP/1.1 429 ")
    assert row["tries"] == 3
    assert json.loads(gauntlet("--json", *shlex.split(row["again"])[2:]).stdout)


def test_a_client_that_calls_nothing_ends_with_3(tmp_path: Path) -> None:
    result = gauntlet("--only", "reset", *client(tmp_path, "pass"))
    assert result.returncode == 3
    assert "called no tool: does its command hold {url}" in result.stderr


def test_a_client_that_fails_before_it_calls_is_quoted(tmp_path: Path) -> None:
    """It had crashed, and nobody knew why."""
    result = gauntlet("--only", "reset", *client(tmp_path, "import sys; raise RuntimeError('no {ulr}')"))
    assert "called no tool: " in result.stderr
    assert "it said: RuntimeError: no {ulr}" in result.stderr


def test_an_mcp_client_meets_faults_in_front_of_its_own_server(mcp_url: str, tmp_path: Path) -> None:
    result = gauntlet("--mcp", mcp_url, "--only", "server-error", "--json", *client(tmp_path, CALLS_MCP))
    document = json.loads(result.stdout)
    [row] = document if isinstance(document, list) else document["faults"]
    assert row["fate"] in ("gave up", "crashed"), result.stdout
    assert mcp_url in row["again"]


def test_over_mcp_the_bytes_shown_are_those_that_the_client_got(mcp_url: str, tmp_path: Path) -> None:
    faults = ("server-error", "reset", "closed", "hang")
    chosen = [word for name in faults for word in ("--only", name)]
    result = gauntlet("--mcp", mcp_url, *chosen, "--limit", "3", "--json", *client(tmp_path, CALLS_MCP))
    rows = {row["fault"]: row for row in json.loads(result.stdout)["faults"]}
    assert rows["server-error"]["bytes"].startswith("HTTP/1.1 500 ")
    assert {name: rows[name]["ending"] for name in faults} == {
        "server-error": "closed",
        "reset": "reset",
        "closed": "closed",
        "hang": "silence",
    }
    assert rows["reset"]["bytes"] == rows["hang"]["bytes"] == ""


def test_all_faults_are_listed() -> None:
    result = gauntlet("--list")
    assert result.returncode == 0
    assert all(name in result.stdout for name in GAUNTLET)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give the client's command after --"),
        (("--only", "storm", "--", "true"), "there is no fault 'storm'; there is slow,"),
        (("--only", "reset", "--", "no-such-program"), "no-such-program: No such file or directory"),
        (("--url", "ftp://x", "--", "true"), "ftp://x"),
        (("--", "true", "{base}"), "true '{base}': nothing is put into {base}; {url} can be filled"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(arguments: tuple[str, ...], message: str) -> None:
    result = gauntlet(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
