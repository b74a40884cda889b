"""The proxy as a process, over real sockets."""

import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from earthwire.traces import JsonlWriter, TraceRecord, read_traces
from tests.tool_servers import ToolHandler, serving

Run = Callable[..., subprocess.CompletedProcess[str]]

END_TIMEOUT_S = 30.0
ANSWER = b'{"state": "ready"}'
CALLS = 30


class Tool(ToolHandler):
    """Answers at once with the path that it saw, and never fails."""

    def answer(self, asked: bytes) -> None:
        self.send(ANSWER, {"X-Path": self.path})


@pytest.fixture(scope="module")
def tool_url() -> Iterator[str]:
    with serving(Tool) as url:
        yield url


@contextlib.contextmanager
def earthwire(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    """Start a serving command; give the process, the line it printed and its port. SIGTERM ends it."""
    command = [sys.executable, "-c", "from earthwire.cli.main import main; main()", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+) ", line)
        if found is None:
            process.kill()
            pytest.fail(f"did not start: {line}{process.communicate(timeout=END_TIMEOUT_S)[1]}")
        yield process, line, int(found[1])
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise


def ask(port: int, path: str) -> tuple[int, bytes, str | None]:
    """Return status, body and the path that the tool saw."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=END_TIMEOUT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(), response.headers.get("X-Path")
    finally:
        connection.close()


def plans(records: list[TraceRecord]) -> list[str | None]:
    return [record.plan_digest for record in sorted(records, key=lambda record: record.call_index or 0)]


def serve_and_ask(
    profile: Path, tool_url: str, path: Path, prefix: str, *options: object
) -> list[TraceRecord]:
    arguments = ("--profile", profile, "-u", tool_url, "--port", "0", "--seed", "7", "--record", path)
    with earthwire("serve", *arguments, *options) as (process, _, port):
        for _ in range(CALLS):
            ask(port, f"{prefix}/v1/search")
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_TIMEOUT_S) == 0
    return list(read_traces(path))


def test_calls_are_answered_recorded_and_ended_by_sigterm(
    profile: Path, tool_url: str, tmp_path: Path
) -> None:
    records = serve_and_ask(profile, tool_url, tmp_path / "one.jsonl", "/e/run-1")
    assert len(records) == CALLS
    assert {record.tool for record in records} == {"GET api.example/v1/search"}
    assert {record.episode for record in records} == {"run-1"}
    assert {record.seed for record in records} == {7}
    assert sorted(record.call_index or 0 for record in records) == list(range(CALLS))
    assert all((record.lateness_ns or 0) >= 0 for record in records if record.plan_outcome == "ok")


def test_the_same_seed_gives_the_same_plans_and_another_episode_gives_others(
    profile: Path, tool_url: str, tmp_path: Path
) -> None:
    first = plans(serve_and_ask(profile, tool_url, tmp_path / "one.jsonl", "/e/run-1"))
    again = plans(serve_and_ask(profile, tool_url, tmp_path / "two.jsonl", "/e/run-1"))
    other = plans(serve_and_ask(profile, tool_url, tmp_path / "three.jsonl", "/e/run-2"))
    assert None not in first
    assert first == again
    assert first != other


def test_severity_is_served_and_recorded(profile: Path, tool_url: str, tmp_path: Path) -> None:
    usual = serve_and_ask(profile, tool_url, tmp_path / "one.jsonl", "/e/run-1")
    clean = serve_and_ask(profile, tool_url, tmp_path / "two.jsonl", "/e/run-1", "--severity", "0")
    assert {record.attributes for record in usual} == {None}
    assert {record.attributes for record in clean} == {'{"earthwire.severity":0.0}'}
    assert {record.plan_outcome for record in clean} == {"ok"}
    assert max(record.plan_last_byte_ns or 0 for record in clean) <= min(
        record.plan_last_byte_ns or 0 for record in usual
    )


def test_a_severity_out_of_range_is_named_with_its_range(profile: Path, tool_url: str, run: Run) -> None:
    result = run("serve", "-p", profile, "-u", tool_url, "--severity", "9")
    assert result.returncode == 2
    assert "--severity: 9.0 is not in [0, 8]" in result.stderr


def test_without_a_profile_calls_pass_through_and_the_prefix_is_taken_off(tool_url: str) -> None:
    with earthwire("serve", "-u", tool_url, "--port", "0") as (_, line, port):
        assert line.endswith("(calls pass through)\n")
        assert ask(port, "/a?b=c") == (200, ANSWER, "/a?b=c")
        assert ask(port, "/e/run-1/a?b=c") == (200, ANSWER, "/a?b=c")


def test_named_upstreams_are_reached_under_their_names(tool_url: str) -> None:
    with earthwire("serve", "-u", f"one={tool_url}", "-u", f"two={tool_url}/base", "--port", "0") as (
        _,
        _,
        port,
    ):
        assert ask(port, "/t/one/a")[2] == "/a"
        assert ask(port, "/e/run-1/t/two/a")[2] == "/base/a"
        assert ask(port, "/a")[0] == 404


def test_the_printed_line_names_profile_and_seed(profile: Path, tool_url: str) -> None:
    with earthwire("serve", "-p", profile, "-u", tool_url, "--port", "0", "--seed", "7") as (_, line, _):
        assert re.search(r"\(profile [0-9a-f]{16}, seed 7\)$", line.strip())


def test_options_win_over_the_recipe(profile: Path, tool_url: str, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"earthwire_recipe: 1\nprofile: {profile}\nseed: 3\nroutes: {{tool: {{upstream: '{tool_url}'}}}}\n"
        "listen: {port: 0}\nrecord: {path: simulated.jsonl}\n"
    )
    with earthwire("serve", recipe, "--seed", "9") as (process, line, port):
        assert "seed 9" in line
        ask(port, "/v1/search")
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_TIMEOUT_S) == 0
    assert [record.seed for record in read_traces(tmp_path / "simulated.jsonl")] == [9]


def test_record_writes_what_calibrate_reads(tool_url: str, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "traces.jsonl"
    with earthwire("record", "-u", tool_url, "-o", path, "--port", "0") as (process, _, port):
        for _ in range(CALLS):
            assert ask(port, "/e/run-1/v1/search")[1] == ANSWER
        process.send_signal(signal.SIGINT)
        assert process.wait(END_TIMEOUT_S) == 0
        assert process.stderr is not None
        assert f"{CALLS} calls recorded in {path}; next: earthwire calibrate {path}" in process.stderr.read()
    assert [record.outcome for record in read_traces(path)] == ["ok"] * CALLS
    with earthwire("record", "-u", tool_url, "-o", path, "--bodies", "--port", "0") as (process, _, port):
        ask(port, "/e/run-1/v1/search")
        process.send_signal(signal.SIGINT)
        process.wait(END_TIMEOUT_S)
        assert "1 calls recorded in" in process.stderr.read(), "those of this time alone"
    with earthwire("serve", "--replay", path, "--port", "0") as (_, line, port):
        assert line.endswith("(recordings answer)\n")
        assert ask(port, "/v1/search")[1] == ANSWER
    result = run("calibrate", path, "-o", tmp_path / "p.yaml", "--json")
    assert json.loads(result.stdout)["calls"] == CALLS + 1


def test_a_port_in_use_is_one_error(tool_url: str, run_process: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run_process("serve", "-u", tool_url, "--port", port)
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: port {port} on 127.0.0.1 is in use; choose another with --port")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "error: nothing to answer with: give --upstream URL, --mcp NAME=URL or --replay TRACES"),
        (("-u", "URL", "--host", "0.0.0.0"), "0.0.0.0 can be reached from other machines"),
        (("-u", "URL", "--host", "tools.example"), "tools.example can be reached from other machines"),
        (("-u", "URL", "-p", "absent.yaml"), "error: absent.yaml: cannot be read: No such file or directory"),
        (("-u", "URL", "-p", "bad.yaml"), "error: bad.yaml:2:1: tool: unknown key; did you mean `tools`?"),
        (("absent.yaml",), "error: absent.yaml: cannot be read: No such file or directory"),
        (("bad.yaml",), "error: bad.yaml: is a profile, not a recipe"),
        (("-u", "ftp://127.0.0.1"), "'ftp://127.0.0.1'"),
        (("-u", "http://"), "'http://'"),
        (("-u", "http://127.0.0.1:99999"), "'http://127.0.0.1:99999'"),
        (("-u", "my tool=URL"), "'my tool'"),
        (("-u", "URL", "--record", "absent/r.jsonl"), "error: absent/r.jsonl: cannot be written"),
        (("-u", "URL", "--record", "bad.yaml"), "error: bad.yaml:1: no header"),
        (("-u", "URL", "--seed", str(2**64)), f"seed: {2**64}"),
    ],
)
def test_what_cannot_be_served_is_exit_code_2_and_no_stack_trace(
    tool_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Run,
    arguments: tuple[str, ...],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text("earthwire_profile: 1\ntool: {}\n")
    given = (argument.replace("URL", tool_url) for argument in arguments)
    result = run("serve", *given, "--port", "0")
    assert result.returncode == 2
    assert expected in result.stderr
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments", [("--port", "65536"), ("--port", "x"), ("--on-miss", "guess"), ("--nope",)]
)
def test_options_that_do_not_exist_or_fit_are_exit_code_2(run: Run, arguments: tuple[str, ...]) -> None:
    result = run("serve", *arguments)
    assert result.returncode == 2
    assert "Error: " in result.stderr
    assert arguments[0] in result.stderr


def test_an_upstream_that_does_not_answer_yet_is_a_warning_and_a_502() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with earthwire("serve", "-u", f"http://127.0.0.1:{port}", "--port", "0") as (process, _, own):
        assert ask(own, "/")[0] == 502
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_TIMEOUT_S) == 0
        assert process.stderr is not None
        assert "does not answer yet" in process.stderr.read()


def test_grounding_is_served(profile: Path, tool_url: str, tmp_path: Path) -> None:
    records = serve_and_ask(profile, tool_url, tmp_path / "one.jsonl", "/e/run-1", "--ground")
    noted = [record for record in records if record.attributes and "recorded_law_s" in record.attributes]
    assert 0 < len(noted) < CALLS


def test_the_regime_clock_is_served_and_recorded(profile: Path, tool_url: str, tmp_path: Path) -> None:
    records = serve_and_ask(profile, tool_url, tmp_path / "one.jsonl", "/e/run-1", "--regime-clock", "time")
    assert {record.attributes for record in records} == {'{"earthwire.regime_clock":"time"}'}


def test_a_recording_of_the_upstream_grounds_the_first_call_and_tells_what_is_too_slow(
    profile: Path, tool_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "upstream.jsonl"
    with JsonlWriter(path) as writer:
        for seq in range(200):
            writer.write(
                TraceRecord(tool="GET a.example/v1/search", seq=seq, duration_ns=10**8, outcome="ok")
            )
    options = ("-p", profile, "-u", tool_url, "--port", "0", "--ground", "--upstream-recording", path)
    record = tmp_path / "served.jsonl"
    with earthwire("serve", *options, "--record", record) as (process, _, port):
        for _ in range(3):
            ask(port, "/v1/search")
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_TIMEOUT_S) == 0
        assert process.stderr is not None
        told = process.stderr.read()
    assert "GET api.example/v1/search: the upstream is too slow for 9" in told
    ok = [one for one in read_traces(record) if one.plan_outcome == "ok"]
    assert ok
    assert all("earthwire.infeasible_share" in (one.attributes or "") for one in ok)


def test_a_recording_of_the_upstream_goes_with_ground(profile: Path, tool_url: str, run: Run) -> None:
    result = run("serve", "-p", profile, "-u", tool_url, "--upstream-recording", "x.jsonl")
    assert result.returncode == 2
    assert (
        "--upstream-recording says what an upstream takes by itself; it goes with --ground" in result.stderr
    )


def test_client_errors_can_be_left_to_the_upstream(profile: Path, tool_url: str, tmp_path: Path) -> None:
    records = serve_and_ask(profile, tool_url, tmp_path / "one.jsonl", "/e/run-1", "--pass-client-errors")
    assert {record.attributes for record in records} == {'{"earthwire.pass_client_errors":true}'}
