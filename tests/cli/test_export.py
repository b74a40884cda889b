"""Traces in another format, and back."""

import json
from pathlib import Path

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
