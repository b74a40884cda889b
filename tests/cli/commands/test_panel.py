"""`earthwire stress panel`: recorded traces in, the behaviour gap out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from earthwire.cli.app import command_line
from earthwire.grounding.stress import World, independent_faults
from earthwire.traces.columns.calls import calls_from_records
from earthwire.traces.errors import TraceFileError
from earthwire.traces.files.jsonl_writer import JsonlWriter
from earthwire.traces.record import TraceRecord

SESSIONS, CALLS = 120, 120
START_NS = 1_700_000_000 * 10**9


def records(seed: int) -> list[TraceRecord]:
    """A fifth of all calls fail, in runs of 6 on average."""
    rng = np.random.default_rng(seed)
    made = []
    for session in range(SESSIONS):
        bad = bool(rng.random() < 0.2)
        for seq in range(CALLS):
            bad = bool(rng.random() < (5 / 6 if bad else 1 / 24))
            made.append(
                TraceRecord(
                    tool="GET https://api.example/items",
                    session_id=f"s{session}",
                    seq=seq,
                    start_time_unix_nano=START_NS + seq * 10**9,
                    duration_ns=10**7,
                    outcome="http_error" if bad else "ok",
                    http_response_status_code=503 if bad else 200,
                )
            )
    return made


def torn_apart(made: list[TraceRecord]) -> list[TraceRecord]:
    """The same calls with as many independent faults."""
    world = independent_faults(World.of(calls_from_records(made)), "own rates", np.random.default_rng(1))
    ordered = sorted(made, key=lambda record: (record.session_id or "", record.seq))
    return [
        TraceRecord(
            tool=record.tool,
            session_id=record.session_id,
            seq=record.seq,
            start_time_unix_nano=record.start_time_unix_nano,
            duration_ns=record.duration_ns,
            outcome="http_error" if bad else "ok",
            http_response_status_code=503 if bad else 200,
        )
        for record, bad in zip(ordered, world.failed.tolist(), strict=True)
    ]


def write(path: Path, made: list[TraceRecord]) -> Path:
    with JsonlWriter(path) as writer:
        for record in made:
            writer.write(record)
    return path


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("traces") / "bursts.jsonl", records(1))


def panel(*arguments: str | Path) -> Any:
    return CliRunner().invoke(command_line(), ["stress", "panel", *map(str, arguments)])


def words(report: dict[str, Any]) -> dict[str, str]:
    return {row["policy"]: row["word"] for row in report["policies"]}


def test_a_learned_simulation_keeps_the_panel_as_recorded(traces: Path) -> None:
    outcome = panel(traces, "--json", "--runs=5", "--times=1.5")
    assert outcome.exit_code == 0, outcome.output
    report = json.loads(outcome.stdout)
    assert words(report) == {
        "none": "PASS",
        "immediate": "PASS",
        "back-off": "PASS",
        "retry-after": "n/a",
        "verify": "PASS",
    }
    assert (report["earthwire_panel"], report["sessions"], report["calls"]) == (1, SESSIONS, SESSIONS * CALLS)
    again = panel(traces, "--json", "--runs=5", "--times=1.5")
    assert again.stdout == outcome.stdout


def test_the_profile_of_independent_faults_fails_for_who_retries(traces: Path, tmp_path: Path) -> None:
    """The negative control, all the way: a profile learned where faults do not come in bursts."""
    other = write(tmp_path / "independent.jsonl", torn_apart(records(1)))
    profile = tmp_path / "profile.yaml"
    learned = CliRunner().invoke(command_line(), ["calibrate", str(other), "--output", str(profile)])
    assert learned.exit_code == 0, learned.output
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "earthwire_recipe: 1\nprofile: profile.yaml\nroutes: {tools: {upstream: 'http://127.0.0.1:9'}}\n"
    )
    outcome = panel(traces, "--recipe", recipe, "--runs=3")
    assert outcome.exit_code == 1, outcome.output
    assert "verdict: FAIL" in outcome.stdout
    assert "immediate: retries are exhausted" in outcome.stdout
    report = json.loads(panel(traces, "--recipe", recipe, "--runs=3", "--json").stdout)
    assert words(report)["immediate"] == "FAIL"
    assert words(report)["none"] != "FAIL"
    on_its_own = panel(other, "--recipe", recipe, "--runs=3", "--times=1.5")
    assert on_its_own.exit_code in (0, 3), on_its_own.output
    assert "these sessions were not held out" in on_its_own.stderr


def test_severity_of_a_recipe_is_part_of_the_simulated_world(traces: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "earthwire_recipe: 1\nseverity: 0.3\nroutes: {tools: {upstream: 'http://127.0.0.1:9'}}\n"
    )
    outcome = panel(traces, "--recipe", recipe, "--runs=2", "--json")
    report = json.loads(outcome.stdout)
    assert outcome.exit_code == 1
    assert words(report)["none"] == "FAIL"
    assert report["policies"][0]["exhausted_times"]["high"] < 0.6
    assert "severity 0.3" in report["world"]


def test_a_table_says_what_is_compared(traces: Path) -> None:
    outcome = panel(traces, "--runs=1")
    assert "by what the other half of the sessions teaches; 1 times, seed 0" in outcome.stdout
    assert "retry-after: n/a, no failed call of either world tells a Retry-After" in outcome.stdout
    assert "verdict: " in outcome.stdout


def test_too_few_sessions_are_inconclusive(tmp_path: Path) -> None:
    few = write(tmp_path / "few.jsonl", [one for one in records(1) if one.session_id in ("s1", "s2")])
    outcome = panel(few)
    assert outcome.exit_code == 3
    assert "2 sessions: 8 are needed" in outcome.stdout
    assert "verdict: INCONCLUSIVE" in outcome.stdout


def test_unusable_traces_are_one_clear_error(tmp_path: Path) -> None:
    missing = panel(tmp_path / "nothing.jsonl")
    assert isinstance(missing.exception, TraceFileError)
    assert "nothing.jsonl" in str(missing.exception)
    empty = panel(write(tmp_path / "empty.jsonl", []))
    assert isinstance(empty.exception, TraceFileError)
    assert "holds no records" in str(empty.exception)


def test_a_run_of_an_agent_still_asks_for_its_agent_and_its_recipe() -> None:
    outcome = CliRunner().invoke(command_line(), ["stress", "--recipe=x"])
    assert outcome.exit_code == 2
    assert "--agent is needed" in outcome.stderr
    outcome = CliRunner().invoke(command_line(), ["stress", "--agent=x"])
    assert outcome.exit_code == 2
    assert "--recipe is needed" in outcome.stderr


def test_a_recording_of_the_simulation_is_compared_as_well(traces: Path, tmp_path: Path) -> None:
    """Another recording of the same tools stands for a good simulation, and independent faults for a bad one."""
    same = write(tmp_path / "same.jsonl", records(2))
    outcome = panel(traces, "--sim", same, "--times=2", "--json")
    report = json.loads(outcome.stdout)
    assert outcome.exit_code == 0, outcome.output
    assert words(report)["immediate"] == "PASS"
    assert report["world"].endswith(f"same.jsonl ({SESSIONS * CALLS:,} calls, {SESSIONS} sessions)")
    other = write(tmp_path / "independent.jsonl", torn_apart(records(2)))
    outcome = panel(traces, "--sim", other)
    assert outcome.exit_code == 1, outcome.output
    assert "immediate: retries are exhausted" in outcome.stdout


def test_recordings_without_a_tool_in_common_are_no_two_worlds(traces: Path, tmp_path: Path) -> None:
    renamed = [
        TraceRecord(tool="other", session_id=record.session_id, seq=record.seq, outcome=record.outcome)
        for record in records(2)
    ]
    outcome = panel(traces, "--sim", write(tmp_path / "other.jsonl", renamed))
    assert outcome.exit_code == 2
    assert "no tool in common" in outcome.stderr
    outcome = panel(traces, "--sim", traces, "--recipe", "any")
    assert outcome.exit_code == 2
    assert "leave --recipe out" in outcome.stderr


def test_no_figure_is_cut_at_80_columns(traces: Path) -> None:
    """Most figures ended in an ellipsis."""
    outcome = CliRunner().invoke(
        command_line(), ["stress", "panel", str(traces), "--runs=1"], env={"COLUMNS": "80"}
    )
    table = outcome.stdout[: outcome.stdout.index("exhausted: calls that")]
    assert "…" not in table
    assert table.count("INCONCLUSIVE") + table.count("PASS") + table.count("n/a") >= 10, "two tables"
