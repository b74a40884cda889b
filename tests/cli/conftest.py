"""Traces made by a seeded generator, and the command line run as users run it."""

import contextlib
import io
import math
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from earthwire.cli.main import main
from earthwire.traces import JsonlWriter, TraceRecord

START_UNIX_NANO = 1_700_000_000_000_000_000
TOOLS = {"GET api.example/v1/search": 0.05, "POST api.example/v1/carts": 0.15}
"""Tool to median latency in seconds."""
FAULT_SHARE = 0.08
RUN_TIMEOUT_S = 120.0
EARTHWIRE = (sys.executable, "-c", "from earthwire.cli.main import main; main()")

Run = Callable[..., subprocess.CompletedProcess[str]]


def call(tool: str, session: int, seq: int, latency_s: float, fails: bool) -> TraceRecord:
    return TraceRecord(
        tool=tool,
        session_id=f"s{session}",
        seq=seq,
        start_time_unix_nano=START_UNIX_NANO + (1000 * session + seq) * 10**9,
        duration_ns=round(latency_s * 1e9),
        outcome="http_error" if fails else "ok",
        http_response_status_code=503 if fails else 200,
    )


def write_traces(path: Path, sessions: int, calls: int, seed: int) -> Path:
    """Write sessions of independent calls: log-normal latencies, and faults at `FAULT_SHARE`."""
    rng = random.Random(seed)
    with JsonlWriter(path) as writer:
        for session in range(sessions):
            for seq in range(calls):
                tool = rng.choice(sorted(TOOLS))
                latency_s = TOOLS[tool] * math.exp(rng.gauss(0.0, 0.5))
                writer.write(call(tool, session, seq, latency_s, rng.random() < FAULT_SHARE))
    return path


@pytest.fixture(scope="session")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough calls and sessions for a verdict."""
    return write_traces(tmp_path_factory.mktemp("traces") / "traces.jsonl", sessions=100, calls=20, seed=1)


@pytest.fixture(scope="session")
def few_traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough calls to learn something, too few sessions for a verdict."""
    return write_traces(tmp_path_factory.mktemp("traces") / "few.jsonl", sessions=3, calls=20, seed=1)


@pytest.fixture(scope="session")
def run() -> Run:
    """Run ``earthwire`` with these arguments in this process: heavy imports are paid for once."""

    def start(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        argv = ["earthwire", *map(str, arguments)]
        stdout, stderr = io.StringIO(), io.StringIO()
        code: object = 0
        with (
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
            mock.patch.object(sys, "argv", argv),
            mock.patch.dict(os.environ, environment),
        ):
            try:
                main()
            except SystemExit as end:
                code = end.code
        assert code is None or isinstance(code, int)
        return subprocess.CompletedProcess(argv, code or 0, stdout.getvalue(), stderr.getvalue())

    return start


@pytest.fixture(scope="session")
def run_process() -> Run:
    """Run ``earthwire`` with these arguments in a process of its own, as users do."""

    def start(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*EARTHWIRE, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environment},
        )

    return start


@pytest.fixture(scope="session")
def profile(tmp_path_factory: pytest.TempPathFactory, traces: Path, run: Run) -> Path:
    """What `calibrate` learns from `traces`."""
    path = tmp_path_factory.mktemp("profile") / "tools.yaml"
    result = run("calibrate", traces, "-o", path)
    assert result.returncode == 0, result.stderr
    return path
