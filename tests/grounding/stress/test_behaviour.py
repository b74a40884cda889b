import numpy as np
import pytest

from earthwire.fault_models.retry_policy import POLICIES, RetryPolicy
from earthwire.grounding.stress import (
    exhaustion_ratio,
    independent_faults,
    interval_or_none,
    replayed,
    replayed_independent,
    retryable_faults,
    split_sessions,
)
from earthwire.traces.calls import Calls, calls_from_records
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
    calls = calls_from_records(records)
    counts = replayed(policy, calls, retryable_faults(calls))
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
    calls = bursty(np.random.default_rng(1))
    failed = retryable_faults(calls)
    recorded = replayed(POLICIES["immediate"], calls, failed)
    independent = replayed_independent(POLICIES["immediate"], calls, failed, "own rates", 1)
    assert independent.exhausted_share == pytest.approx(1e-4, rel=0.5)
    assert exhaustion_ratio(recorded, independent).low > 50


def test_independent_faults_come_out_alike() -> None:
    """The negative control: faults that are independent already."""
    calls = bursty(np.random.default_rng(2))
    failed = np.random.default_rng(3).random(len(calls)) < 0.4
    recorded = replayed(THREE, calls, failed)
    independent = replayed_independent(THREE, calls, failed, "own rates", 4)
    assert exhaustion_ratio(recorded, independent).covers(1.0)
    interval = interval_or_none(recorded)
    assert interval is not None
    # A call succeeds after j failures with 0.6 * 0.4 ** j, and is exhausted with 0.4 ** 3.
    assert interval.covers(0.4**3)


def test_random_orders_keep_the_rate_of_each_tool_or_of_all() -> None:
    calls = calls_from_records(calls_of("xxxx", tool="a") + calls_of("....", tool="b"))
    failed = retryable_faults(calls)
    own = independent_faults(calls, failed, "own rates", np.random.default_rng(0))
    assert (own == failed).all()
    one = [independent_faults(calls, failed, "one rate", np.random.default_rng(seed)) for seed in range(5)]
    assert {int(order.sum()) for order in one} == {4}
    assert any((order != failed).any() for order in one)


def test_halves_of_the_sessions_have_none_in_common() -> None:
    first, second = split_sessions(bursty(np.random.default_rng(1)), 0)
    assert len(set(first.session)) == len(set(second.session)) == 20
    assert not set(first.session) & set(second.session)


def test_few_sessions_have_no_interval() -> None:
    calls = calls_from_records(calls_of("x.x."))
    assert interval_or_none(replayed(THREE, calls, retryable_faults(calls))) is None
