"""Each worker has an admin side, for the episodes that it serves."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from earthwire.client import EarthwireClient
from earthwire.proxy.workers import worker_of

TOKEN = "a-token-that-only-this-test-knows"
TIMEOUT_S = 20.0
WORKER_COUNT = 2


def ask(url: str, method: str = "GET", body: object = None) -> tuple[int, dict]:
    """Return status and JSON of an answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@contextlib.contextmanager
def running_workers(tool_url, monkeypatch):
    """Run two workers; give the process of their supervisor and the URLs of their admin APIs."""
    monkeypatch.setenv("EARTHWIRE_ADMIN_TOKEN", TOKEN)
    command = "from earthwire.cli.main import main; main()"
    arguments = ("serve", "-u", tool_url, "--port", "0", "--workers", str(WORKER_COUNT), "--admin-port", "0")
    process = subprocess.Popen(
        [sys.executable, "-c", command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    urls = []
    while len(urls) < WORKER_COUNT:
        line = process.stderr.readline()
        assert line, "it did not start"
        urls += re.findall(r"admin API of a worker: (http://127\.0\.0\.1:\d+)/", line)
    try:
        yield process, urls
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0


def workers_of(supervisor: int) -> list[int]:
    """Return the processes of the workers, in the order of their start."""
    return sorted(map(int, Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()))


@pytest.fixture
def admin_urls(tool_url, monkeypatch):
    """The admin APIs of two workers."""
    with running_workers(tool_url, monkeypatch) as (_, urls):
        yield urls


def test_an_episode_is_served_and_counted_by_the_worker_that_declared_it(admin_urls):
    base_ports = set()
    for admin_url in admin_urls:
        for _ in range(4):
            status, created = ask(f"{admin_url}/_earthwire/episodes", "POST", {})
            assert status == 201
            base_ports.add(created["base_url"].split("/e/")[0])
            for _ in range(3):
                assert ask(f"{created['base_url']}/x")[0] == 200
            _, report = ask(f"{admin_url}/_earthwire/episodes/{created['id']}")
            assert report["calls"] == 3
    assert len(base_ports) == WORKER_COUNT


def test_an_id_that_another_worker_serves_is_refused_with_its_port(admin_urls):
    for episode in [f"run-{number}" for number in range(6)]:
        owner = worker_of(episode, WORKER_COUNT)
        answers = [ask(f"{url}/_earthwire/episodes", "POST", {"id": episode}) for url in admin_urls]
        assert [status for status, _ in answers] == [201 if worker == owner else 421 for worker in range(2)]
        refusal = answers[1 - owner][1]
        assert admin_urls[owner].rsplit(":", 1)[1] in json.dumps(refusal)


def test_any_worker_tells_the_dashboard_of_all_of_them(admin_urls):
    for admin_url in admin_urls:
        _, created = ask(f"{admin_url}/_earthwire/episodes", "POST", {})
        for _ in range(3):
            assert ask(f"{created['base_url']}/x")[0] == 200
    for asked, admin_url in enumerate(admin_urls):
        status, live = ask(f"{admin_url}/_earthwire/live")
        assert status == 200
        assert [worker["index"] for worker in live["workers"]] == [0, 1]
        assert live["silent_workers"] == []
        assert (live["calls"], live["episode_count"]) == (6, 2)
        assert {episode["worker"] for episode in live["episodes"]} == {0, 1}
        assert sum(live["latency"]["achieved"]["counts"]) == 6
        _, own = ask(f"{admin_url}/_earthwire/live?scope=own")
        assert [worker["index"] for worker in own["workers"]] == [asked]
        assert own["calls"] == 3


def test_a_worker_that_does_not_answer_is_named(monkeypatch, tool_url):
    """One that is stopped keeps its port and takes connections: only time tells."""
    with running_workers(tool_url, monkeypatch) as (process, urls):
        victim = workers_of(process.pid)[1]
        os.kill(victim, signal.SIGSTOP)
        try:
            _, live = ask(f"{urls[0]}/_earthwire/live")
        finally:
            os.kill(victim, signal.SIGCONT)
        assert [worker["index"] for worker in live["workers"]] == [0]
        assert live["silent_workers"] == [1]


def test_an_episode_that_was_lost_in_a_crash_is_refused_until_it_is_declared_again(monkeypatch, tool_url):
    """Its calls would otherwise go on under the recipe's own seed and laws, and nobody would know."""
    episode = "run-1"
    owner = worker_of(episode, WORKER_COUNT)
    bystander = next(name for name in map("by-{}".format, range(9)) if worker_of(name, WORKER_COUNT) == owner)
    with running_workers(tool_url, monkeypatch) as (process, urls):
        api = f"{urls[owner]}/_earthwire/episodes"
        base_url = ask(api, "POST", {"id": episode, "seed": 5})[1]["base_url"]
        assert ask(f"{base_url}/x")[0] == 200
        os.kill(workers_of(process.pid)[owner], signal.SIGKILL)
        status, refusal = asked_until_there(f"{base_url}/x")
        assert (status, refusal["error"]["code"]) == (410, "episode_lost")
        assert asked_until_there(f"{base_url.replace(episode, bystander)}/x")[0] == 200
        status, missing = asked_until_there(f"{api}/{episode}")  # Its admin side comes after it.
        assert (status, "was lost" in missing["error"]["message"]) == (404, True)
        assert ask(api, "POST", {"id": episode, "seed": 5})[0] == 201
        assert ask(f"{base_url}/x")[0] == 200
        assert ask(f"{api}/{episode}")[1]["calls"] == 1


def asked_until_there(url: str) -> tuple[int, dict]:
    """Ask until the worker that is started anew answers."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while True:
        try:
            return ask(url)
        except (OSError, http.client.HTTPException):
            assert time.monotonic() < deadline_s
            time.sleep(0.02)


def test_the_client_finds_the_worker_of_an_episode_from_any_of_them(admin_urls):
    client = EarthwireClient(admin_urls[0], TOKEN)
    for episode in [f"run-{number}" for number in range(6)]:
        with client.episode(id=episode) as declared:
            assert declared.report().calls == 0
