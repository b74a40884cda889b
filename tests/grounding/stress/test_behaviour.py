import numpy as np
import pytest

from earthwire.fault_models.runs.retry_policy import POLICIES, RetryPolicy
from earthwire.grounding.stress import (
    World,
    exhaustion_ratio,
    independent_faults,
    interval_or_none,
    replayed,
    replayed_independent,
    split_sessions,
)
from earthwire.traces.columns.calls import Calls, calls_from_records
from earthwire.traces.record import TraceRecord

THREE = RetryPolicy(name="three", text="", attempts_max=3)
START_NS = 1_700_000_000 * 10**9


def calls_of(pattern: str, session: str = "s", gap_s: float = 1.0, tool: str = "t") -> list[TraceRecord]:
    """A letter a call: `.` succeeds, `x` fails, `n` is a 404."""
    status = {".": 200, "x": 503, "n": 404}
    return [
        TraceRecord(
            tool=tool,
            session_id=session,
            seq=seq,
            start_time_unix_nano=START_NS + int(seq * gap_s * 1e9),
            outcome="ok" if letter == "." else "http_error",
            http_response_status_code=status[letter],
        )
        for seq, letter in enumerate(pattern)
    ]


def met(policy: RetryPolicy, records: list[TraceRecord]) -> tuple[float, float, float]:
    counts = replayed(policy, World.of(calls_from_records(records)))
    return float(counts.calls.sum()), float(counts.exhausted.sum()), float(counts.attempts.sum())


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("....", (4, 0, 4)),
        ("x.", (1, 0, 2)),
        ("xx..", (2, 0, 4)),
        ("xxx.", (2, 1, 4)),
        ("xxxxxx", (2, 2, 6)),
        (".xx", (1, 0, 1)),
        ("n.", (2, 0, 2)),
        ("", (0, 0, 0)),
    ],
)
def test_attempts_meet_one_call_after_the_other(pattern: str, expected: tuple[int, int, int]) -> None:
    assert met(THREE, calls_of(pattern)) == expected


def test_who_waits_meets_a_later_call() -> None:
    """Calls 0.4 s apart: 0.5 s later is the second next one."""
    assert met(POLICIES["back-off"], calls_of("xx" + "." * 8, gap_s=0.4)) == (8, 0, 9)
    assert met(POLICIES["immediate"], calls_of("xx" + "." * 8, gap_s=0.4)) == (8, 0, 10)


def test_tools_and_sessions_are_series_of_their_own() -> None:
    records = calls_of("xx", tool="a") + calls_of("..", tool="b") + calls_of("xx", session="other", tool="a")
    assert met(POLICIES["none"], records) == (6, 4, 6)
    assert met(THREE, records) == (2, 0, 2)


def bursty(rng: np.random.Generator, sessions: int = 40) -> Calls:
    """Bursts of eight failing calls, as often as make a tenth of all calls; the same in every session."""
    records = []
    for session in range(sessions):
        starts = rng.permutation(20)[:2]
        pattern = "".join("x" * 8 if block in starts else "." * 8 for block in range(20))
        records += calls_of(pattern, f"s{session}")
    return calls_from_records(records)


def test_bursts_exhaust_retries_far_more_often_than_independent_faults_at_the_same_rate() -> None:
    """Of 8 failing calls in a row, four attempts are exhausted twice: 80 in 5,280; independent, 0.1 ** 4."""
    world = World.of(bursty(np.random.default_rng(1)))
    recorded = replayed(POLICIES["immediate"], world)
    independent = replayed_independent(POLICIES["immediate"], world, "own rates", 1)
    assert independent.exhausted_share == pytest.approx(1e-4, rel=0.5)
    assert exhaustion_ratio(recorded, independent).low > 50


