import msgspec
import pytest

from earthwire.traces.clients.attempts import (
    OPEN_CALLS_MAX,
    Attempt,
    AttemptCounts,
    AttemptLog,
    AttemptTally,
    Effect,
    attempt_of,
    effect_of,
)
from earthwire.traces.clients.episode_times import EpisodeTimes
from earthwire.traces.record import TraceRecord


def attempt(
    start_s: float,
    failed: bool = False,
    arguments: str | None = "a",
    tool: str = "t",
    effect: Effect = "none",
    is_safe: bool = False,
) -> Attempt:
    return Attempt(tool, arguments, start_s, start_s + 1.0, failed, effect, is_safe)


def counted(*attempts: Attempt, gap_s_max: float = 10.0) -> AttemptCounts:
    log = AttemptLog(gap_s_max)
    for one in attempts:
        log.add(one)
    return log.counts


def test_a_failed_call_that_is_sent_again_is_one_logical_call() -> None:
    counts = counted(attempt(0, failed=True), attempt(2, failed=True), attempt(4))
    assert (counts.attempts, counts.failed_attempts, counts.retries) == (3, 2, 2)
    assert (counts.logical_calls, counts.failed_logical_calls, counts.recovered) == (1, 0, 1)
    assert counts.attempt_failure_rate == pytest.approx(2 / 3)
    assert counts.logical_failure_rate == 0.0


def test_what_failed_to_the_end_was_given_up() -> None:
    counts = counted(attempt(0, failed=True), attempt(2, failed=True))
    assert (counts.logical_calls, counts.gave_up, counts.recovered) == (1, 1, 0)
    assert counts.logical_failure_rate == 1.0


@pytest.mark.parametrize(
    "second",
    [
        attempt(2, arguments="b"),
        attempt(2, tool="u"),
        attempt(2, arguments=None),
        attempt(11.5),
        attempt(0.5),
    ],
    ids=["other arguments", "other tool", "unknown arguments", "too late", "before the first had ended"],
)
def test_what_is_no_retry_is_a_call_of_its_own(second: Attempt) -> None:
    counts = counted(attempt(0, failed=True), second)
    assert (counts.retries, counts.logical_calls, counts.gave_up) == (0, 2, 1)


def test_polling_is_no_retry() -> None:
    assert counted(attempt(0), attempt(2), attempt(4)).logical_calls == 3


def test_a_retry_of_work_that_was_done_is_a_duplicate_effect() -> None:
    lost_reply = attempt(0, failed=True, effect="done")
    counts = counted(lost_reply, attempt(2, failed=True), attempt(4, effect="done"))
    assert counts.duplicate_effects == 2
    assert counts.possible_duplicate_effects == 0


def test_nobody_knows_whether_a_timed_out_call_was_done() -> None:
    assert counted(attempt(0, failed=True, effect="unknown"), attempt(2)).possible_duplicate_effects == 1


def test_repeating_a_call_that_changes_nothing_is_no_duplicate() -> None:
    first, second = (
        attempt(0, failed=True, effect="done", is_safe=True),
        attempt(2, effect="done", is_safe=True),
    )
    assert counted(first, second).duplicate_effects == 0


def test_rates_without_calls_are_unknown() -> None:
    assert AttemptCounts().attempt_failure_rate is None
    assert AttemptCounts().logical_failure_rate is None


def test_only_so_many_calls_are_remembered() -> None:
    log = AttemptLog(1e9)
    for i in range(OPEN_CALLS_MAX + 1):
        log.add(attempt(i, failed=True, arguments=str(i)))
    assert log.add(attempt(1e6, arguments=str(OPEN_CALLS_MAX)))
    assert not log.add(attempt(1e6, arguments="0"))


@pytest.mark.parametrize(
    ("outcome", "origin", "plan_outcome", "effect"),
    [
        ("ok", "upstream", "ok", "done"),
        ("malformed", "injected", "malformed:truncated", "done"),
        ("http_error", "injected", "http_5xx:503", "none"),
        ("timeout", "injected", "timeout", "none"),
        ("conn_error", "injected", "conn_error", "none"),
        ("timeout", "injected", "ok", "unknown"),
        ("cancelled", "upstream", "ok", "unknown"),
        ("conn_error", "upstream", "ok", "unknown"),
    ],
)
def test_effects(outcome: str, origin: str, plan_outcome: str, effect: Effect) -> None:
    assert effect_of(outcome, origin, plan_outcome) == effect


def test_a_log_is_counted_episode_by_episode() -> None:
    def record(episode: str, start_s: int, outcome: str) -> TraceRecord:
        return TraceRecord(
            tool="POST a/pay",
            episode=episode,
            request_key="k",
            http_request_method="POST",
            start_time_unix_nano=start_s * 10**9,
            duration_ns=10**9,
            outcome=outcome,
            origin="upstream",
        )

    log = [record("a", 0, "cancelled"), record("b", 2, "ok"), record("a", 4, "ok")]
    tally = AttemptTally()
    for one in log:
        tally.add(one)
    counts = tally.counts()
    assert (counts.attempts, counts.logical_calls, counts.retries) == (3, 2, 1)
    assert counts.possible_duplicate_effects == 1
    assert attempt_of(log[0], EpisodeTimes()).is_safe is False


def test_latency_that_did_not_pass_does_not_hide_a_retry() -> None:
    first = TraceRecord(
        tool="POST a/pay",
        session_id="s",
        request_key="k",
        start_time_unix_nano=10**18,
        duration_ns=30 * 10**9,
        outcome="timeout",
        attributes='{"earthwire.clock":"virtual"}',
    )
    tally = AttemptTally()
    tally.add(first)
    tally.add(msgspec.structs.replace(first, start_time_unix_nano=10**18 + 10**6, outcome="ok"))
    assert (tally.counts().retries, tally.counts().recovered) == (1, 1)
