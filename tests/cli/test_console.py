"""What every command has in common."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from earthwire.cli.app import command_line
from earthwire.cli.console import sparkline

Run = Callable[..., subprocess.CompletedProcess[str]]

GROUP = typer.main.get_command(command_line())
assert isinstance(GROUP, typer.core.TyperGroup)
ESCAPE = "\x1b"
TERMINAL_TIMEOUT_S = 60.0


def help_words(text: str) -> str:
    """Return the text without layout: one space between words."""
    return " ".join(text.split())


@pytest.mark.parametrize("command", GROUP.commands)
def test_help_of_every_command_names_every_option_with_its_help_text(command: str, run: Run) -> None:
    result = run(command, "--help", COLUMNS="1000", TERMINAL_WIDTH="1000")
    assert result.returncode == 0
    assert result.stderr == ""
    text = help_words(result.stdout)
    for parameter in GROUP.commands[command].params:
        for name in parameter.opts:
            assert name in text
        assert help_words(parameter.help or "nothing") in text


def test_the_top_lists_every_command_and_where_to_start(run: Run) -> None:
    result = run("--help")
    assert all(f"\n  {command} " in result.stdout for command in GROUP.commands)
    assert "earthwire demo" in help_words(result.stdout)


def test_the_version_is_that_of_the_package(run: Run) -> None:
    result = run("--version")
    assert (result.returncode, result.stdout) == (0, f"earthwire {version('earthwire')}\n")


def test_an_unknown_command_is_exit_code_2(run: Run) -> None:
    result = run("simulate")
    assert result.returncode == 2
    assert "No such command 'simulate'" in result.stderr


def machine_commands(traces: Path, profile: Path, folder: Path) -> list[tuple[object, ...]]:
    return [
        ("import", traces),
        ("import", traces, "-o", folder / "out.jsonl"),
        ("calibrate", traces, "-o", folder / "p.yaml"),
        ("show", profile),
        ("fidelity", traces),
        ("verify", "--real", traces, "--sim", folder / "out.jsonl"),
        ("export", traces, "-o", folder / "spans.json"),
        ("gauntlet", "--only", "page", "--", sys.executable, "-c", "pass"),
        ("run", "--upstream", "http://127.0.0.1:9", "--", sys.executable, "-c", "print('its own')"),
        (
            *("stress", "--agent", "builtin:back-off", "--recipe", "six-faults", "--seeds", "2"),
            *("-o", folder / "stress.json"),
        ),
    ]


def test_every_command_with_json_is_tried_here() -> None:
    with_json = {
        name for name, command in GROUP.commands.items() if any("--json" in p.opts for p in command.params)
    }
    assert with_json == {words[0] for words in machine_commands(Path(), Path(), Path())}


def test_with_json_stdout_holds_one_document_and_nothing_else(
    few_traces: Path, profile: Path, tmp_path: Path, run_process: Run
) -> None:
    """As a process of its own, so that nothing that a library prints is missed."""
    for words in machine_commands(few_traces, profile, tmp_path):
        result = run_process(words[0], "--json", *words[1:])
        assert isinstance(json.loads(result.stdout), dict), words
        if words[0] == "run":
            assert "its own" in result.stderr, "there what the agent itself says belongs"
        else:
            assert result.stderr == "", words


def test_with_json_complaints_go_to_stderr(few_traces: Path, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(few_traces.read_bytes() + b"nonsense\n")
    result = run("fidelity", path, "--skip-bad-lines", "--json")
    assert json.loads(result.stdout)["calls"] == 60
    assert result.stderr.startswith(f"left out: {path}:62:")
    result = run("fidelity", path, "--json")
    assert (result.returncode, result.stdout) == (2, "")


def test_piped_output_is_plain(few_traces: Path, profile: Path, tmp_path: Path, run: Run) -> None:
    for words in [*machine_commands(few_traces, profile, tmp_path), ("show", "absent.yaml"), ("--help",)]:
        result = run(*words)
        assert result.stdout + result.stderr
        assert ESCAPE not in result.stdout + result.stderr, words


def on_a_terminal(*arguments: object, **environment: str) -> str:
    """Return what a command prints on a terminal, both streams together."""
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals on this platform")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from earthwire.cli.main import main; main()", *map(str, arguments)]
    variables = {**os.environ, "TERM": "xterm-256color", **environment}
    printed = b""
    try:
        process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=variables)
        os.close(theirs)
        while select.select([ours], [], [], TERMINAL_TIMEOUT_S)[0]:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # How Linux reports that the other side is closed.
                break
            if not chunk:
                break
            printed += chunk
        process.wait(TERMINAL_TIMEOUT_S)
    finally:
        os.close(ours)
    return printed.decode()


@pytest.mark.parametrize("words", [("show", "PROFILE"), ("import", "TRACES"), ("show", "absent.yaml")])
def test_no_color_is_obeyed_on_a_terminal(few_traces: Path, profile: Path, words: tuple[str, ...]) -> None:
    places = {"PROFILE": profile, "TRACES": few_traces}
    arguments = [places.get(word, word) for word in words]
    assert ESCAPE in on_a_terminal(*arguments), "styled otherwise, or this test would show nothing"
    plain = on_a_terminal(*arguments, NO_COLOR="1")
    assert plain
    assert ESCAPE not in plain


def test_a_reader_that_leaves_early_is_no_error(profile: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "from earthwire.cli.main import main; main()",
        "show",
        str(profile),
        "--json",
    ]
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run(
        command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=TERMINAL_TIMEOUT_S
    )
    os.close(write)
    assert result.stderr == ""


def test_a_sparkline_has_its_highest_block_at_the_highest_value() -> None:
    assert sparkline([0.0, 1.0, 2.0, 1.0]) == " ▄█▄"
    assert sparkline([]) == sparkline([0.0]) == ""
