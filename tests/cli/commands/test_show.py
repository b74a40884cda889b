import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from earthwire.traces import JsonlWriter, TraceRecord

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_the_table_has_a_row_a_tool_and_one_for_all_others(profile: Path, run: Run) -> None:
    result = run("show", profile)
    assert result.returncode == 0
    assert result.stderr == ""
    rows = [line.split() for line in result.stdout.splitlines()]
    head = rows[1]
    assert head[:6] == ["tool", "calls", "faults", "p50", "p95", "p99"]
    assert head[-1] == "support"
    tools = [
        row for row in rows if row[:2] in (["GET", "api.example/v1/search"], ["POST", "api.example/v1/carts"])
    ]
    assert sum(int(row[2].replace(",", "")) for row in tools) == 2000
    assert all(row[-1] == "tool" for row in tools)
    assert "any other tool" in result.stdout
    assert "learned from traces.jsonl (earthwire JSONL, 2,000 calls" in result.stdout


def test_json_holds_the_figures_of_every_tool(profile: Path, run: Run) -> None:
    tools = json.loads(run("show", profile, "--json", "--rows", "1").stdout)
    assert set(tools) == {"GET api.example/v1/search", "POST api.example/v1/carts"}
    search = tools["GET api.example/v1/search"]
    assert set(search) == {
        "calls",
        "sessions",
        "outcomes",
        "failing_outcomes",
        "regime",
        "rate_limit",
        "support",
        "p50_s",
        "p95_s",
        "p99_s",
    }
    assert 0.04 < search["p50_s"] < 0.06 < search["p95_s"] < search["p99_s"]
    assert set(search["outcomes"]) == {"ok", "http_5xx:503"}


def test_tools_can_be_chosen_by_a_part_of_their_name(profile: Path, run: Run) -> None:
    text = run("show", profile, "--tool", "carts").stdout
    assert "POST api.example/v1/carts" in text
    assert "search" not in text
    assert list(json.loads(run("show", profile, "--tool", "carts", "--json").stdout)) == [
        "POST api.example/v1/carts"
    ]


def test_rows_beyond_the_bound_are_counted(profile: Path, run: Run) -> None:
    assert "1 more tools: --rows, --tool or --json shows them" in run("show", profile, "--rows", "1").stdout


def test_a_tool_that_is_not_there_is_one_error_that_names_those_that_are(profile: Path, run: Run) -> None:
    result = run("show", profile, "--tool", "weather")
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith(
        f"error: {profile}: no tool has 'weather' in its name; 2 tools are known: "
    )
    assert len(result.stderr.splitlines()) == 1


def test_no_figure_is_cut_on_a_narrow_terminal(profile: Path, run: Run) -> None:
    text = run("show", profile, COLUMNS="80").stdout
    assert "support" in text
    assert "p99" in text
    assert "latency (log" not in text


def test_a_file_that_is_not_a_profile_is_one_error_with_its_place(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("earthwire_profile: 1\ntool: {}\n")
    result = run("show", path)
    assert result.returncode == 2
    assert f"{path}:2:1: tool: unknown key; did you mean `tools`?" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_profile_that_is_shipped_can_be_shown(run: Run) -> None:
    path = Path(__file__).parents[3] / "earthwire" / "config" / "profiles" / "demo.yaml"
    assert run("show", path).returncode == 0


def write_upstream(path: Path, latency_s: float, host: str = "127.0.0.1:8000", count: int = 40) -> Path:
    with JsonlWriter(path) as writer:
        for seq in range(count):
            writer.write(
                TraceRecord(
                    tool=f"GET {host}/v1/search", seq=seq, duration_ns=round(latency_s * 1e9), outcome="ok"
                )
            )
    return path


def test_an_upstream_is_judged_by_its_recording(profile: Path, run: Run, tmp_path: Path) -> None:
    fast = write_upstream(tmp_path / "fast.jsonl", 0.001)
    slow = write_upstream(tmp_path / "slow.jsonl", 0.5)
    few = write_upstream(tmp_path / "few.jsonl", 0.001, count=19)
    found = {}
    for path in (fast, slow, few):
        result = run("show", profile, "--upstream-recording", path, "--json")
        found[path.stem] = json.loads(result.stdout)["GET api.example/v1/search"]
    assert {name: fit["stands_in"] for name, fit in found.items()} == {
        "fast": "yes",
        "slow": "too slow",
        "few": "too few calls",
    }
    assert found["fast"]["infeasible_call_share"] == 0.0
    # Calls are log-normal with median .05 and sigma .5: .5 s is beyond all of them, 8 to 9 times the mean of .057.
    assert found["slow"]["infeasible_call_share"] > 0.99
    assert 7.0 < found["slow"]["infeasible_share"] < 9.0
    table = run("show", profile, "--upstream-recording", slow, COLUMNS="80").stdout
    assert "too slow" in table
    assert "…" not in table


def test_a_recording_that_shows_no_upstream_is_an_error_with_the_way_out(
    profile: Path, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "r.jsonl"
    with JsonlWriter(path) as writer:
        writer.write(
            TraceRecord(tool="a", outcome="ok", duration_ns=5, plan_last_byte_ns=5, origin="upstream")
        )
    result = run("show", profile, "--upstream-recording", path)
    assert result.returncode == 2
    assert f"error: {path}: no call shows what the upstream takes by itself" in result.stderr
    assert "earthwire record --upstream URL" in result.stderr


def test_html_holds_the_tools_that_were_asked_for(profile: Path, tmp_path: Path, run: Run) -> None:
    page = tmp_path / "laws.html"
    result = run("show", profile, "--tool", "carts", "--html", page)
    assert (result.returncode, result.stderr) == (0, f"report with pictures → {page}\n")
    text = page.read_text("utf-8")
    assert "POST api.example/v1/carts" in text
    assert "GET api.example/v1/search" not in text
