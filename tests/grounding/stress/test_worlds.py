import numpy as np
import pytest

from earthwire.fault_models.simulation import Simulation
from earthwire.grounding.calibrate import calibrate
from earthwire.grounding.fits.payloads import PayloadBank
from earthwire.grounding.simulated import simulate
from earthwire.grounding.stress import AskedWaits, World, retryable_faults, simulated_world
from earthwire.grounding.stress import worlds as module
from earthwire.traces.columns.calls import calls_from_records
from earthwire.traces.record import TraceRecord

START_NS = 1_700_000_000_123_456_789


def call(
    seq: int,
    status: int,
    wait_s: float | None = None,
    session: str | None = "s",
    start_ns: int | None = START_NS,
) -> TraceRecord:
    return TraceRecord(
        tool="GET /items",
        session_id=session,
        seq=seq,
        start_time_unix_nano=None if start_ns is None else start_ns + seq * 10**9,
        duration_ns=10**7,
        outcome="ok" if status == 200 else "http_error",
        http_response_status_code=status,
        retry_after_s=wait_s,
        response_body='{"error": "slow down"}' if status == 429 else None,
        content_type="application/json",
    )


def test_waits_are_found_again_at_their_calls() -> None:
    records = [call(0, 200), call(1, 429, 7.0), call(2, 429), call(0, 429, 3.0, session=None)]
    waits = AskedWaits()
    for record in records:
        waits.add(record)
    calls = calls_from_records(reversed(records))
    told = {
        (calls.session_names[session], start): wait_s
        for session, start, wait_s in zip(
            calls.session.tolist(), calls.start_s.tolist(), waits.of(calls).tolist(), strict=True
        )
        if wait_s == wait_s
    }
    assert sorted(told.values()) == [3.0, 7.0]
    assert told[("s", (START_NS + 10**9) / 1e9)] == 7.0


def test_waits_of_calls_without_start_times_are_left_out() -> None:
    record = call(0, 429, 7.0, start_ns=None)
    waits = AskedWaits()
    waits.add(record)
    assert np.isnan(waits.of(calls_from_records([record]))).all()


def test_remembered_waits_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITS_MAX", 2)
    records = [call(seq, 429, 1.0) for seq in range(5)]
    waits = AskedWaits()
    for record in records:
        waits.add(record)
    assert int(np.isfinite(waits.of(calls_from_records(records))).sum()) == 2


def test_a_simulated_world_is_what_the_draw_gives_with_its_retry_after() -> None:
    records = [
        call(seq, 429 if seq % 5 == 4 else 200, 9.0 if seq % 5 == 4 else None, f"s{session}")
        for session in range(12)
        for seq in range(25)
    ]
    bank = PayloadBank()
    for record in records:
        bank.add(record)
    calls = calls_from_records(records)
    profile = calibrate(calls, payloads=bank, engine="compact", has_intervals=False)
    world = simulated_world(Simulation(profile, 3), calls)
    assert (world.calls.kind == simulate(profile, calls, 3).kind).all()
    assert (world.failed == retryable_faults(world.calls)).all()
    assert world.failed.any()
    assert (np.isfinite(world.asked_wait_s) == world.failed).all()


def test_what_a_failed_call_leaves_open() -> None:
    outcomes = ("ok", "timeout", "malformed", "tool_error")
    records = [
        TraceRecord(tool="t", session_id="s", seq=seq, outcome=outcome)  # type: ignore[arg-type]  # from above
        for seq, outcome in enumerate(outcomes)
    ]
    world = World.of(calls_from_records(records))
    assert world.unsure.tolist() == [False, True, False, False]
    assert world.done.tolist() == [True, False, True, False]
    assert not world.has_times
    nothing = World.of(world.calls.part(0, 0))
    assert not nothing.has_times
    assert len(nothing.unsure) == 0
