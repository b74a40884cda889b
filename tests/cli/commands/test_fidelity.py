import json
import math
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from earthwire.traces import JsonlWriter, TraceRecord

Run = Callable[..., subprocess.CompletedProcess[str]]

EXIT_CODES = {"pass": 0, "fail": 1, "insufficient data": 3}
MODELS = ["mock", "jitter", "lognormal", "earthwire"]


@pytest.fixture(scope="module")
def result(traces: Path, run: Run) -> subprocess.CompletedProcess[str]:
    return run("fidelity", traces, "--repeats", "5", "--seed", "5", "--json")


def test_json_holds_every_figure_and_what_it_can_be_reproduced_with(
    result: subprocess.CompletedProcess[str], traces: Path
) -> None:
    report = json.loads(result.stdout)
    assert report["source"] == str(traces)
    assert (report["calls"], report["sessions"]) == (2000, 100)
    assert (report["repeats"], report["seed"]) == (5, 5)
    assert list(report["models"]) == MODELS
    for score in report["models"].values():
        assert 0.0 <= score["auc"] <= 1.0
        assert math.isfinite(score["gap_closed"])
        assert score["fidelity_ratio_500"] > 0.0
        assert len(score["auc_repeats"]) == 5
    assert 0.4 < report["auc_real"] < 0.65


def test_the_exit_code_is_the_verdict(result: subprocess.CompletedProcess[str]) -> None:
    report = json.loads(result.stdout)
    assert report["verdict"] in EXIT_CODES
    assert result.returncode == EXIT_CODES[report["verdict"]]
    assert report["reasons"]


def test_earthwire_closes_a_gap_that_a_mock_leaves_open(result: subprocess.CompletedProcess[str]) -> None:
    """The traces are independent log-normal calls, which earthwire must not be told apart from; a mock must."""
    models = json.loads(result.stdout)["models"]
    assert models["mock"]["auc"] > 0.95
    assert models["mock"]["gap_closed"] == 0.0
    assert models["earthwire"]["auc"] < 0.6
    assert models["earthwire"]["gap_closed"] > 0.8


def test_the_same_seed_gives_the_same_report(
    result: subprocess.CompletedProcess[str], traces: Path, run: Run
) -> None:
    assert run("fidelity", traces, "--repeats", "5", "--seed", "5", "--json").stdout == result.stdout


def test_traces_whose_laws_the_profile_does_not_have_fail(tmp_path: Path, run: Run) -> None:
    """Negative control: a slowdown that depends on the position in the session is in no law of the profile."""
    rng = random.Random(3)
    with JsonlWriter(tmp_path / "t.jsonl") as writer:
        for session in range(80):
            for seq in range(20):
                duration_ns = round(5e7 * (20.0 if seq >= 10 else 1.0) * math.exp(rng.gauss(0.0, 0.1)))
                writer.write(
                    TraceRecord(
                        tool="a", session_id=f"s{session}", seq=seq, duration_ns=duration_ns, outcome="ok"
                    )
                )
    result = run("fidelity", tmp_path / "t.jsonl", "--repeats", "5")
    assert result.returncode == 1
    assert result.stdout.rstrip().endswith("verdict: fail")


def test_few_sessions_are_insufficient_data_and_never_a_pass(few_traces: Path, run: Run) -> None:
    result = run("fidelity", few_traces)
    assert result.returncode == 3
    assert "60 calls with a latency: a verdict needs 600" in result.stdout
    assert "3 sessions: a verdict needs 40" in result.stdout
    assert result.stdout.rstrip().endswith("verdict: insufficient data")
    assert "nan" not in result.stdout
    report = json.loads(run("fidelity", few_traces, "--json").stdout)
    assert report["verdict"] == "insufficient data"
    assert report["models"] == {}
    assert report["auc_real"] is None


def test_the_table_shows_every_model_and_the_floor(traces: Path, run: Run) -> None:
    text = run("fidelity", traces, "--repeats", "1").stdout
    for label in ("mock (median delay)", "mean ± jitter", "log-normal per tool", "earthwire", "(floor)"):
        assert label in text
    assert "faults: recorded" in text
    assert "verdict: " in text


def test_bad_input_is_exit_code_2(tmp_path: Path, run: Run) -> None:
    result = run("fidelity", tmp_path / "absent.jsonl")
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1


def test_html_is_one_more_file_and_changes_nothing_else(few_traces: Path, tmp_path: Path, run: Run) -> None:
    page = tmp_path / "report.html"
    result = run("fidelity", few_traces, "--json", "--html", page)
    assert result.returncode == 3
    assert result.stdout == run("fidelity", few_traces, "--json").stdout
    assert result.stderr == f"report with pictures → {page}\n"
    text = page.read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert "Verdict: insufficient data" in text


def test_a_page_that_cannot_be_written_is_exit_code_2(few_traces: Path, tmp_path: Path, run: Run) -> None:
    result = run("fidelity", few_traces, "--html", tmp_path / "absent" / "report.html")
    assert result.returncode == 2
    assert "report.html: cannot be written: there is no directory" in result.stderr
