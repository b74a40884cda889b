import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from earthwire.cli.telling.drift_table import drift_sentences
from earthwire.fault_models import Drift, DriftWindow, Interval
from earthwire.traces import JsonlWriter, TraceRecord

Run = Callable[..., subprocess.CompletedProcess[str]]
DAY_NS = 86_400 * 10**9


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty daily sessions of 20 calls; the tool becomes three times as slow after forty of them."""
    path = tmp_path_factory.mktemp("drift") / "traces.jsonl"
    with JsonlWriter(path) as writer:
        for day in range(60):
            for i in range(20):
                base_ms = (50 if day < 40 else 150) + (7 * day + 11 * i) % 17
                writer.write(
                    TraceRecord(
                        tool="GET api.example/v1/search",
                        outcome="http_error" if (day + i) % 9 == 0 else "ok",
                        http_response_status_code=503 if (day + i) % 9 == 0 else 200,
                        session_id=f"s{day:02d}",
                        seq=i,
                        start_time_unix_nano=1_700_000_000 * 10**9 + day * DAY_NS + i * 10**9,
                        duration_ns=base_ms * 10**6,
                    )
                )
    return path


@pytest.fixture(scope="module")
def profile(changed: Path, run: Run) -> Path:
    path = changed.with_name("tools.yaml")
    result = run("calibrate", changed, "-o", path)
    assert result.returncode == 0, result.stderr
    assert "sessions are weighted by age" in result.stdout
    return path


def test_show_draws_what_changed(profile: Path, run: Run) -> None:
    text = run("show", profile).stdout
    assert "over time: latency of " in text
    assert "before the last one counts half" in text
    assert "median latency " in text
    assert "fault rate " in text


def test_show_drift_has_a_row_a_window(profile: Path, run: Run) -> None:
    lines = run("show", profile, "--drift", COLUMNS="160").stdout.splitlines()
    rows = [line for line in lines if line.startswith(" 202")]
    assert len(rows) == 6
    assert rows[0].split()[0] == "2023-11-14"
    assert all(row.count("[") == 2 for row in rows)


def test_on_a_narrow_terminal_nothing_of_a_window_is_cut(profile: Path, run: Run) -> None:
    table = run("show", profile, "--drift", COLUMNS="80").stdout.partition("over time")[0]
    assert "…" not in table
    assert table.count("2023-1") + table.count("2024-0") == 12
    assert table.count("[") == 12


def test_on_a_narrow_terminal_every_column_of_intervals_is_there(profile: Path, run: Run) -> None:
    table = run("show", profile, "--intervals", COLUMNS="80").stdout
    assert "pieces      calls" in table
    assert "…" not in table


def test_show_drift_as_json_holds_the_evidence(profile: Path, run: Run) -> None:
    drift = json.loads(run("show", profile, "--drift", "--json").stdout)
    assert drift["p_value"] == pytest.approx(0.001)
    assert drift["half_life_s"] > 0
    assert drift["kept_sessions"] < drift["sessions"] == 60
    medians = [window["median_latency_s"]["estimate"] for window in drift["windows"]]
    assert medians[-1] > 2 * medians[0]


def test_all_ages_can_be_made_alike(changed: Path, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "alike.yaml"
    assert "weighted by age" not in run("calibrate", changed, "-o", path, "--all-ages-alike").stdout
    result = run("show", path, "--drift")
    assert result.returncode == 2
    assert "says nothing of drift" in result.stderr
    tool = json.loads(run("show", path, "--json").stdout)["GET api.example/v1/search"]
    assert tool["calls"] == 1_200


def test_show_intervals_names_what_has_none(profile: Path, run: Run) -> None:
    text = run("show", profile, "--intervals").stdout
    assert "90 % interval" in text
    assert "n/a: all calls: payload: " in text
    scopes = json.loads(run("show", profile, "--intervals", "--json").stdout)["scopes"]
    rate = scopes["GET api.example/v1/search"]["stated"]["fault_rate"]
    assert rate["low"] < rate["estimate"] < rate["high"]


def test_fidelity_reports_drift(changed: Path, run: Run) -> None:
    report = json.loads(run("fidelity", changed, "--repeats", "1", "--json").stdout)
    assert report["drift"]["feature"].startswith("latency")
    assert "over time: latency of " in run("fidelity", changed, "--repeats", "1").stdout


def test_without_a_test_the_sentence_says_why() -> None:
    assert drift_sentences(Drift("n/a: 3 sessions, a test needs 40")) == [
        "over time: n/a: 3 sessions, a test needs 40"
    ]


@pytest.mark.parametrize(
    ("half_life_s", "text"), [(86_400.0 * 30, "30 days"), (7_200.0, "2 hours"), (600.0, "10 minutes")]
)
def test_ages_are_read_easily(half_life_s: float, text: str) -> None:
    drift = Drift("changed", p_value=0.01, half_life_s=half_life_s, gain=1.0, gain_low=0.5)
    assert f"a session of {text} before" in drift_sentences(drift)[1]


def test_windows_without_outcomes_have_no_line_of_faults() -> None:
    median = Interval(0.1, 0.05, 0.2, 10)
    windows = tuple(DriftWindow(0.0, 1.0, 10, 100, median_latency_s=median) for _ in range(3))
    lines = drift_sentences(Drift("no drift was found", windows=windows))
    assert len(lines) == 2
    assert lines[1].startswith("  median latency ")
