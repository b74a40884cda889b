"""Several workers are one proxy to whoever reads its warnings."""

import http.client
import os
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

from earthwire.config.profile_file import profile_text
from earthwire.fault_models import Profile, ToolLaws
from earthwire.fault_models.laws.outcome import START, OutcomeCounts
from earthwire.proxy.workers import worker_of
from earthwire.proxy.workers.shared_warnings import REMEMBERED_MAX, SharedWarnings

WORKER_COUNT = 3
TIMEOUT_S = 20.0


def test_a_process_says_itself_what_it_likes_as_often_as_it_likes() -> None:
    said: list[str] = []
    warn = SharedWarnings(said.append)
    for text in ("slow", "slow", "full", "\udcff"):
        warn(text)
    warn.close()
    assert said == ["slow", "slow", "full", "\udcff"]


def test_what_is_remembered_is_bounded() -> None:
    warn = SharedWarnings(lambda _: None)
    for number in range(REMEMBERED_MAX + 10):
        warn(str(number))
    assert os.fstat(warn._memory).st_size == REMEMBERED_MAX * 16
    warn.close()


def test_of_processes_that_warn_at_once_one_is_heard() -> None:
    code = """
import os, time
from earthwire.proxy.workers.shared_warnings import SharedWarnings
warn = SharedWarnings(lambda text: os.write(1, (text + chr(10)).encode()))
begin = time.monotonic() + 0.2
children = []
for index in range(8):
    child = os.fork()
    if not child:
        while time.monotonic() < begin:
            pass
        for number in range(200):
            warn(f"warning {number}")
        warn(f"own {index}")
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=TIMEOUT_S)
    heard = Counter(ran.stdout.splitlines())
    assert ran.returncode == 0, ran.stderr
    assert len(heard) == 208
    assert set(heard.values()) == {1}


def call(port: int, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    connection.request("GET", path)
    connection.getresponse().read()
    connection.close()


def test_a_tool_that_the_profile_does_not_have_is_said_once_by_all_workers(workers, tmp_path: Path) -> None:
    laws = ToolLaws(10, 2, OutcomeCounts({START: {"ok": 10}, "ok": {"ok": 10}}), {})
    profile = tmp_path / "tools.yaml"
    profile.write_text(profile_text(Profile(tools={"GET tool/known": laws}, overall=laws)))
    episodes = [f"run-{number}" for number in range(12)]
    assert {worker_of(episode, WORKER_COUNT) for episode in episodes} == set(range(WORKER_COUNT))
    with workers(WORKER_COUNT, profile=profile) as running:
        for episode in episodes:
            call(running.port, f"/e/{episode}/unknown")
        assert running.stop() == 0
    lines = running.messages.splitlines()
    assert sum("GET tool/unknown: the profile has no such tool" in line for line in lines) == 1
    assert len(lines) == 1


def test_an_upstream_that_does_not_answer_is_said_once_by_all_workers(workers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with workers(WORKER_COUNT, upstream=nobody) as running:
        assert running.stop() == 0
    assert [line.count("does not answer yet") for line in running.messages.splitlines()] == [1]
