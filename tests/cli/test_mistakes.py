"""Mistakes that users make: each is one sentence with a way out and exit code 2, and nothing is lost by it."""

import json
import os
import socket
from pathlib import Path

import pytest

UPSTREAM = "http://127.0.0.1:9"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(f"earthwire_recipe: 1\nroutes: {{tools: {{upstream: '{UPSTREAM}'}}}}\n")
    return path


def mistake(run, *arguments: object) -> str:
    """Run a command that must end as a mistake of the user; return the one line that it says."""
    result = run(*arguments)
    assert result.returncode == 2, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith(("error:", "Error:"))]
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_a_profile_in_the_place_of_a_recipe_is_one_sentence(run, profile: Path) -> None:
    """It was a page of unknown keys."""
    for command in (("serve",), ("recipes", "show"), ("stress", "--agent", "true", "--recipe")):
        assert f"{profile}: is a profile, not a recipe; give it with --profile" in mistake(
            run, *command, profile
        )


def test_a_recipe_in_the_place_of_a_profile_is_one_sentence(run, recipe: Path) -> None:
    for command in (("show",), ("serve", "-u", UPSTREAM, "--profile")):
        assert f"{recipe}: is a recipe, not a profile" in mistake(run, *command, recipe)


def test_traces_in_the_place_of_a_profile_are_one_sentence(run, few_traces: Path) -> None:
    assert f"`earthwire calibrate {few_traces} -o tools.yaml`" in mistake(run, "show", few_traces)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--seed", "9" * 20), f"--seed: {'9' * 20} is not in [-9223372036854775808, 9223372036854775807]"),
        (("--record-bodies",), "it goes with --record FILE"),
        (("--on-miss", "nearest"), "they go with --replay TRACES"),
        (("--timing", "recorded"), "they go with --replay TRACES"),
        (("-u", UPSTREAM), "have the same name; give each its own, such as search=URL"),
        (("--record", "calls.jsonl.gz"), "calls.jsonl.gz: recording is to a plain .jsonl file"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(run, options: tuple[str, ...], expected: str) -> None:
    """Most of them were ignored, and the last one ended with a stack trace."""
    assert expected in mistake(run, "serve", "-u", UPSTREAM, "--port", 0, *options)


def test_a_host_that_the_profile_does_not_know_is_said(run, profile: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    result = run("serve", "-p", profile, "-u", UPSTREAM, "--server", "other.example", "--unix", file)
    assert "no tool of the profile has the host 'other.example'" in result.stderr
    assert "it has api.example" in result.stderr
    assert "a file that is no socket has this name; choose another with --unix" in result.stderr
    assert (result.returncode, file.read_text()) == (2, "kept")


def test_what_is_asked_of_laws_that_are_not_there_is_said(run, tmp_path: Path) -> None:
    """It changed nothing, and nobody said so."""
    file = tmp_path / "file"
    file.write_text("kept")
    options = ("--ground", "--severity", "2", "--pass-client-errors")
    result = run("serve", "-u", UPSTREAM, *options, "--unix", file)
    told = "severity, ground, pass_client_errors: without a profile calls pass through as they are"
    assert told in result.stderr
    assert "without a profile" not in run("serve", "-u", UPSTREAM, "--seed", 7, "--unix", file).stderr


def test_two_mcp_servers_of_one_name_are_refused(run) -> None:
    servers = ("--mcp", "files=http://127.0.0.1:9/a", "--mcp", "files=http://127.0.0.1:9/b")
    assert "have the same name; give each its own" in mistake(run, "serve", *servers)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--profile", "absent.yaml"), "absent.yaml: cannot be read"),
        (("--profile", "absent"), "no profile of the name 'absent' is shipped"),
        (("--severity", "99"), "--severity: "),
        (("--recipe", "absent"), "no recipe of the name 'absent' is shipped"),
    ],
)
def test_a_host_is_not_told_to_start_what_would_not_start(
    run, tmp_path: Path, options: tuple[str, ...], expected: str
) -> None:
    config = tmp_path / "host.json"
    config.write_text(written := '{"mcpServers": {"files": {"command": "cat", "args": []}}}')
    assert expected in mistake(run, "mcp", "wrap-config", config, *options)
    assert config.read_text() == written


