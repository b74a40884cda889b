"""A recording is judged only if the proxy was not late by its own doing."""

import msgspec
import pytest

from earthwire.grounding.gap.lag import LagTally, lag_problems
from earthwire.traces import TraceRecord


def call(lag_s: float | None, time_s: float = 0.1) -> TraceRecord:
    lag_ns = None if lag_s is None else round(lag_s * 1e9)
    return TraceRecord(tool="t", proxy_lag_ns=lag_ns, plan_last_byte_ns=round(time_s * 1e9))


def tally(*calls: TraceRecord) -> LagTally:
    result = LagTally()
    for one in calls:
        result.add(one)
    return result


def test_records_of_real_tools_have_no_lag_to_judge() -> None:
    assert tally(call(None)).report() is None
    assert lag_problems(None) == []


def test_the_report_has_the_quantiles_of_the_lag() -> None:
    report = tally(*(call(number / 1000) for number in range(101))).report()
    assert report is not None
    assert (report.calls, report.p50_s, report.p99_s, report.worst_s) == (101, 0.05, 0.099, 0.1)


@pytest.mark.parametrize(
    ("lag_s", "time_s", "is_distorted"),
    [(0.009, 0.001, False), (0.011, 0.001, True), (0.09, 1.0, False), (0.11, 1.0, True), (0.011, 0.0, True)],
)
def test_a_call_is_distorted_beyond_10_ms_and_a_tenth_of_its_time(
    lag_s: float, time_s: float, is_distorted: bool
) -> None:
    report = tally(call(lag_s, time_s)).report()
    assert report is not None
    assert report.distorted_share == is_distorted


def test_a_call_that_was_only_forwarded_is_held_against_the_time_it_took() -> None:
    forwarded = msgspec.structs.replace(call(0.05, 0.0), duration_ns=10**9)
    report = tally(forwarded).report()
    assert report is not None
    assert report.distorted_share == 0.0


def test_one_call_in_a_hundred_may_be_late_and_two_may_not() -> None:
    calm = [call(0.0001)] * 98
    assert lag_problems(tally(call(0.5), call(0.0), *calm).report()) == []
    (problem,) = lag_problems(tally(call(0.5), call(0.5), *calm).report())
    assert "2.0% of 100 calls" in problem
    assert "--workers" in problem


def test_the_sentence_says_bounds_and_lags_in_milliseconds() -> None:
    (problem,) = lag_problems(tally(*[call(0.5)] * 2, *[call(0.002)] * 98).report())
    assert "late by more than 10 ms and 10% of a call's time" in problem
    assert "(lag p50 2.0 ms, p99 500.0 ms)" in problem
