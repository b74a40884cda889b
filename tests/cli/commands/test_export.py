"""Traces in another format, and back."""

import json
from pathlib import Path

import msgspec
import pytest

from earthwire.traces import JsonlWriter, TraceRecord, read_traces


def record(start_s: int, outcome: str) -> TraceRecord:
    return TraceRecord(
        tool="POST a.example/pay",
        session_id="s",
        start_time_unix_nano=(1_700_000_000 + start_s) * 10**9,
        duration_ns=10**9,
        http_request_method="POST",
        http_response_status_code=200 if outcome == "ok" else 503,
        outcome=outcome,
        request_key="0123456789abcdef",
    )


RECORDS = [record(0, "http_error"), record(2, "ok"), record(10, "ok")]


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    with JsonlWriter(path) as writer:
        for one in RECORDS:
            writer.write(one)
    return path


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.parquet", "out.json"])
def test_every_format_holds_the_same_records(run, traces: Path, tmp_path: Path, name: str) -> None:
    output = tmp_path / name
    assert run("export", traces, "-o", output).returncode == 0
    assert list(read_traces(output)) == RECORDS


def test_a_format_can_be_named(run, traces: Path, tmp_path: Path) -> None:
    output = tmp_path / "spans"
    assert run("export", traces, "-o", output, "--format", "otlp").returncode == 0
    assert b'"resourceSpans"' in output.read_bytes()


def test_what_attempts_led_to_is_said(run, traces: Path, tmp_path: Path) -> None:
    result = run("export", traces, "-o", tmp_path / "x.jsonl")
    assert "3 attempts for 2 logical calls: 1 retries, 1 calls recovered, 0 given up" in result.stderr
    assert "failed: 33.33 % of the attempts, 0.00 % of the logical calls" in result.stderr


def test_json_has_all_of_it(run, traces: Path, tmp_path: Path) -> None:
    summary = json.loads(run("export", traces, "-o", tmp_path / "x.json", "--json").stdout)
    assert (summary["format"], summary["records"]) == ("otlp", 3)
    assert summary["attempts"]["retries"] == 1


def test_an_ending_that_says_nothing_is_an_error(run, traces: Path, tmp_path: Path) -> None:
    result = run("export", traces, "-o", tmp_path / "x.txt")
    assert result.returncode == 2
    assert "--format jsonl" in result.stderr


def test_an_input_is_never_replaced(run, traces: Path) -> None:
    """It was, by an empty file: the output was opened before the input was read."""
    before = traces.read_bytes()
    for paths in ([traces], [traces.parent]):
        result = run("export", *paths, "-o", traces)
        assert (result.returncode, traces.read_bytes()) == (2, before)
        assert "is an input as well" in result.stderr


def test_an_output_stays_as_it_was_where_a_record_is_bad(run, traces: Path, tmp_path: Path) -> None:
    output = tmp_path / "kept.jsonl"
    output.write_text("kept")
    with traces.open("a") as file:
        file.write('{"tool": 1}\n')
    result = run("export", traces, "-o", output)
    assert (result.returncode, output.read_text()) == (2, "kept")
    assert "in.jsonl:5: tool is 1" in result.stderr
    assert "--skip-bad-lines" in result.stderr
    result = run("export", traces, "-o", output, "--skip-bad-lines")
    assert (result.returncode, list(read_traces(output))) == (0, RECORDS)
    assert "left out: " in result.stderr
    assert "--skip-bad-lines" not in result.stderr


def test_retries_are_not_counted_where_nothing_tells_them(run, tmp_path: Path) -> None:
    """It said 0 retries and every failure given up, of recordings that do not hold what was asked."""
    with JsonlWriter(tmp_path / "in.jsonl") as writer:
        for one in RECORDS:
            writer.write(msgspec.structs.replace(one, request_key=None))
    result = run("export", tmp_path / "in.jsonl", "-o", tmp_path / "x.json")
    assert "retries: n/a, 1 of 1 failed attempts do not say what they asked for" in result.stderr
    assert "given up" not in result.stderr
    summary = json.loads(run("export", tmp_path / "in.jsonl", "-o", tmp_path / "x.json", "--json").stdout)
    assert (summary["attempts"]["failed_attempts"], summary["attempts"]["retries"]) == (1, None)