def test_a_template_that_fits_no_path_is_refused(run, few_traces: Path) -> None:
    assert "'users/{id}' would fit no path" in mistake(run, "import", few_traces, "--template", "users/{id}")


def test_a_value_with_half_a_brace_is_one_clear_sentence(run_process) -> None:
    text = run_process("run", "-u", UPSTREAM, "--env", "X={base", "--", "true").stderr
    assert "error: X={base: expected '}' before end of string; {base} is the proxy's own URL" in text


def test_an_agent_without_a_name_is_refused(run) -> None:
    assert "the agent's command is empty" in mistake(run, "run", "-u", UPSTREAM, "--", "")


def test_a_folder_that_is_to_be_recorded_to_is_said_to_be_one(run, tmp_path: Path) -> None:
    assert "cannot be written: Is a directory" in mistake(
        run, "serve", "-u", UPSTREAM, "--port", 0, "--record", tmp_path
    )


@pytest.mark.parametrize("command", ["fidelity", "verify", "stress panel"])
def test_a_negative_seed_is_refused(run, few_traces: Path, command: str) -> None:
    """It ended with a stack trace."""
    traces = ["--real", few_traces, "--sim", few_traces] if command == "verify" else [few_traces]
    assert "'--seed': Input should be greater than or equal to 0" in mistake(
        run, *command.split(), *traces, "--seed", "-1"
    )


def test_a_comparison_of_a_file_with_itself_is_refused(run, traces: Path) -> None:
    """It passed, as anything does."""
    for command in (("verify", "--real", traces), ("stress", "panel", traces)):
        assert "is on both sides, as recorded and as simulated" in mistake(run, *command, "--sim", traces)


def test_what_cannot_be_written_is_said_before_the_work_is_done(run, traces: Path, tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    commands = [
        ("fidelity", traces, "--html", absent / "x.html"),
        ("verify", "--real", traces, "--sim", tmp_path, "--html", absent / "x.html"),
        ("export", traces, "-o", absent / "x.jsonl"),
        ("schema", "-o", absent / "x.json"),
        ("stress", "--agent", "true", "--recipe", "six-faults", "-o", absent / "x.json"),
    ]
    for command in commands:
        assert f"cannot be written: there is no directory {absent}" in mistake(run, *command)
    assert "it is a directory; name a file in it" in mistake(run, "schema", "-o", tmp_path)


def test_a_page_does_not_replace_the_profile_that_it_shows(run, profile: Path) -> None:
    """It did: of the profile nothing was left."""
    before = profile.read_bytes()
    assert "is an input as well" in mistake(run, "show", profile, "--html", profile)
    sides = ("--real", "a.jsonl", "--sim", "b.jsonl")
    assert "is an input as well" in mistake(run, "verify", *sides, "--correct", profile, "--html", profile)
    assert profile.read_bytes() == before


def test_an_output_does_not_replace_one_of_the_traces_in_a_folder_that_is_read(
    run, few_traces: Path, tmp_path: Path
) -> None:
    """A profile of an earlier run may lie there, and may be replaced."""
    (tmp_path / "day.jsonl").write_bytes(few_traces.read_bytes())
    assert "day.jsonl: is an input as well" in mistake(
        run, "calibrate", tmp_path, "-o", tmp_path / "day.jsonl"
    )
    assert (tmp_path / "day.jsonl").read_bytes() == few_traces.read_bytes()
    for _ in range(2):
        assert run("calibrate", tmp_path, "-o", tmp_path / "tools.yaml").returncode == 0


def test_a_profile_to_correct_is_read_before_the_comparison(
    run, traces: Path, tmp_path: Path, recipe: Path
) -> None:
    sides = ("--real", traces, "--sim", tmp_path / "absent.jsonl")
    assert "is a recipe, not a profile" in mistake(run, "verify", *sides, "--correct", recipe)
    assert "it goes with --correct PROFILE" in mistake(run, "verify", *sides, "-o", tmp_path / "p.yaml")


def test_a_fresh_stress_test_replaces_nothing_but_its_own_file(run, few_traces: Path, tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    path.write_bytes(few_traces.read_bytes())
    command = ("stress", "--agent", "true", "--recipe", "six-faults", "--fresh", "-o", path)
    assert "is no result of a stress test" in mistake(run, *command)
    assert path.read_bytes() == few_traces.read_bytes()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to_is_said(run, traces: Path, tmp_path: Path) -> None:
    host = tmp_path / "mcp.json"
    host.write_text(json.dumps({"mcpServers": {"files": {"command": "cat"}}}))
    tmp_path.chmod(0o555)
    assert "Permission denied" in mistake(run, "export", traces, "-o", tmp_path / "x.jsonl")
    assert "Permission denied" in mistake(run, "mcp", "wrap-config", host)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--intercept", "https://localhost/v1"), "'https://localhost/v1' is no host; give the name alone"),
        (("--intercept", "localhost", "--profile", "RECIPE"), "is a recipe, not a profile"),
        (("--intercept", "localhost", "--profile", "nope"), "no profile of the name 'nope' is shipped"),
        (
            ("--intercept", "localhost", "--upstream-ca", "nope.pem"),
            "--upstream-ca: nope.pem: not a PEM file",
        ),
    ],
)
def test_what_a_forward_proxy_cannot_use_is_refused(
    run, recipe: Path, options: tuple[str, ...], expected: str
) -> None:
    """mitmproxy printed a stack trace, or nothing at all."""
    assert expected in mistake(run, "forward", *(one.replace("RECIPE", str(recipe)) for one in options))


