import pytest

from earthwire.fault_models.laws.outcome import OutcomeCounts
from earthwire.fault_models.laws.rate_limit import (
    REFUSED,
    CallMeter,
    RateLimit,
    TimeMeter,
    open_meter,
    with_retry_after,
    without_refusals,
)
from earthwire.fault_models.plan import Body, Head, Wait


def test_a_window_in_calls_lets_the_quota_pass_and_refuses_the_rest():
    meter = CallMeter(RateLimit(3, window_calls=5))
    assert [meter.wait_s(i) for i in range(12)] == [
        None,
        None,
        None,
        2,
        1,
        None,
        None,
        None,
        2,
        1,
        None,
        None,
    ]


def test_a_window_in_calls_is_a_pure_function_of_the_index():
    one, other = CallMeter(RateLimit(10, 126)), CallMeter(RateLimit(10, 126))
    assert [one.wait_s(i) for i in range(500)] == [other.wait_s(i) for i in reversed(range(500))][::-1]


def test_the_rest_of_a_window_is_told_in_seconds_where_they_are_known():
    meter = CallMeter(RateLimit(2, window_calls=6, window_s=60.0))
    assert [meter.wait_s(i) for i in range(2, 6)] == [40, 30, 20, 10]


def test_a_window_that_never_ended_refuses_for_good():
    meter = CallMeter(RateLimit(4))
    assert [meter.wait_s(i) is None for i in range(8)] == [True] * 4 + [False] * 4
    assert meter.wait_s(1_000) == 4
    assert CallMeter(RateLimit(4, window_s=86_400.0)).wait_s(4) == 86_400


def test_retry_after_is_what_is_left_of_the_window():
    meter = TimeMeter(RateLimit(2, window_s=60.0), 60.0)
    times = [5.0, 6.0, 7.5, 64.2, 65.0, 66.0, 124.9, 125.0]
    assert [meter.wait_s(i, t) for i, t in enumerate(times)] == [None, None, 58, 1, None, None, 1, None]


def test_a_client_that_waits_as_told_passes():
    meter = TimeMeter(RateLimit(3, window_s=20.0), 20.0)
    now_s, passed = 0.0, 0
    for index in range(1_000):
        wait_s = meter.wait_s(index, now_s)
        passed += wait_s is None
        now_s += 0.1 if wait_s is None else wait_s
    # After at most one refusal 3 calls pass.
    assert passed >= 748


@pytest.mark.parametrize(
    ("limit", "has_clock", "meter"),
    [
        (RateLimit(2, 5, 10.0), True, TimeMeter),
        (RateLimit(2, 5, 10.0), False, CallMeter),
        (RateLimit(2, 5), True, CallMeter),
    ],
)
def test_windows_are_in_seconds_where_both_sides_have_them(
    limit: RateLimit, has_clock: bool, meter: type
) -> None:
    assert type(open_meter(limit, has_clock)) is meter


def test_what_passes_is_drawn_from_the_calls_that_passed():
    counts = OutcomeCounts(
        {"start": {"ok": 3, REFUSED: 1}, REFUSED: {REFUSED: 9, "ok": 1}, "ok": {REFUSED: 2}}
    )
    assert without_refusals(counts) == OutcomeCounts({"start": {"ok": 3}, REFUSED: {"ok": 1}})


def test_the_head_tells_one_retry_after():
    head = Head(429, (("content-type", "text/plain"), ("Retry-After", "1")), 2)
    told = with_retry_after((Wait(0.1), head, Body(b"no")), 17)
    assert told == (
        Wait(0.1),
        Head(429, (("content-type", "text/plain"), ("retry-after", "17")), 2),
        Body(b"no"),
    )


def test_milliseconds_are_told_where_the_recorded_head_has_them_and_say_the_same():
    head = Head(429, (("Retry-After-Ms", "900"), ("retry-after", "1")), 2)
    (told,) = with_retry_after((head,), 17)
    assert told == Head(429, (("retry-after", "17"), ("retry-after-ms", "17000")), 2)
