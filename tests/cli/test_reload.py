"""SIGHUP: new calls get what recipe and profile say now, calls under way end as they began."""

import http.client
import itertools
import json
import os
import re
import select
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from earthwire.config.profile_file import profile_text
from earthwire.fault_models import Profile, ToolLaws
from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
from earthwire.fault_models.laws.outcome import START, OutcomeCounts
from earthwire.traces import TraceRecord, read_all

END_TIMEOUT_S = 30.0
TOKEN = "a-token-that-only-this-test-knows"


def write_profile(path: Path, latency_s: float) -> None:
    """Write a profile of calls that always succeed after the same time."""
    outcomes = OutcomeCounts({START: {"ok": 1000}, "ok": {"ok": 1000}})
    quantiles_s = tuple(latency_s * (1 + 1e-6 * number) for number in range(len(LEVELS)))
    laws = ToolLaws(1000, 20, outcomes, {"ok": LatencyTable(1000, quantiles_s)})
    path.write_text(profile_text(Profile(tools={"GET api.example/a": laws}, overall=laws)))


class Serving:
    """``earthwire serve`` as a process, before a tool that answers at once."""

    def __init__(self, folder: Path, tool_port: int, worker_count: int) -> None:
        self.profile, self.recipe = folder / "tools.yaml", folder / "recipe.yaml"
        self.record = folder / "calls.jsonl"
        self.worker_count = worker_count
        self.write_recipe(tool_port)
        command = "from earthwire.cli.main import main; main()"
        arguments = ["serve", str(self.recipe), "--admin-port", "0"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "EARTHWIRE_ADMIN_TOKEN": TOKEN},
            bufsize=0,  # Or lines would wait in a buffer that `select` does not see.
        )
        assert self.process.stdout is not None
        found = re.search(r":(\d+) ", self.process.stdout.readline().decode())
        assert found is not None, self.process.communicate(timeout=END_TIMEOUT_S)
        self.port = int(found[1])
        self.admin_port = int(self.heard(r"admin API[^:]*: http://127\.0\.0\.1:(\d+)")[1])

    def write_recipe(
        self, tool_port: int, seed: int = 3, workers: int | None = None, listen_port: int = 0
    ) -> None:
        workers = self.worker_count if workers is None else workers
        self.recipe.write_text(
            f"earthwire_recipe: 1\nprofile: tools.yaml\nseed: {seed}\n"
            f"listen: {{port: {listen_port}, workers: {workers}}}\n"
            f"routes: {{tool: {{upstream: 'http://127.0.0.1:{tool_port}'}}}}\nrecord: {{path: calls.jsonl}}\n"
        )

    def call(self, target: str = "/a") -> float:
        """Make a call; return the seconds that it took."""
        started_s = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=END_TIMEOUT_S)
        connection.request("GET", target)
        assert connection.getresponse().read() == b"{}"
        connection.close()
        return time.monotonic() - started_s

    def wait_until_it_listens(self) -> None:
        deadline_s = time.monotonic() + END_TIMEOUT_S
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), END_TIMEOUT_S).close()
            except ConnectionRefusedError:
                assert time.monotonic() < deadline_s

    def reload(self, expected: str) -> str:
        """Send SIGHUP and return what is said about it."""
        self.process.send_signal(signal.SIGHUP)
        return self.heard(re.escape(expected)).string

    def reload_by_admin(self) -> tuple[int, str]:
        """Ask the admin side to read the recipe anew; return status and message."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=END_TIMEOUT_S)
        connection.request("POST", "/_earthwire/reload", headers={"Authorization": f"Bearer {TOKEN}"})
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        return response.status, answer["message"] if response.status == 200 else answer["error"]["message"]

    def heard(self, pattern: str) -> re.Match[str]:
        """Wait until something is said on stderr."""
        assert self.process.stderr is not None
        while True:
            readable, _, _ = select.select([self.process.stderr], [], [], END_TIMEOUT_S)
            assert readable, f"nothing was said about {pattern!r}"
            if found := re.search(pattern, self.process.stderr.readline().decode()):
                return found

    def stop(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        _, messages = self.process.communicate(timeout=END_TIMEOUT_S)
        assert self.process.returncode == 0
        return messages.decode()


@pytest.fixture(scope="module")
def instant_tool() -> Iterator[int]:
    """A tool that answers at once; its port."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

    class Tool(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                if line == b"\r\n":
                    self.wfile.write(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tool) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture(params=[1, 2])
def serving(request, tmp_path, instant_tool):
    write_profile(tmp_path / "tools.yaml", 0.001)
    serving = Serving(tmp_path, instant_tool, request.param)
    yield serving
    if serving.process.poll() is None:
        serving.process.kill()
        serving.process.communicate()


def until_new(serving: Serving, is_new) -> None:
    """Call until the workers serve the new recipe: they take a moment to read it."""
    deadline_s = time.monotonic() + END_TIMEOUT_S
    while not is_new(serving.call()):
        assert time.monotonic() < deadline_s


def as_made(serving: Serving) -> list[TraceRecord]:
    """Return the recorded calls in the order of their starts: each worker writes its own in batches."""
    return sorted(read_all([serving.record]), key=lambda call: call.start_time_unix_nano or 0)


def test_new_calls_get_the_new_profile(serving):
    assert serving.call() < 0.3
    write_profile(serving.profile, 0.3)
    assert "new calls get profile" in serving.reload("the recipe was read again")
    until_new(serving, lambda took_s: took_s >= 0.3)
    serving.stop()
    hashes = [call.profile_hash for call in as_made(serving)]
    assert len(set(hashes)) == 2
    assert hashes[0] != hashes[-1]


def test_nothing_is_said_of_what_did_not_change(serving):
    """It had been: what was read anew knew nothing of the admin side."""
    write_profile(serving.profile, 0.3)
    serving.process.send_signal(signal.SIGHUP)
    line = serving.heard("the recipe was read again|stays as it is").string
    until_new(serving, lambda took_s: took_s >= 0.3)
    assert "stays as it is" not in line + serving.stop()


def test_a_number_of_workers_that_changes_is_said_once(serving, instant_tool):
    serving.write_recipe(instant_tool, seed=5, workers=3)
    serving.process.send_signal(signal.SIGHUP)
    serving.heard("listen.workers: changed in the recipe, and stays as it is")
    assert "listen.workers" not in serving.stop()


def test_a_port_that_changes_is_said_once(serving, instant_tool):
    """Nothing was said, and whoever asked at the new port found nobody."""
    serving.write_recipe(instant_tool, seed=5, listen_port=1)
    serving.process.send_signal(signal.SIGHUP)
    serving.heard("listen.port: changed in the recipe, and stays as it is")
    assert "listen.port" not in serving.stop()


def test_a_call_under_way_ends_as_it_began(serving):
    write_profile(serving.profile, 0.8)
    serving.reload("the recipe was read again")
    until_new(serving, lambda took_s: took_s >= 0.8)
    with socket.create_connection(("127.0.0.1", serving.port), END_TIMEOUT_S) as client:
        started_s = time.monotonic()
        client.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        write_profile(serving.profile, 0.001)
        serving.reload("the recipe was read again")
        assert client.recv(1 << 16).endswith(b"{}")
        assert time.monotonic() - started_s >= 0.8
    until_new(serving, lambda took_s: took_s < 0.8)
    serving.stop()


@pytest.mark.parametrize("broken", ["profile", "recipe"])
def test_a_broken_file_is_one_error_and_the_old_one_stays(serving, broken):
    path = serving.profile if broken == "profile" else serving.recipe
    path.write_text("tool: {}\n")
    line = serving.reload("was not read again")
    assert f"{path}:1:1: " in line
    assert "the old one stays" in line
    serving.call()
    serving.call("/e/another/a")
    rest = serving.stop()
    assert "was not read again" not in rest
    assert "Traceback" not in rest
    assert len({call.profile_hash for call in read_all([serving.record])}) == 1


def test_the_admin_side_has_it_read_anew(serving):
    write_profile(serving.profile, 0.3)
    status, message = serving.reload_by_admin()
    assert (status, "read" in message) == (200, True)
    until_new(serving, lambda took_s: took_s >= 0.3)
    serving.stop()


@pytest.mark.parametrize("serving", [1], indirect=True)
def test_the_admin_side_says_what_is_wrong_and_the_old_one_stays(serving):
    serving.profile.write_text("tool: {}\n")
    status, message = serving.reload_by_admin()
    assert status == 422
    assert f"{serving.profile}:1:1: " in message
    serving.call()
    serving.stop()


def test_recordings_that_cannot_be_replayed_do_not_end_what_is_served(serving):
    """At the start they end the command."""
    text = serving.recipe.read_text()
    serving.recipe.write_text(text + "replay: {traces: [calls.jsonl], on_miss: forward}\n")
    serving.reload("was not read again")
    serving.call()
    serving.stop()


def test_a_recipe_that_cannot_be_served_is_refused_each_time_it_is_read(serving):
    """It counted as served: that nothing changes was said of it the next time."""
    text = serving.recipe.read_text()
    serving.recipe.write_text(text + "upstream_tls: {ca: absent.pem}\n")
    for _ in range(2):
        assert "absent.pem: not a PEM file of certificate authorities" in serving.reload("was not read again")
    serving.recipe.write_text(text)
    serving.reload("nothing changes")
    serving.call()
    assert "the recipe was read again" not in serving.stop()


def test_what_did_not_change_changes_nothing(serving):
    serving.call()
    serving.reload("nothing changes")
    serving.call()
    serving.stop()
    assert sorted(call.call_index for call in read_all([serving.record])) == [0, 1]


def test_the_address_stays_and_that_is_said(serving):
    text = serving.recipe.read_text()
    serving.recipe.write_text(text.replace("calls.jsonl", "others.jsonl").replace("seed: 3", "seed: 4"))
    write_profile(serving.profile, 0.3)
    serving.reload("record: changed in the recipe, and stays as it is until the next start")
    until_new(serving, lambda took_s: took_s >= 0.3)
    serving.stop()
    assert not list(serving.recipe.parent.glob("others*"))
    assert as_made(serving)[-1].seed == 4


def test_a_new_clock_is_that_of_episodes_that_begin_afterwards(serving):
    """It was passed over in silence."""
    write_profile(serving.profile, 0.3)
    serving.reload("the recipe was read again")
    until_new(serving, lambda took_s: took_s >= 0.3)
    serving.call("/e/before/a")
    serving.recipe.write_text(serving.recipe.read_text() + "clock: {mode: virtual}\n")
    serving.reload("the recipe was read again")
    targets = (f"/e/after-{number}/a" for number in itertools.count())
    deadline_s = time.monotonic() + END_TIMEOUT_S
    while serving.call(next(targets)) >= 0.3:
        assert time.monotonic() < deadline_s
    assert serving.call("/e/before/a") >= 0.3
    serving.stop()


def test_a_new_budget_stays_out_and_that_is_said(serving):
    """It was passed over in silence."""
    serving.recipe.write_text(serving.recipe.read_text() + "budget: {calls_max: 1}\n")
    serving.reload("budget: changed in the recipe, and stays as it is until the next start")
    for _ in range(3):
        serving.call("/e/thrifty/a")
    assert "stays as it is" not in serving.stop()


@pytest.mark.parametrize("serving", [2], indirect=True)
def test_a_worker_that_starts_after_a_reload_serves_what_the_others_serve(serving, instant_tool):
    """It had the budget of the new recipe, and recorded bodies."""
    text = serving.recipe.read_text().replace("seed: 3", "seed: 4")
    serving.recipe.write_text(
        text.replace("path: calls.jsonl", "path: calls.jsonl, bodies: true") + "budget: {calls_max: 1}\n"
    )
    serving.reload("the recipe was read again")
    for pid in Path(f"/proc/{serving.process.pid}/task/{serving.process.pid}/children").read_text().split():
        os.kill(int(pid), signal.SIGKILL)
    for _ in range(2):
        serving.heard("the next one starts in")
    serving.wait_until_it_listens()
    for number in range(4):
        serving.call(f"/e/run-{number}/a")
        serving.call(f"/e/run-{number}/a")
    serving.stop()
    calls = as_made(serving)
    assert len(calls) == 8
    assert {call.seed for call in calls} == {4}
    assert {call.url_full for call in calls} == {None}