def test_a_port_that_a_forward_proxy_cannot_have_is_said(run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} on 127.0.0.1 is in use; choose another with --port" in mistake(
            run, "forward", "--intercept", "localhost", "--port", port
        )


def test_a_trace_file_without_calls_says_what_is_read_of_its_format(run, tmp_path: Path) -> None:
    path = tmp_path / "spans.json"
    span = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "select"}
    times = {"startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000100000000"}
    spans = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [{**span, **times, "kind": 1}]}]}]}
    path.write_text(json.dumps(spans))
    said = mistake(run, "import", path)
    assert f"{path}: holds no calls" in said
    assert "HTTP client spans, MCP spans" in said


def test_a_wrong_choice_is_said_without_the_words_of_a_library(run) -> None:
    assert mistake(run, "schema", "nope").endswith(
        "Invalid value for 'kind': 'nope' is not one of 'recipe', 'profile'."
    )


def test_a_binary_file_is_called_one(run, tmp_path: Path) -> None:
    path = tmp_path / "x.dat"
    path.write_bytes(bytes(range(200, 256)) + bytes(20))
    assert "it is binary and starts with the bytes c8 c9 ca" in mistake(run, "import", path)
    path.write_text("Übungsnotizen, in Zeilen\n" * 3)
    assert "it starts with 'Übungsnotizen, in Zeilen" in mistake(run, "import", path)


def test_names_of_tools_steer_no_terminal(run, tmp_path: Path) -> None:
    traces, learned = tmp_path / "t.jsonl", tmp_path / "p.yaml"
    record = {"tool": "GET a/\x1b[31mred\u202e\x07", "duration_ns": 10**7, "outcome": "ok"}
    lines = [{"format": "earthwire-traces", "version": 1}]
    lines += [{**record, "session_id": f"s{i % 5}", "seq": i} for i in range(40)]
    traces.write_text("\n".join(map(json.dumps, lines)))
    assert run("calibrate", traces, "-o", learned).returncode == 0
    for command in (("show", learned), ("show", learned, "--intervals"), ("import", traces)):
        result = run(*command)
        assert not {"\x1b", "\x07", "\u202e"} & set(result.stdout + result.stderr)
    assert "GET a/\\x1b[31mred\\u202e\\x07" in run("show", learned).stdout
