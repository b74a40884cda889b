import subprocess
from collections.abc import Callable

import pytest

from earthwire.cli.commands.demo import _print_verdict
from earthwire.traces import TraceRecord
from earthwire.traces.columns.calls import Calls, calls_from_records

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.slow
def test_the_demo_runs_offline_shows_the_match_and_says_what_to_do_next(run_process: Run) -> None:
    """The bound on its time is that of `run_process`: 120 s for what takes 15 s on a machine with two cores."""
    result = run_process("demo", "--seed", "1")
    assert result.returncode == 0, result.stderr
    assert "\x1b" not in result.stdout
    lines = result.stdout.splitlines()
    assert any(line.split()[-3:] == ["naive", "mock", "earthwire"] for line in lines)
    for label in ("latency p50", "latency p90", "latency p99", "calls that failed"):
        assert label in result.stdout
    assert "A classifier tells the naive mock from reality with AUC" in result.stdout
    following = [line.strip() for line in lines[lines.index("next:") + 1 :]]
    assert [line.split()[:2] for line in following] == [
        ["earthwire", "calibrate"],
        ["earthwire", "fidelity"],
        ["earthwire", "serve"],
    ]


def calls(latencies_s: list[float]) -> Calls:
    return calls_from_records(
        TraceRecord(tool="a", session_id=f"s{i // 5}", seq=i, duration_ns=round(s * 1e9), outcome="ok")
        for i, s in enumerate(latencies_s)
    )


@pytest.mark.parametrize(("late_count", "is_invalid"), [(40, True), (10, False)])
def test_a_busy_machine_is_told_from_a_wrong_simulation(
    late_count: int, is_invalid: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of 200 answers of the mock some are late, not half of them: a fifth shows in what earthwire serves, too."""
    recorded = calls([0.05 + 0.001 * (i % 20) for i in range(200)])
    mock = calls([0.006 if i < late_count else 0.001 for i in range(200)])
    _print_verdict({"recorded": recorded, "naive mock": mock, "earthwire": recorded}, 1)
    assert ("too busy to tell" in " ".join(capsys.readouterr().out.split())) == is_invalid
