"""The panel on known truth: bursts of a known kind, simulated rightly and wrongly."""

import msgspec
import numpy as np
import pytest

from earthwire.fault_models.runs.retry_policy import POLICIES
from earthwire.fault_models.simulation import Simulation
from earthwire.grounding.calibrate import calibrate
from earthwire.grounding.fits.payloads import PayloadBank
from earthwire.grounding.stress import (
    PolicyCounts,
    PolicyGap,
    Tolerance,
    World,
    held_out_worlds,
    independent_faults,
    panel_rows,
    panel_word,
    policy_gap,
    simulated_worlds,
    too_little,
    unjudged_rows,
)
from earthwire.traces.columns.calls import Calls, calls_from_records
from earthwire.traces.record import TraceRecord

START_NS = 1_700_000_000 * 10**9
SESSIONS, CALLS = 300, 160


def bursts(seed: int, sessions: int = SESSIONS, has_times: bool = True, outcome: str = "tool_error") -> Calls:
    """A tenth of all calls fail, in runs of 6 on average: P(bad | good) = 1/54, P(bad | bad) = 5/6."""
    rng = np.random.default_rng(seed)
    records = []
    for session in range(sessions):
        bad = bool(rng.random() < 0.1)
        for seq in range(CALLS):
            bad = bool(rng.random() < (5 / 6 if bad else 1 / 54))
            records.append(
                TraceRecord(
                    tool="t",
                    session_id=f"s{session}",
                    seq=seq,
                    start_time_unix_nano=START_NS + seq * 10**9 if has_times else None,
                    duration_ns=10**7,
                    outcome=outcome if bad else "ok",  # type: ignore[arg-type]  # one of the outcomes
                )
            )
    return calls_from_records(records)


def by_name(rows: tuple[PolicyGap, ...]) -> dict[str, PolicyGap]:
    return {row.policy: row for row in rows}


def learned(calls: Calls, seed: int = 1, runs: int = 3) -> list[World]:
    told: list[str] = []
    worlds = held_out_worlds(
        calls, PayloadBank(), lambda profile: Simulation(profile, seed), seed, runs, told.append
    )
    found = list(worlds)
    assert len(told) == 2 + 2 * runs
    return found


def test_a_simulation_learned_from_the_other_half_passes() -> None:
    calls = bursts(1)
    rows = by_name(panel_rows(World.of(calls), learned(calls), 3, Tolerance()))
    assert {name: row.word for name, row in rows.items()} == {
        "none": "PASS",
        "immediate": "PASS",
        "back-off": "PASS",
        "retry-after": "n/a",
        "verify": "PASS",
    }
    immediate = rows["immediate"]
    assert immediate.exhausted_times is not None
    assert immediate.exhausted_times.covers(1.0)
    assert "Retry-After" in rows["retry-after"].reason
    assert panel_word(tuple(rows.values()))[0] == "PASS"
    assert immediate.simulated.logical_calls == pytest.approx(immediate.recorded.logical_calls, rel=0.05)


def test_independent_faults_at_the_same_rate_fail_for_who_retries_at_once() -> None:
    """The negative control: the rate is right, so that who never retries fares as recorded, and bursts are missing.

    A call is exhausted with (5/6) ** 3 of a burst that is met, against 0.1 ** 4.
    """
    calls = bursts(2)
    recorded = World.of(calls)
    worlds = [independent_faults(recorded, "own rates", np.random.default_rng(seed)) for seed in range(5)]
    rows = by_name(panel_rows(recorded, worlds, 5, Tolerance()))
    assert rows["none"].word == "PASS"
    assert rows["immediate"].word == "FAIL"
    assert rows["immediate"].exhausted_times is not None
    assert rows["immediate"].exhausted_times.high < 0.1
    word, reasons = panel_word(tuple(rows.values()))
    assert word == "FAIL"
    assert any(reason.startswith("immediate: retries are exhausted") for reason in reasons)


def test_faults_twice_as_frequent_fail_for_who_never_retries() -> None:
    calls = bursts(3)
    harsher = Simulation(calibrate(calls, engine="compact", has_intervals=False), 1, severity=2.0)
    worlds = simulated_worlds(harsher, calls, 1, 2, lambda _: None)
    rows = by_name(panel_rows(World.of(calls), worlds, 2, Tolerance(), [POLICIES["none"]]))
    assert rows["none"].word == "FAIL"


def test_few_sessions_are_inconclusive_and_never_pass() -> None:
    calls = bursts(4, sessions=12)
    rows = panel_rows(World.of(calls), learned(calls, runs=2), 2, Tolerance())
    assert {row.word for row in rows} <= {"INCONCLUSIVE", "n/a"}
    assert panel_word(rows)[0] == "INCONCLUSIVE"


