"""A worker that takes a crashed one's place goes on where the recording ends."""

import http.client
import os
import re
import signal
import time
from pathlib import Path

import pytest

from earthwire.config import read_profile, shipped_profile_path
from earthwire.fault_models import Call, Simulation
from earthwire.fault_models.plan import plan_digest
from earthwire.proxy.calls.pass_through import PassThrough
from earthwire.proxy.workers import Resuming, TooManyCallsError, resuming, worker_of
from earthwire.traces import JsonlWriter, TraceRecord, read_all
from earthwire.traces.files.shards import shard_path

WORKER_COUNT = 2
CALL_COUNT = 30
CLIENT_TIMEOUT_S = 20.0
SEED = 7
"""Of the planner in `conftest.SCRIPT`."""
DEMO = shipped_profile_path("demo")


def simulation(**options: object) -> Simulation:
    return Simulation(read_profile(DEMO), SEED, **options)


def write(path: Path, records: list[TraceRecord]) -> None:
    with JsonlWriter(path, append=True) as writer:
        for record in records:
            writer.write(record)


def record_of(planner: Simulation, index: int, **changes: object) -> TraceRecord:
    values = {
        "tool": "GET a/b",
        "episode": "run",
        "call_index": index,
        "seed": planner.seed,
        "profile_hash": planner.profile_hash,
    }
    return TraceRecord(**{**values, **changes})


def next_index(planner: Simulation, tool: str = "GET a/b", episode: str = "run") -> int:
    return planner.draw(Call(episode, tool)).call_index


def call(port: int, episode: str, count: int) -> None:
    """Make calls, each on a connection of its own, and again if the worker is not there."""
    done = 0
    deadline_s = time.monotonic() + CLIENT_TIMEOUT_S
    while done < count:
        assert time.monotonic() < deadline_s
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CLIENT_TIMEOUT_S)
        try:
            connection.request("GET", "/search", headers={"x-earthwire-episode": episode})
            connection.getresponse().read()
            done += 1
        except (ConnectionError, http.client.HTTPException):
            time.sleep(0.01)
        finally:
            connection.close()


def wait_for_records(path: Path, count: int) -> None:
    """Wait until so many calls are on the disk."""
    deadline_s = time.monotonic() + CLIENT_TIMEOUT_S
    while not path.exists() or len(path.read_bytes().splitlines()) < count + 1:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def killed_and_called_again(workers, record: Path | None, **options: object) -> tuple[str, int]:
    """Call an episode, kill its worker, call the episode again; return what was said, and the victim's number."""
    victim = worker_of("run", WORKER_COUNT)
    with workers(WORKER_COUNT, record, DEMO, **options) as running:
        call(running.port, "run", CALL_COUNT)
        if record is not None:
            wait_for_records(shard_path(record, victim), CALL_COUNT)
        os.kill(running.pids[victim], signal.SIGKILL)
        call(running.port, "run", CALL_COUNT)
        assert running.stop() == 0
    return running.messages, victim


def test_plans_after_a_crash_are_those_of_a_run_without_one(workers, tmp_path: Path) -> None:
    record = tmp_path / "calls.jsonl"
    said, _ = killed_and_called_again(workers, record)
    calls = sorted(read_all([record]), key=lambda one: one.call_index or 0)
    alone = simulation()
    expected = [plan_digest(alone.draw(Call("run", calls[0].tool)).plan) for _ in range(2 * CALL_COUNT)]
    assert [one.call_index for one in calls] == list(range(2 * CALL_COUNT))
    assert [one.plan_digest for one in calls] == expected
    assert len(set(expected)) > CALL_COUNT
    assert "its episodes go on after the calls that are recorded" in said


@pytest.mark.parametrize("options", [{}, {"regime_clock": "time"}])
def test_where_it_cannot_go_on_it_says_so(workers, tmp_path: Path, options: dict) -> None:
    record = tmp_path / "calls.jsonl" if options else None
    said, victim = killed_and_called_again(workers, record, **options)
    assert re.search(rf"worker {victim} .* its episodes start again at call 0", said)
    if record is not None:
        indexes = [one.call_index for one in read_all([record])]
        assert sorted(indexes) == sorted([*range(CALL_COUNT)] * 2)


def test_only_calls_of_this_run_profile_and_seed_count(tmp_path: Path) -> None:
    planner, path = simulation(), shard_path(tmp_path / "r.jsonl", 0)
    write(path, [record_of(planner, index) for index in range(9)])
    going_on = Resuming(tmp_path / "r.jsonl", 1)
    write(
        path,
        [
            record_of(planner, 2),
            record_of(planner, 0),
            record_of(planner, 7, seed=SEED + 1),
            record_of(planner, 7, profile_hash="other"),
            record_of(planner, 4, attributes='{"earthwire.budget_spent":"calls"}'),
            record_of(planner, 5, tool="GET a/c"),
            record_of(planner, 6, episode="other"),
        ],
    )
    going_on.resume(0, planner)
    assert next_index(planner) == 3
    assert next_index(planner, "GET a/c") == 6
    assert next_index(planner, episode="other") == 7
    assert next_index(planner, episode="fresh") == 0


def test_half_a_line_at_the_end_is_left_out(tmp_path: Path) -> None:
    planner, path = simulation(), shard_path(tmp_path / "r.jsonl", 0)
    going_on = Resuming(tmp_path / "r.jsonl", 1)
    write(path, [record_of(planner, 0), record_of(planner, 1)])
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    going_on.resume(0, planner)
    assert next_index(planner) == 1


def test_without_anything_recorded_all_begins_at_0(tmp_path: Path) -> None:
    planner = simulation()
    Resuming(tmp_path / "r.jsonl", 1).resume(0, planner)
    Resuming(None, 1).resume(0, planner)
    assert next_index(planner) == 0


def test_who_goes_on() -> None:
    recorded = Resuming(Path("r.jsonl"), 1)
    assert recorded.goes_on(0, simulation())
    assert not recorded.goes_on(0, simulation(regime_clock="time"))
    assert not recorded.goes_on(0, PassThrough())
    assert not Resuming(None, 1).goes_on(0, simulation())


def test_too_many_calls_are_not_gone_through(tmp_path: Path, monkeypatch) -> None:
    planner, path = simulation(), shard_path(tmp_path / "r.jsonl", 0)
    going_on = Resuming(tmp_path / "r.jsonl", 1)
    write(path, [record_of(planner, 10)])
    monkeypatch.setattr(resuming, "RESUMED_CALLS_MAX", 10)
    with pytest.raises(TooManyCallsError, match="11 calls were recorded"):
        going_on.resume(0, planner)
    assert next_index(planner) == 0