def test_independent_faults_come_out_alike() -> None:
    """The negative control: faults that are independent already."""
    calls = bursty(np.random.default_rng(2))
    failed = np.random.default_rng(3).random(len(calls)) < 0.4
    world = World(calls, failed, np.full(len(calls), np.nan))
    recorded = replayed(THREE, world)
    independent = replayed_independent(THREE, world, "own rates", 4)
    assert exhaustion_ratio(recorded, independent).covers(1.0)
    interval = interval_or_none(recorded)
    assert interval is not None
    # A call succeeds after j failures with 0.6 * 0.4 ** j, and is exhausted with 0.4 ** 3.
    assert interval.covers(0.4**3)


def test_random_orders_keep_the_rate_of_each_tool_or_of_all() -> None:
    world = World.of(calls_from_records(calls_of("xxxx", tool="a") + calls_of("....", tool="b")))
    own = independent_faults(world, "own rates", np.random.default_rng(0)).failed
    assert (own == world.failed).all()
    one = [independent_faults(world, "one rate", np.random.default_rng(seed)).failed for seed in range(5)]
    assert {int(order.sum()) for order in one} == {4}
    assert any((order != world.failed).any() for order in one)


def test_halves_of_the_sessions_have_none_in_common() -> None:
    first, second = split_sessions(bursty(np.random.default_rng(1)), 0)
    assert len(set(first.session)) == len(set(second.session)) == 20
    assert not set(first.session) & set(second.session)


def test_few_sessions_have_no_interval() -> None:
    world = World.of(calls_from_records(calls_of("x.x.")))
    assert interval_or_none(replayed(THREE, world)) is None


def test_a_fault_in_random_order_takes_its_kind_and_its_wait_along() -> None:
    records = calls_of("xnx" + "." * 40)
    world = World.of(calls_from_records(records), np.array([7.0] + [np.nan] * 42))
    shuffled = independent_faults(world, "own rates", np.random.default_rng(1))
    row = int(np.flatnonzero(shuffled.asked_wait_s == 7.0)[0])
    assert shuffled.failed[row]
    assert (World.of(shuffled.calls).failed == shuffled.failed).all()


@pytest.mark.parametrize(
    ("wait_s", "expected"),
    [(None, (6, 0, 7)), (3.0, (4, 0, 5)), (60.0, (0, 0, 0))],
)
def test_who_honours_retry_after_meets_the_call_after_the_wait(
    wait_s: float | None, expected: tuple[int, int, int]
) -> None:
    """Calls 1 s apart; the first fails and asks for a wait: a series that ends before it says nothing of the call."""
    calls = calls_from_records(calls_of("x" + "." * 6))
    asked = np.full(7, np.nan)
    asked[0] = np.nan if wait_s is None else wait_s
    counts = replayed(POLICIES["retry-after"], World.of(calls, asked))
    assert (counts.calls.sum(), counts.exhausted.sum(), counts.attempts.sum()) == expected
    assert replayed(POLICIES["back-off"], World.of(calls, asked)).calls.sum() == 6


def with_outcomes(letters: str) -> Calls:
    """`.` succeeds, `x` is refused, `m` is a broken answer to work that was done."""
    outcome = {".": "ok", "x": "http_error", "m": "malformed"}
    return calls_from_records(
        [
            TraceRecord(
                tool="t",
                session_id="s",
                seq=seq,
                start_time_unix_nano=START_NS + seq * 10**9,
                outcome=outcome[letter],  # type: ignore[arg-type]  # from the table above
                http_response_status_code=503 if letter == "x" else 200,
            )
            for seq, letter in enumerate(letters)
        ]
    )


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("m.", (1, 0, 2)),  # The question is answered: the work was done.
        ("x..", (1, 0, 3)),  # It was not, so the call is repeated.
        ("mx.", (1, 0, 3)),  # No answer to the question, so the call is repeated.
        ("x.m.", (1, 0, 4)),  # The repetition is what did the work.
        ("x.x.x..x", (1, 1, 7)),
        ("x", (0, 0, 0)),
        ("x.", (0, 0, 0)),
    ],
)
def test_who_verifies_asks_once_before_each_repetition(letters: str, expected: tuple[int, int, int]) -> None:
    counts = replayed(POLICIES["verify"], World.of(with_outcomes(letters)))
    assert (counts.calls.sum(), counts.exhausted.sum(), counts.attempts.sum()) == expected