def test_what_is_too_little_is_not_simulated() -> None:
    calls = bursts(5, sessions=7)
    reason = too_little(calls)
    assert reason == "7 sessions: 8 are needed"
    rows = unjudged_rows(World.of(calls), reason)
    assert [row.policy for row in rows] == list(POLICIES)
    assert panel_word(rows)[0] == "INCONCLUSIVE"
    assert too_little(bursts(5, sessions=8)) is None
    unknown = calls_from_records(
        [TraceRecord(tool="t", session_id=f"s{i}", outcome="unknown") for i in range(9)]
    )
    assert too_little(unknown) == "the traces do not record how calls ended"


def test_without_start_times_waiting_is_not_judged() -> None:
    calls = bursts(6, sessions=40, has_times=False)
    rows = by_name(panel_rows(World.of(calls), learned(calls, runs=1), 1, Tolerance()))
    assert [name for name, row in rows.items() if row.word == "n/a"] == ["back-off", "retry-after"]
    assert "no start times" in rows["back-off"].reason


def test_verification_is_not_judged_where_nobody_knows_what_was_done() -> None:
    calls = bursts(7, sessions=40, outcome="timeout")
    rows = by_name(panel_rows(World.of(calls), learned(calls, runs=1), 1, Tolerance()))
    assert rows["verify"].word == "n/a"
    assert "leave open" in rows["verify"].reason


def test_a_told_retry_after_in_either_world_is_judged() -> None:
    calls = bursts(8, sessions=40)
    recorded = World.of(calls)
    waits_s = np.where(recorded.failed, 20.0, np.nan)
    rows = by_name(
        panel_rows(recorded, [msgspec.structs.replace(recorded, asked_wait_s=waits_s)], 1, Tolerance())
    )
    assert rows["retry-after"].word != "n/a"
    assert rows["retry-after"].attempts_times is not None
    assert rows["retry-after"].attempts_times.estimate < 1.0
    assert rows["immediate"].exhausted_times is not None
    assert rows["immediate"].exhausted_times.estimate == 1.0


def test_the_same_seed_gives_the_same_rows() -> None:
    calls = bursts(9, sessions=20)
    first, again, other = (
        panel_rows(World.of(calls), learned(calls, seed, runs=1), 1, Tolerance()) for seed in (1, 1, 2)
    )
    assert msgspec.json.encode(first) == msgspec.json.encode(again)
    assert msgspec.json.encode(first) != msgspec.json.encode(other)


def test_each_run_of_a_given_simulation_has_a_seed_of_its_own() -> None:
    calls = bursts(10, sessions=20)
    simulation = Simulation(calibrate(calls, engine="compact", has_intervals=False), 0)
    first, second = simulated_worlds(simulation, calls, 5, 2, lambda _: None)
    assert (first.failed != second.failed).any()


def counts(exhausted: int, calls: int = 100, sessions: int = 1000) -> PolicyCounts:
    """Sessions of equal length, the first ones exhausted once each, or all of them equally often."""
    hit = np.zeros(sessions)
    hit[:exhausted] = max(exhausted / sessions, 1.0)
    return PolicyCounts(np.full(sessions, float(calls)), hit, np.full(sessions, float(calls)) + 3 * hit)


@pytest.mark.parametrize(
    ("simulated", "recorded", "expected"),
    [(0, 0, "PASS"), (0, 5, "PASS"), (5, 0, "PASS"), (10_000, 0, "FAIL")],
)
def test_a_small_difference_passes_whatever_its_ratio_if_it_is_surely_small(
    simulated: int, recorded: int, expected: str
) -> None:
    """Of 100,000 calls in 1,000 sessions; nothing at all in 1,000 sessions leaves up to 0.4 % open."""
    row = policy_gap("none", counts(recorded), counts(simulated), 1, Tolerance(share=0.005))
    assert row.word == expected


def test_a_world_without_any_exhausted_call_is_told_from_one_with_many() -> None:
    row = policy_gap("none", counts(900, calls=10), counts(0, calls=10), 1, Tolerance())
    assert row.word == "FAIL"
    assert row.exhausted_times is not None
    assert (row.exhausted_times.estimate, row.exhausted_times.low) == (0.0, 0.0)
    turned = policy_gap("none", counts(0, calls=10), counts(900, calls=10), 1, Tolerance())
    assert turned.word == "FAIL"
    assert turned.exhausted_times is not None
    assert turned.exhausted_times.high == float("inf")
