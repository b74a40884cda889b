from earthwire.proxy.call_counters import DURATION_BOUNDS_S, CallCounters, Histogram
from earthwire.traces.record import TraceRecord


def test_a_value_falls_into_the_bucket_that_its_bound_closes() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 9.0):
        histogram.add(value)
    assert histogram.counts == [2, 2, 1]
    assert histogram.total == 14.0


def test_calls_are_counted_with_the_times_that_are_known() -> None:
    counters = CallCounters()
    counters.add(
        TraceRecord(
            tool="t",
            outcome="ok",
            origin="upstream",
            duration_ns=30_000_000,
            plan_last_byte_ns=20_000_000,
            lateness_ns=10_000_000,
        )
    )
    counters.add(TraceRecord(tool="t", outcome="http_error"))
    assert counters.calls == {("ok", "upstream"): 1, ("http_error", "unknown"): 1}
    assert (
        sum(counters.achieved.counts) == sum(counters.intended.counts) == sum(counters.lateness.counts) == 1
    )
    assert counters.achieved.counts[DURATION_BOUNDS_S.index(0.05)] == 1
    assert counters.early_count == 0


def test_a_call_that_is_early_is_noticed() -> None:
    counters = CallCounters()
    counters.add(TraceRecord(tool="t", lateness_ns=-1))
    assert counters.early_count == 1
    assert counters.lateness.total == 0.0
