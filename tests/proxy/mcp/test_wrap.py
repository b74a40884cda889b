"""A wrapped stdio server, as a host runs it: a process with pipes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from earthwire.config.profile_file import profile_text
from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
from earthwire.fault_models.laws.outcome import START, OutcomeCounts
from earthwire.fault_models.profile import ErrorResponse, Profile, ToolLaws
from earthwire.proxy.mcp.reply import read_reply
from earthwire.traces.files.jsonl import read_jsonl

PROGRAM = str(Path(sys.executable).with_name("earthwire"))
BOUND_S = 60
MANY = 10**7
SERVER = """
import json, os, sys
print("a log of the server", file=sys.stderr, flush=True)
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    text = json.dumps({"method": message["method"], "variable": os.environ.get("OF_THE_HOST"), "n": 1.5})
    result = {"content": [{"type": "text", "text": text}]}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
sys.exit(5)
"""


def request(request_id, method="tools/call", **params):
    return json.dumps(
        {"jsonrpc": "2.0", "id": request_id, "method": method, "params": {"name": "get", **params}}
    )


@pytest.fixture
def server(tmp_path):
    path = tmp_path / "server.py"
    path.write_text(SERVER)
    return [sys.executable, str(path)]


def profile(tmp_path, kind, latency_s=0.0, response=None):
    table = {name: LatencyTable(1, (latency_s,) * len(LEVELS)) for name in ("ok", kind)} if latency_s else {}
    laws = ToolLaws(
        1,
        1,
        OutcomeCounts({START: {kind: MANY}, kind: {kind: MANY}}),
        table,
        responses={} if response is None else {kind: (ErrorResponse(1, 200, None, response),)},
    )
    path = tmp_path / "profile.yaml"
    path.write_text(profile_text(Profile({"s/get": laws}, ToolLaws(0, 0, OutcomeCounts({}), {}))), "utf-8")
    return path


def wrapped(server, *options, record=None):
    recording = [] if record is None else ["--record", str(record)]
    return [PROGRAM, "mcp", "wrap", "--name", "s", *map(str, options), *recording, "--", *server]


def talk(command, *lines, **options):
    """Run a wrapped server, give it lines, close its input, and wait for its end."""
    sent = "".join(line + "\n" for line in lines).encode()
    return subprocess.run(command, input=sent, capture_output=True, timeout=BOUND_S, check=False, **options)


def messages(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_without_a_profile_all_passes_and_the_status_is_the_servers(server, tmp_path):
    record = tmp_path / "r.jsonl"
    lines = [request(1, "initialize"), '{"jsonrpc":"2.0","method":"notifications/initialized"}', request("a")]
    result = talk(wrapped(server, record=record), *lines, env={**os.environ, "OF_THE_HOST": "kept"})
    assert result.returncode == 5
    assert [message["id"] for message in messages(result)] == [1, "a"]
    assert json.loads(messages(result)[1]["result"]["content"][0]["text"])["variable"] == "kept"
    assert b"a log of the server" in result.stderr
    assert [one.tool for one in read_jsonl(record)] == ["s/initialize", "s/get"]


def test_each_run_of_a_server_is_a_session_of_its_own(server, tmp_path):
    """All runs were one session, from which nothing can be learned of what the calls of a run share."""
    record = tmp_path / "r.jsonl"
    for options in ((), (), ("--episode", "e1"), ("--episode", "e1")):
        talk(wrapped(server, *options, record=record), request(1), request(2))
    calls = list(read_jsonl(record))
    assert [call.episode for call in calls] == ["default"] * 4 + ["e1"] * 4
    sessions = [call.session_id for call in calls]
    assert sessions[4:] == ["e1"] * 4
    assert sessions[0] == sessions[1] != sessions[2] == sessions[3]


def test_a_tool_error_is_ours_and_the_server_never_sees_the_call(server, tmp_path):
    record = tmp_path / "r.jsonl"
    path = profile(tmp_path, "tool_error", response="INTERNAL_ERROR")
    result = talk(wrapped(server, "-p", path, record=record), request(1, "initialize"), request(7))
    initialized, failed = sorted(messages(result), key=lambda message: message["id"])
    assert initialized["result"]["content"]
    assert failed["result"] == {"content": [{"type": "text", "text": "INTERNAL_ERROR"}], "isError": True}
    last = list(read_jsonl(record))[-1]
    one = next(one for one in read_jsonl(record) if one.tool == "s/get")
    assert (one.outcome, one.origin, one.error_message) == ("tool_error", "injected", "INTERNAL_ERROR")
    assert last.seed == 0


def test_an_answer_leaves_when_it_is_due(server, tmp_path):
    record = tmp_path / "r.jsonl"
    path = profile(tmp_path, "ok", latency_s=0.5)
    talk(wrapped(server, "-p", path, record=record), request(1))
    one = next(read_jsonl(record))
    assert one.duration_ns >= 500_000_000
    assert one.lateness_ns >= 0


def test_a_status_surfaces_in_the_tool_since_there_is_no_http_here(server, tmp_path):
    path = profile(tmp_path, "http_5xx:503")
    result = talk(wrapped(server, "-p", path, "--layers", "tool,http"), request(1))
    assert "503" in messages(result)[0]["result"]["content"][0]["text"]


def test_a_cut_line_ends_the_server_in_the_middle_of_it(server, tmp_path):
    path = profile(tmp_path, "malformed:truncated")
    record = tmp_path / "r.jsonl"
    result = talk(wrapped(server, "-p", path, "--layers", "transport", record=record), request(1))
    assert result.returncode == 1
    assert result.stdout == b"" or not result.stdout.endswith(b"\n")
    one = next(read_jsonl(record))
    assert (one.outcome, one.origin) == ("conn_error", "injected")


def test_a_reset_ends_the_server_without_a_word(server, tmp_path):
    path = profile(tmp_path, "conn_error")
    result = talk(wrapped(server, "-p", path, "--layers", "transport"), request(1))
    assert (result.returncode, result.stdout) == (1, b"")


def test_garbage_is_a_line_that_is_no_message(server, tmp_path):
    path = profile(tmp_path, "malformed:invalid_json")
    result = talk(wrapped(server, "-p", path, "--layers", "transport"), request(1))
    line = result.stdout
    assert line.count(b"\n") == 1
    assert read_reply(line) is None


def test_silence_is_silence_until_the_end_and_recorded_as_cut_off(server, tmp_path):
    record = tmp_path / "r.jsonl"
    path = profile(tmp_path, "timeout")
    result = talk(wrapped(server, "-p", path, "--layers", "transport", record=record), request(1))
    assert result.stdout == b""
    one = next(read_jsonl(record))
    assert (one.outcome, one.latency_censoring) == ("timeout", "right")


def test_on_a_virtual_clock_nothing_is_waited_for_and_patience_ends_calls(server, tmp_path):
    recipe, record = tmp_path / "recipe.yaml", tmp_path / "r.jsonl"
    profile(tmp_path, "ok", latency_s=40.0)
    common = (
        "earthwire_recipe: 1\nprofile: profile.yaml\nclock: {mode: virtual}\nmcp: {s: {command: [unused]}}\n"
    )
    texts = []
    for patience in ("", "client_timeout_s: 30\n"):
        recipe.write_text(common + patience)
        result = talk(wrapped(server, "--recipe", recipe, record=record), request(1))
        texts.append(messages(result)[0]["result"]["content"][0]["text"])
    assert '"n": 1.5' in texts[0]
    assert texts[1] == "Request timed out"
    first, second = read_jsonl(record)
    assert (first.duration_ns, second.duration_ns) == (40_000_000_000, 30_000_000_000)
    assert first.plan_digest == second.plan_digest


def test_the_same_seed_gives_the_same_plans_and_another_one_others(server, tmp_path):
    kinds = {"ok": 5, "tool_error": 3, "rpc_error:-32603": 2}
    after = dict.fromkeys((START, *kinds), kinds)
    laws = ToolLaws(10, 1, OutcomeCounts(after), {})
    path = tmp_path / "profile.yaml"
    path.write_text(profile_text(Profile({"s/get": laws}, ToolLaws(0, 0, OutcomeCounts({}), {}))), "utf-8")
    digests = []
    for seed in (1, 1, 2):
        record = tmp_path / f"{len(digests)}.jsonl"
        talk(wrapped(server, "-p", path, "--seed", seed, record=record), *map(request, range(20)))
        found = {one.call_index: one.plan_digest for one in read_jsonl(record)}
        assert sorted(found) == list(range(20))
        digests.append(found)
    assert digests[0] == digests[1] != digests[2]


def test_a_term_signal_reaches_the_server(server):
    process = subprocess.Popen(
        wrapped([sys.executable, "-c", "import signal, sys\nprint('{}', flush=True)\nsignal.pause()"]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"{}\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(BOUND_S) == 128 + signal.SIGTERM
    process.stdin.close()
    process.stdout.close()


def test_a_command_that_is_not_there_is_one_error(tmp_path):
    result = talk(wrapped([str(tmp_path / "absent")]))
    assert result.returncode == 127
    assert result.stdout == b""
    assert b"cannot start" in result.stderr


def test_what_the_server_says_by_itself_passes_at_once(server, tmp_path):
    path = profile(tmp_path, "ok", latency_s=30.0)
    process = subprocess.Popen(
        wrapped(
            [sys.executable, "-c", 'print(\'{"jsonrpc":"2.0","method":"n"}\', flush=True); input()'],
            "-p",
            path,
        ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert json.loads(process.stdout.readline()) == {"jsonrpc": "2.0", "method": "n"}
    process.stdin.close()
    process.stdout.close()
    process.wait(BOUND_S)
