import subprocess
from collections.abc import Callable

import pytest

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
