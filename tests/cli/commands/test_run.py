"""`earthwire run`: a real agent process among simulated tools."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from earthwire.traces import read_traces
from foreign.forward_environment import forward_python
from tests.tool_servers import serving

RUN_TIMEOUT_S = 120.0
EARTHWIRE = (sys.executable, "-c", "from earthwire.cli.main import main; main()")
AGENT = """
import os, sys, urllib.error, urllib.request
for _ in range(int(sys.argv[1])):
    try:
        urllib.request.urlopen(os.environ["TOOL_URL"] + "/search", timeout=10).read()
    except (urllib.error.URLError, OSError) as error:
        print(error)
sys.exit(int(sys.argv[2]))
"""


@pytest.fixture
def tool() -> Iterator[str]:
    with serving() as url:
        yield url


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*EARTHWIRE, "run", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False)


def search_recipe(folder: Path, tool: str, more: str = "") -> Path:
    path = folder / "tools.yaml"
    path.write_text(
        f"earthwire_recipe: 1\nroutes: {{search: {{upstream: '{tool}'}}}}\n{more}"
        "run: {environment: {TOOL_URL: '{base}/t/search'}}\n",
        encoding="utf-8",
    )
    return path


def test_the_agent_meets_simulated_tools_and_its_exit_code_is_passed_on(tool: str, tmp_path: Path):
    record = tmp_path / "met.jsonl"
    result = run(
        "--profile", "six-faults", "--upstream", tool, "--env", "TOOL_URL={base}", "--record", record,
        "--", sys.executable, "-c", AGENT, 20, 7,
    )  # fmt: skip
    assert result.returncode == 7, result.stderr
    assert "what the agent met" in result.stderr
    assert len(list(read_traces(record))) == 20


def test_json_is_all_of_standard_output_and_the_agents_own_goes_to_standard_error(tool: str, tmp_path: Path):
    recipe = search_recipe(tmp_path, tool, "profile: six-faults\nseverity: 3\n")
    talking = AGENT.replace("sys.exit", "print('the agent says this'); sys.exit")
    result = run("--recipe", recipe, "--json", "--", sys.executable, "-c", talking, 20, 7)
    assert result.returncode == 7, result.stderr
    report = json.loads(result.stdout)
    assert "the agent says this" in result.stderr
    assert (report["exit_code"], report["calls"]) == (7, 20)
    (met,) = report["tools"].values()
    assert met["calls"] == 20
    assert sum(met["faults"].values()) == report["faults"] > 0
    assert 0.0 < met["p50_s"] <= met["slowest_s"]
    assert report["retries"]["logical_calls"] + report["retries"]["retries"] == 20


def test_json_of_an_agent_that_calls_nothing_says_zero(tool: str):
    result = run("--upstream", tool, "--json", "--", sys.executable, "-c", "pass")
    expected = {"exit_code": 0, "calls": 0, "faults": 0, "tools": {}, "retries": None}
    assert json.loads(result.stdout) == expected


def test_a_recipe_names_the_variables(tool: str, tmp_path: Path):
    recipe = search_recipe(tmp_path, tool)
    result = run("--recipe", recipe, "--", sys.executable, "-c", AGENT, 3, 0)
    assert result.returncode == 0, result.stderr
    assert "3 attempts, 3 logical calls" in result.stderr


def test_the_recipe_s_own_record_is_kept(tool: str, tmp_path: Path):
    """It was recorded elsewhere and thrown away."""
    recipe = search_recipe(tmp_path, tool, "record: {path: met.jsonl}\n")
    for count in (2, 3):
        result = run("--recipe", recipe, "--record-bodies", "--", sys.executable, "-c", AGENT, count, 0)
        assert f"{count} attempts, {count} logical calls" in result.stderr, "those of this run alone"
    assert len(list(read_traces(tmp_path / "met.jsonl"))) == 5


def test_an_agent_that_calls_nothing_is_told_so(tool: str):
    result = run("--upstream", tool, "--", sys.executable, "-c", "pass")
    assert result.returncode == 0
    assert "made no call" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--", "true"), "nothing to simulate"),
        (("--upstream", "http://127.0.0.1:9", "--env", "X", "--", "true"), "NAME=VALUE"),
        (("--upstream", "http://127.0.0.1:9", "--env", "X={what}", "--", "true"), "{base}"),
        (("--upstream", "http://127.0.0.1:9", "--", "/no/such/agent"), "/no/such/agent"),
        (("--recipe", "no-such-recipe", "--", "true"), "no-such-recipe"),
    ],
)
def test_mistakes_are_named(arguments: tuple[str, ...], expected: str):
    result = run(*arguments)
    assert result.returncode == 2
    assert expected in result.stderr
    assert "Traceback" not in result.stderr


def test_ending_the_run_ends_the_agent_and_the_proxy(tool: str):
    command = [*EARTHWIRE, "run", "--upstream", tool, "--"]
    agent = [
        sys.executable,
        "-c",
        "import os, time; print(os.environ['EARTHWIRE_URL'], flush=True); time.sleep(60)",
    ]
    process = subprocess.Popen([*command, *agent], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("http://127.0.0.1:")
    started_s = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=RUN_TIMEOUT_S)
    assert process.returncode == 128 + signal.SIGTERM, errors
    assert time.monotonic() - started_s < 30


def test_a_forward_proxy_stands_in_front_of_intercepted_hosts(tool: str, tmp_path: Path):
    python = forward_python()
    record = tmp_path / "met.jsonl"
    code = (
        "import sys, requests\n"
        "session = requests.Session()\n"
        "for _ in range(12): print(session.get(sys.argv[1] + '/search', timeout=20).status_code)\n"
    )
    command = [
        python.with_name("earthwire"), "run", "--intercept", "localhost", "--profile", "six-faults",
        "--record", record, "--", python, "-c", code, tool.replace("127.0.0.1", "localhost"),
    ]  # fmt: skip
    result = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False,
        env={"XDG_DATA_HOME": str(tmp_path / "data"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert "what the agent met" in result.stderr, result.stderr
    assert len(list(read_traces(record))) >= 1, "the file that was named"
