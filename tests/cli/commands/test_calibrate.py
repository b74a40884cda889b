import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from earthwire.config.profile_file import read_profile
from earthwire.traces import JsonlWriter, TraceRecord
from earthwire.traces.files.jsonl import header_line

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_the_profile_holds_what_the_traces_hold(traces: Path, profile: Path) -> None:
    read = read_profile(profile)
    assert set(read.tools) == {"GET api.example/v1/search", "POST api.example/v1/carts"}
    assert sum(laws.calls for laws in read.tools.values()) == 2000
    assert read.provenance.sessions == 100
    assert [source.name for source in read.provenance.sources] == [traces.name]
    # 2,000 calls: the standard error of a median of log latency is 1.25 · 0.5 / √1000 = 0.02.
    assert read.tools["GET api.example/v1/search"].latency["ok"].quantile_s(0.5) == pytest.approx(
        0.05, rel=0.08
    )
    faults = read.overall.outcomes.total["http_5xx:503"]
    assert faults == pytest.approx(160, abs=4 * (2000 * 0.08 * 0.92) ** 0.5)


def test_the_same_traces_give_the_same_bytes(few_traces: Path, tmp_path: Path, run: Run) -> None:
    for name in ("one.yaml", "two.yaml"):
        run("calibrate", few_traces, "-o", tmp_path / name)
    assert (tmp_path / "one.yaml").read_bytes() == (tmp_path / "two.yaml").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.yaml", "two.yaml"]


def test_the_answer_names_counts_the_profile_and_the_next_command(
    few_traces: Path, tmp_path: Path, run: Run
) -> None:
    path = tmp_path / "tools.yaml"
    result = run("calibrate", few_traces, "-o", path, "--licence", "CC0-1.0")
    assert result.stdout.splitlines() == [
        f"60 calls of 2 tools in 3 sessions → {path}",
        f"next: earthwire show {path}",
    ]
    assert read_profile(path).provenance.licence == "CC0-1.0"


def test_json_is_a_summary(few_traces: Path, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "tools.yaml"
    assert json.loads(run("calibrate", few_traces, "-o", path, "--json").stdout) == {
        "profile": str(path),
        "calls": 60,
        "sessions": 3,
        "tools": 2,
        "latency_measure": "duration",
        "cannot_tell": [],
        "warnings": [],
        "drift": "n/a: 3 sessions, a test needs 40",
        "half_life_s": None,
        "never_drawn": {},
    }


def test_traces_without_latency_give_a_profile_of_faults(tmp_path: Path, run: Run) -> None:
    with JsonlWriter(tmp_path / "t.jsonl") as writer:
        for i in range(10):
            writer.write(TraceRecord(tool="a", outcome="ok" if i else "tool_error", session_id="s", seq=i))
    result = run("calibrate", tmp_path / "t.jsonl", "-o", tmp_path / "p.yaml")
    assert "no latency was recorded" in result.stdout
    read = read_profile(tmp_path / "p.yaml")
    assert read.tools["a"].latency == {}
    assert read.overall.outcomes.total == {"tool_error": 1, "ok": 9}


def test_bad_records_end_it_unless_they_may_be_left_out(tmp_path: Path, run: Run) -> None:
    source = tmp_path / "t.jsonl"
    source.write_bytes(header_line() + b'{"tool":"a","outcome":"ok"}\n{"tool":5}\n')
    path = tmp_path / "p.yaml"
    result = run("calibrate", source, "-o", path)
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: {source}:3: tool is 5:")
    assert not path.exists()
    result = run("calibrate", source, "-o", path, "--skip-bad-lines", "--json")
    assert result.returncode == 0
    assert json.loads(result.stdout)["calls"] == 1
    assert result.stderr.startswith(f"left out: {source}:3:")


def test_an_output_that_cannot_be_written_is_one_error(few_traces: Path, tmp_path: Path, run: Run) -> None:
    for path, expected in (
        (tmp_path / "absent" / "p.yaml", "there is no directory"),
        (tmp_path, "it is a directory"),
    ):
        result = run("calibrate", few_traces, "-o", path)
        assert result.returncode == 2
        assert len(result.stderr.splitlines()) == 1
        assert result.stderr.startswith(f"error: {path}: cannot be written: {expected}")


def test_the_output_is_never_an_input(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "t.jsonl"
    content = header_line() + b'{"tool":"a"}\n'
    path.write_bytes(content)
    result = run("calibrate", path, "-o", path)
    assert result.returncode == 2
    assert "is an input as well" in result.stderr
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "an empty file"),
        (header_line(), "holds no records"),
        (b"what is this\n", "format not recognised"),
    ],
)
def test_a_source_that_holds_nothing_is_one_error(
    tmp_path: Path, run: Run, content: bytes | None, expected: str
) -> None:
    source = tmp_path / "t.jsonl"
    if content is not None:
        source.write_bytes(content)
    result = run("calibrate", source, "-o", tmp_path / "p.yaml")
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: {source}: ")
    assert expected in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_calls_that_ran_into_a_limit_are_warned_of_and_a_longer_wait_is_answered(
    tmp_path: Path, run: Run
) -> None:
    path = tmp_path / "limits.jsonl"
    with JsonlWriter(path) as writer:
        for i in range(200):
            is_cut = i % 10 == 0
            writer.write(
                TraceRecord(
                    tool="slow" if i % 2 == 0 else "quick",
                    session_id=f"s{i // 10}",
                    seq=i,
                    duration_ns=None if is_cut else (1 + i % 7) * 10**8,
                    latency_censoring="right" if is_cut else "none",
                    latency_limit_ns=10**9 if is_cut else None,
                    outcome="timeout" if is_cut else "ok",
                )
            )
    result = run("calibrate", path, "-o", tmp_path / "tools.yaml", "--client-timeout", 3)
    assert result.returncode == 0
    assert "warning: slow: 20.0 % of the calls outlived the limit of 1 s" in result.stdout
    assert "slow: a client that leaves after 3 s gives up" in result.stdout
    assert "extrapolated" in result.stdout
    read = read_profile(tmp_path / "tools.yaml")
    table = read.tools["slow"].latency["ok"]
    assert (table.count, table.censored_count) == (100, 20)
    assert read.tools["slow"].outcomes.total == {"ok": 100}
    values = json.loads(
        run("calibrate", path, "-o", tmp_path / "b.yaml", "--client-timeout", 3, "--json").stdout
    )
    assert values["timeouts"]["slow"]["is_extrapolated"] is True
    assert values["timeouts"]["slow"]["low"] <= values["timeouts"]["slow"]["share"] <= 0.2


def test_parquet_without_rows_is_a_sentence(run: Run, tmp_path: Path) -> None:
    """It ended with a stack trace."""
    pq.write_table(pa.table({"tool": pa.array([], pa.string())}), tmp_path / "empty.parquet")
    result = run("calibrate", tmp_path / "empty.parquet", "-o", tmp_path / "p.yaml")
    assert (result.returncode, (tmp_path / "p.yaml").exists()) == (2, False)
    assert "empty.parquet: holds no records" in result.stderr
