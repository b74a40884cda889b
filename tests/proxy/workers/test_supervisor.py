"""Several workers are one proxy: same plans, no record lost, and a crash is one line and a new worker."""

import asyncio
import contextlib
import http.client
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from earthwire.config.profile_file import profile_text, read_profile
from earthwire.fault_models import Call, Profile, Simulation, ToolLaws
from earthwire.fault_models.grounded import GroundedSimulation
from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
from earthwire.fault_models.laws.outcome import START, OutcomeCounts
from earthwire.fault_models.laws.rate_limit import RateLimit
from earthwire.fault_models.laws.regime import RunHistory, UpstreamRegime
from earthwire.fault_models.plan import plan_digest
from earthwire.proxy import PassThrough, ServeConfig, ServeError, Supervisor
from earthwire.proxy.recording.recorder import BATCH_COUNT_MAX, BATCH_PERIOD_S
from earthwire.proxy.workers import worker_of
from earthwire.traces import ReadOptions, read_all, read_traces, shard_path

CLIENT_TIMEOUT_S = 20.0
EPISODES = [f"run-{number}" for number in range(8)]
CALLS_PER_EPISODE = 25
RATE_HZ = 1000
LOAD_S = 3.0
KILLED_AFTER_S = 1.0
CONNECTION_COUNT = 40


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tools with latencies of 1 to 5 ms, of whose calls a third fails, more often after a failure."""
    often, seldom = {"ok": 80, "http_5xx:503": 20}, {"ok": 20, "http_5xx:503": 80}
    outcomes = OutcomeCounts({START: often, "ok": often, "http_5xx:503": seldom})
    quantiles_s = tuple(0.001 + 0.004 * number / len(LEVELS) for number in range(len(LEVELS)))
    latency = {kind: LatencyTable(1000, quantiles_s) for kind in often}
    laws = ToolLaws(1000, 20, outcomes, latency)
    path = tmp_path_factory.mktemp("profile") / "tools.yaml"
    tools = {"GET api.example/a": laws, "GET api.example/b": laws}
    path.write_text(profile_text(Profile(tools=tools, overall=laws)))
    return path


@pytest.fixture(scope="module")
def instant_tool_url() -> Iterator[str]:
    """A tool that can answer thousands of requests a second."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

    class Tool(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(answer * data.count(b"\r\n\r\n"))  # type: ignore[attr-defined]

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(Tool, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    server.close()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def call_episode(port: int, episode: str) -> None:
    """Make the calls of one episode, two tools in turn, on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CLIENT_TIMEOUT_S)
    for number in range(CALLS_PER_EPISODE):
        connection.request("GET", f"/{'ab'[number % 2]}", headers={"x-earthwire-episode": episode})
        connection.getresponse().read()
    connection.close()


def call_outside_episodes(port: int) -> None:
    """Make calls outside any episode, each on a connection of its own, so that every worker gets some."""
    for _ in range(CALLS_PER_EPISODE):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CLIENT_TIMEOUT_S)
        connection.request("GET", "/a")
        connection.getresponse().read()
        connection.close()


def plans(path: Path) -> dict[tuple[str | None, str, int | None], str | None]:
    """Return the digest of every recorded plan, by what it may depend on."""
    return {(call.episode, call.tool, call.call_index): call.plan_digest for call in read_all([path])}


def test_the_same_seed_gives_the_same_plans_with_any_number_of_workers(workers, profile, tmp_path):
    found = {}
    for count in (1, 2, 4):
        record = tmp_path / f"by-{count}.jsonl"
        with workers(count, record, profile) as running, ThreadPoolExecutor(len(EPISODES) + 1) as pool:
            calls = [pool.submit(call_episode, running.port, episode) for episode in EPISODES]
            calls.append(pool.submit(call_outside_episodes, running.port))
            for call in calls:
                call.result()
            assert running.stop() == 0
        found[count] = plans(record)
    expected_count = (len(EPISODES) + 1) * CALLS_PER_EPISODE
    assert [len(found[count]) for count in (1, 2, 4)] == [expected_count] * 3
    assert found[1] == found[2] == found[4]
    # Otherwise it would say little that they are equal.
    assert len(set(found[1].values())) > expected_count / 2
    assert len({worker_of(episode, 4) for episode in EPISODES}) > 2


@pytest.fixture(scope="module")
def timed_profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tools that are down together in half of all ticks, and whose quota of three is filled up every 50 ms."""
    outcomes = OutcomeCounts({START: {"ok": 50, "http_5xx:503": 50}, "ok": {"ok": 50, "http_5xx:503": 50}})
    quantiles_s = tuple(0.001 + 0.004 * number / len(LEVELS) for number in range(len(LEVELS)))
    latency = {"ok": LatencyTable(1000, quantiles_s)}
    laws = ToolLaws(1000, 20, outcomes, latency, rate_limit=RateLimit(3, 30, 0.05))
    down_at_times = UpstreamRegime(RunHistory((20, 20)), 10_000, 0, 10_000, 10_000)
    tools = {"GET api.example/a": laws, "GET api.example/b": laws}
    path = tmp_path_factory.mktemp("timed") / "tools.yaml"
    path.write_text(
        profile_text(Profile(tools=tools, overall=laws, upstreams={"api.example": down_at_times}))
    )
    return path


def test_outages_and_limits_on_the_wall_clock_follow_from_seed_and_time_in_every_worker(
    workers, timed_profile, tmp_path
):
    """One simulation in this process, told the times of the recorded calls, draws what all workers drew, one by one."""
    down = {}
    for count in (1, 3):
        record = tmp_path / f"timed-{count}.jsonl"
        with (
            workers(count, record, timed_profile, regime_clock="time") as running,
            ThreadPoolExecutor(len(EPISODES)) as pool,
        ):
            list(pool.map(lambda episode, port=running.port: call_episode(port, episode), EPISODES))
            assert running.stop() == 0
        calls = sorted(read_all([record]), key=lambda call: (call.episode, call.call_index))
        assert len(calls) == len(EPISODES) * CALLS_PER_EPISODE
        began_ns = {
            episode: min(call.start_time_unix_nano for call in calls if call.episode == episode)
            for episode in EPISODES
        }
        alone = Simulation(read_profile(timed_profile), 7, regime_clock="time")
        for call in calls:
            at_s = (call.start_time_unix_nano - began_ns[call.episode]) / 1e9
            target = f"/{call.tool[-1]}"
            drawn = alone.draw(Call(call.episode, call.tool, "GET", target, at_s))
            assert plan_digest(drawn.plan) == call.plan_digest
        down[count] = {call.episode for call in calls if call.http_response_status_code == 503}
        # Otherwise it would say little: limits were met, and calls passed them.
        statuses = {call.http_response_status_code for call in calls}
        assert {200, 429, 503} <= statuses
    # Which episodes begin in an outage follows from the seed alone.
    assert down[1] == down[3] < set(EPISODES)


class Caller(asyncio.Protocol):
    """A connection with at most one call under way."""

    def __init__(self, load: "Load", number: int) -> None:
        self.load = load
        self.request = f"GET /e/run-{number}/x HTTP/1.1\r\nHost: a\r\n\r\n".encode()

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.load.idle.append(self)

    def send(self) -> None:
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.load.answered_count += 1
        self.load.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self.load.idle:
            self.load.idle.remove(self)
        self.load.broken.append(self)


class Load:
    """Calls at a fixed rate, whatever becomes of the earlier ones; broken connections are opened again."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.idle: list[Caller] = []
        self.broken = [Caller(self, number) for number in range(CONNECTION_COUNT)]
        self.sent_count = self.answered_count = 0

    async def run(self, victim: int) -> None:
        """Call for `LOAD_S`, and kill a process in the middle."""
        loop = asyncio.get_running_loop()
        started_s, is_killed = time.monotonic(), False
        while (elapsed_s := time.monotonic() - started_s) < LOAD_S:
            if not is_killed and elapsed_s > KILLED_AFTER_S:
                os.kill(victim, signal.SIGKILL)
                is_killed = True
            while self.broken:
                caller = self.broken.pop()
                with contextlib.suppress(OSError):
                    await loop.create_connection(lambda caller=caller: caller, "127.0.0.1", self.port)
            while self.sent_count < elapsed_s * RATE_HZ and self.idle:
                self.idle.pop().send()
                self.sent_count += 1
            await asyncio.sleep(0.001)
        while self.idle:
            self.idle.pop().transport.abort()
        await asyncio.sleep(0)


def test_kill_9_at_1000_requests_a_second_loses_no_acknowledged_record(workers, instant_tool_url, tmp_path):
    """The killed worker may have written one batch that it had no time to count; it has lost none that it counted."""
    record, worker_count, victim = tmp_path / "calls.jsonl", 2, 0
    with workers(worker_count, record, upstream=instant_tool_url) as running:
        load = Load(running.port)
        asyncio.run(load.run(running.pids[victim]))
        assert running.stop() == 0
    readable_counts = []
    for worker in range(worker_count):
        cut = []
        readable_counts.append(
            sum(1 for _ in read_traces(shard_path(record, worker), ReadOptions(), cut.append))
        )
        assert cut == []
    assert load.answered_count > 0.5 * RATE_HZ * LOAD_S
    # The kernel spreads connections by their ports, not evenly.
    assert min(readable_counts) > 0
    assert readable_counts[1] == running.written_counts[1]
    assert 0 <= readable_counts[victim] - running.written_counts[victim] <= BATCH_COUNT_MAX
    # What was not acknowledged: at most what waits for its batch, and the calls that were under way.
    assert load.answered_count - sum(readable_counts) <= RATE_HZ * 2 * BATCH_PERIOD_S + CONNECTION_COUNT
    assert re.search(r"worker 0 \(process \d+\) was ended by SIGKILL; the \d+ records", running.messages)
    assert "the next one starts in 0.1 s" in running.messages
    assert len(running.messages.splitlines()) == 1


def test_a_worker_that_keeps_crashing_is_started_at_growing_intervals(workers):
    with workers(2) as running:
        for _ in range(3):
            pid = child_with_most_recent_start(running.process.pid)
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda pid=pid: len(children(running.process.pid) - {pid}) == 2)
        assert running.stop() == 0
    waits = [float(text) for text in re.findall(r"starts in ([0-9.]+) s", running.messages)]
    assert waits == [0.1, 0.2, 0.4]


def children(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def child_with_most_recent_start(pid: int) -> int:
    return max(children(pid), key=lambda child: int(Path(f"/proc/{child}/stat").read_text().split()[21]))


def wait_until(condition) -> None:
    deadline_s = time.monotonic() + CLIENT_TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_workers_end_when_their_supervisor_is_killed(workers):
    with workers(2) as running:
        running.process.kill()
        for pid in running.pids:
            wait_until(lambda pid=pid: not Path(f"/proc/{pid}").exists() or "Z" in state_of(pid))


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


def test_calls_in_flight_end_when_the_workers_are_told_to_stop(workers, tmp_path):
    """The tool answers only after the proxy was told to stop."""
    record = tmp_path / "calls.jsonl"
    with contextlib.ExitStack() as opened:
        tool = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        running = opened.enter_context(
            workers(2, record, upstream=f"http://127.0.0.1:{tool.getsockname()[1]}")
        )
        clients = [socket.create_connection(("127.0.0.1", running.port), CLIENT_TIMEOUT_S) for _ in EPISODES]
        for client, episode in zip(clients, EPISODES, strict=True):
            client.sendall(f"GET /e/{episode}/slow HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        asked = []
        while len(asked) < len(EPISODES):
            connection, _ = tool.accept()
            connection.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                if connection.recv(1 << 16):
                    asked.append(connection)
        running.process.send_signal(signal.SIGTERM)
        wait_until(lambda: is_refused(running.port))
        for connection in asked:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
        assert [client.recv(1 << 16)[-4:] for client in clients] == [b"done"] * len(EPISODES)
        assert running.process.wait(CLIENT_TIMEOUT_S) == 0
        for connection in (*clients, *asked):
            connection.close()
    assert [call.outcome for call in read_all([record])] == ["ok"] * len(EPISODES)


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), CLIENT_TIMEOUT_S).close()
    except ConnectionError:
        return True
    return False


def config(port: int = 0) -> ServeConfig:
    return ServeConfig(upstreams={"tool": "http://127.0.0.1:1"}, port=port)


@pytest.mark.parametrize("count", [0, 65])
def test_a_number_of_workers_out_of_range_is_named(count):
    with pytest.raises(ServeError, match=rf"{count} workers: 1 to 64 are possible"):
        Supervisor(config(), PassThrough(), count, print)


def test_a_worker_that_cannot_start_ends_all_with_its_reason(tmp_path):
    record = tmp_path / "calls.jsonl"
    shard_path(record, 1).write_text("no trace file\n")
    supervisor = Supervisor(msgspec.structs.replace(config(), record_path=record), PassThrough(), 2, print)
    with pytest.raises(ServeError, match=r"worker 1: .*calls\.worker-1\.jsonl:1: no header"):
        supervisor.run(lambda _: pytest.fail("it must not serve"))


def test_a_worker_that_cannot_start_again_says_why(workers, tmp_path):
    record = tmp_path / "calls.jsonl"
    with workers(2, record) as running:
        shard_path(record, 0).write_text("no trace file\n")
        os.kill(running.pids[0], signal.SIGKILL)
        wait_until(lambda: len(children(running.process.pid)) == 1)
        wait_until(lambda: len(children(running.process.pid)) == 2)
        wait_until(lambda: len(children(running.process.pid)) == 1)
        assert running.stop() == 0
    assert "worker 0 cannot start again: " in running.messages
    assert "no header" in running.messages


def test_a_socket_file_is_refused(tmp_path):
    on_file = msgspec.structs.replace(config(), unix_path=tmp_path / "earthwire.sock")
    with pytest.raises(ServeError, match=r"earthwire\.sock: a socket file has one listener"):
        Supervisor(on_file, PassThrough(), 2, print)


def test_the_port_of_other_workers_is_not_shared_silently(workers):
    with (
        workers(2) as running,
        pytest.raises(ServeError, match=rf"port {running.port} on 127.0.0.1 is in use"),
    ):
        Supervisor(config(running.port), PassThrough(), 2, print)


def test_what_learns_from_all_calls_is_refused(profile):
    simulation = Simulation(read_profile(profile), 7)
    with pytest.raises(ServeError, match="--ground learns from all calls"):
        Supervisor(config(), GroundedSimulation(simulation, print), 2, print)
