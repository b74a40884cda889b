"""Clients that are made to fail in each way meet the faults that show it."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from earthwire.fault_models.runs.gauntlet import GAUNTLET
from earthwire.proxy.gauntlet import Course, Result, run_course

FRAME = """
import http.client, json, sys, time, urllib.error, urllib.request
def ask():
    with urllib.request.urlopen(sys.argv[1] + "/items", timeout=2) as response:
        return json.loads(response.read())
"""
CRASHES = FRAME + "ask()['items'][0]['price']\n"
RETRIES = (
    FRAME
    + """
for wait in (0.1, 0.3, 1.2, None):
    try:
        ask()["items"][0]["price"]
        sys.exit(0)
    except (OSError, http.client.HTTPException, ValueError, KeyError, IndexError) as error:
        if wait is None or getattr(error, "code", 0) == 401:
            sys.exit(1)
        time.sleep(wait)
"""
)
TRUSTS = FRAME + "urllib.request.urlopen(sys.argv[1] + '/items', timeout=2).read()\n"
WAITS = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1] + '/items').read()"
NEVER = "pass"


def meet(code: str, *faults: str, folder: Path, limit_s: float = 20.0) -> dict[str, Result]:
    course = Course(
        command=(sys.executable, "-c", code, "{url}"),
        faults=tuple(GAUNTLET[name] for name in faults),
        environment=dict(os.environ),
        limit_s=limit_s,
    )
    results = asyncio.run(run_course(course, folder, lambda: None))
    return {result.fault.name: result for result in results}


def test_a_client_that_tries_again_recovers(tmp_path: Path):
    results = meet(
        RETRIES,
        "reset",
        "unavailable",
        "cut-body",
        "bad-json",
        "page",
        "slow",
        "unauthorized",
        folder=tmp_path,
    )
    fates = {name: result.survival.text for name, result in results.items()}
    assert fates == {
        "reset": "recovered after 3 tries",
        "unavailable": "recovered after 3 tries",
        "cut-body": "recovered after 3 tries",
        "bad-json": "recovered after 3 tries",
        "page": "recovered after 3 tries",
        "slow": "survived",
        "unauthorized": "gave up",
    }


def test_a_client_that_ignores_retry_after_is_told_so(tmp_path: Path):
    result = meet(RETRIES, "rate-limit", folder=tmp_path)["rate-limit"]
    assert "retry_after_ignored" in {verdict.rule for verdict in result.verdicts}


def test_a_client_without_care_crashes(tmp_path: Path):
    results = meet(CRASHES, "reset", "server-error", "empty", folder=tmp_path)
    assert {result.survival.fate for result in results.values()} == {"crashed"}


def test_a_client_that_looks_at_nothing_accepts_garbage(tmp_path: Path):
    results = meet(TRUSTS, "page", "bad-json", "error-in-200", "silently-cut", folder=tmp_path)
    assert {result.survival.fate for result in results.values()} == {"accepted garbage"}


def test_a_client_that_ignores_a_false_coding_got_the_true_bytes_and_accepted_no_garbage(tmp_path: Path):
    reads = FRAME + "ask()['items'][0]['price']\n"
    result = meet(reads, "false-gzip", folder=tmp_path)["false-gzip"]
    assert result.survival.fate == "ignored the head"
    assert "garbage_accepted" not in {verdict.rule for verdict in result.verdicts}


def test_a_client_that_believes_a_false_coding_gives_up(tmp_path: Path):
    believes = """
import gzip, sys, urllib.request
with urllib.request.urlopen(sys.argv[1] + "/items", timeout=2) as response:
    assert response.headers["content-encoding"] == "gzip"
    try:
        gzip.decompress(response.read())
    except OSError:
        sys.exit(1)
"""
    assert meet(believes, "false-gzip", folder=tmp_path)["false-gzip"].survival.fate == "gave up"


def test_a_client_without_time_limit_hangs_and_is_ended(tmp_path: Path):
    results = meet(WAITS, "hang", "stall-midway", folder=tmp_path, limit_s=2.0)
    assert {result.survival.fate for result in results.values()} == {"hung"}


def test_a_client_that_calls_nothing_is_not_reached(tmp_path: Path):
    assert meet(NEVER, "reset", folder=tmp_path)["reset"].survival.fate == "not reached"


@pytest.mark.parametrize(
    ("fault", "start", "ending"),
    [
        ("reset", b"", "reset"),
        ("closed", b"", "closed"),
        ("hang", b"", "silence"),
        ("rate-limit", b"HTTP/1.1 429", "kept open"),
        ("cut-body", b"HTTP/1.1 200", "closed"),
        ("not-http", b"SSH-2.0", "closed"),
    ],
)
def test_the_bytes_of_a_fault_are_shown(fault: str, start: bytes, ending: str, tmp_path: Path):
    seen = meet(NEVER, fault, folder=tmp_path)[fault].seen
    assert seen is not None
    assert seen.data.startswith(start)
    assert seen.ending == ending


def test_every_fault_is_met_by_its_own_name():
    assert len(GAUNTLET) >= 20
    assert {fault.layer for fault in GAUNTLET.values()} == {"transport", "http", "content"}
