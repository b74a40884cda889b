"""Commands that learn from traces leave out requests that no plan is drawn for, and say so in the same words."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from earthwire.config.profile_file import read_profile
from earthwire.traces import JsonlWriter, TraceRecord, read_traces

Run = Callable[..., subprocess.CompletedProcess[str]]

SAID = "left out, as no plan is drawn for them: 6 (initialize, tools/list)"


@pytest.fixture
def mcp_traces(few_traces: Path, tmp_path: Path) -> Path:
    """Calls of MCP tools in three sessions that begin as all do."""
    path, begun = tmp_path / "mcp.jsonl", set()
    with JsonlWriter(path) as writer:
        for record in read_traces(few_traces):
            if record.session_id not in begun:
                begun.add(record.session_id)
                for method in ("initialize", "tools/list"):
                    tool = f"server/{method}"
                    opening = {"tool": tool, "mcp_method_name": method, "duration_ns": 1_000, "seq": 0}
                    writer.write(TraceRecord(session_id=record.session_id, outcome="ok", **opening))
            call = {"mcp_method_name": "tools/call", "seq": (record.seq or 0) + 1}
            writer.write(msgspec.structs.replace(record, **call))
    assert len(begun) == 3
    return path


def test_calibrate_learns_from_calls_of_tools_alone(
    mcp_traces: Path, few_traces: Path, tmp_path: Path, run: Run
) -> None:
    result = run("calibrate", mcp_traces, "-o", tmp_path / "mcp.yaml")
    assert result.returncode == 0, result.stderr
    assert SAID in result.stdout
    assert "left out" not in run("calibrate", few_traces, "-o", tmp_path / "plain.yaml").stdout
    learned, plain = (read_profile(tmp_path / name) for name in ("mcp.yaml", "plain.yaml"))
    assert (learned.tools, learned.overall) == (plain.tools, plain.overall)


def test_a_method_that_a_recipe_names_is_learned_where_that_is_asked_for(
    mcp_traces: Path, tmp_path: Path, run: Run
) -> None:
    arguments = ("calibrate", mcp_traces, "-o", tmp_path / "t.yaml", "--mcp-method", "tools/list", "--json")
    assert json.loads(run(*arguments).stdout)["never_drawn"] == {"initialize": 3}
    assert "server/tools/list" in read_profile(tmp_path / "t.yaml").tools


@pytest.mark.parametrize("command", ["calibrate", "fidelity"])
def test_what_holds_sessions_together_cannot_be_taken_in(
    command: str, mcp_traces: Path, tmp_path: Path, run: Run
) -> None:
    output = ("-o", tmp_path / "t.yaml") if command == "calibrate" else ()
    result = run(command, mcp_traces, *output, "--mcp-method", "initialize")
    assert result.returncode == 2
    assert "--mcp-method: 'initialize' holds sessions together" in result.stderr


def test_fidelity_scores_calls_of_tools_alone(mcp_traces: Path, few_traces: Path, run: Run) -> None:
    arguments = ("--repeats", "1", "--json")
    mixed, plain = (
        json.loads(run("fidelity", traces, *arguments).stdout) for traces in (mcp_traces, few_traces)
    )
    assert mixed.pop("never_drawn") == {"real": {"initialize": 3, "tools/list": 3}, "simulated": {}}
    assert plain.pop("never_drawn") == {"real": {}, "simulated": {}}
    assert mixed.pop("source") != plain.pop("source")
    assert mixed == plain
    assert SAID in run("fidelity", mcp_traces, "--repeats", "1").stdout


def test_the_panel_asks_calls_of_tools_alone(mcp_traces: Path, run: Run) -> None:
    result = run("stress", "panel", mcp_traces, "--runs", "1")
    assert SAID in result.stderr
