from earthwire.proxy.recording.call_counters import KINDS_COUNTED_MAX, OTHERS, TOOLS_COUNTED_MAX, CallCounters
from earthwire.proxy.recording.histogram import FINE_BOUNDS_S
from earthwire.proxy.recording.served_record import ServedRecord
from earthwire.traces.record import TraceRecord


def test_calls_are_counted_with_the_times_that_are_known() -> None:
    counters = CallCounters()
    counters.add(
        TraceRecord(
            tool="t",
            outcome="ok",
            origin="upstream",
            duration_ns=50_000_000,
            plan_last_byte_ns=40_000_000,
            lateness_ns=10_000_000,
        )
    )
    counters.add(TraceRecord(tool="t", outcome="http_error", http_response_status_code=503))
    assert counters.calls() == {("ok", "upstream"): 1, ("http_error", "unknown"): 1}
    assert counters.fault_kinds == {"http_5xx:503": 1}
    assert (counters.tools["t"].call_count, counters.tools["t"].fault_count) == (2, 1)
    achieved = counters.achieved()
    assert sum(achieved.counts) == sum(counters.intended.counts) == sum(counters.lateness.counts) == 1
    assert achieved.counts[FINE_BOUNDS_S.index(0.05)] == 1
    assert counters.early_count == 0


def test_a_call_that_is_early_is_noticed() -> None:
    counters = CallCounters()
    counters.add(TraceRecord(tool="t", lateness_ns=-1))
    assert counters.early_count == 1
    assert counters.lateness.total == 0.0


def test_what_is_not_known_is_no_fault() -> None:
    counters = CallCounters()
    counters.add(TraceRecord(tool="t", outcome="unknown"))
    assert (counters.tools["t"].fault_count, dict(counters.fault_kinds)) == (0, {})


def test_names_that_clients_make_up_take_a_bounded_room() -> None:
    counters = CallCounters()
    for number in range(2 * TOOLS_COUNTED_MAX):
        counters.add(
            TraceRecord(tool=f"t{number}", outcome="rpc_error", rpc_response_status_code=str(number))
        )
    assert len(counters.tools) == TOOLS_COUNTED_MAX + 1
    assert counters.tools[OTHERS].call_count == TOOLS_COUNTED_MAX
    assert len(counters.fault_kinds) == KINDS_COUNTED_MAX + 1
    assert sum(counters.fault_kinds.values()) == 2 * TOOLS_COUNTED_MAX


def test_alike_calls_are_counted_as_each_of_them_is() -> None:
    durations_s = [0.0, 0.25, 3.0]
    for outcome in ("ok", "http_error"):
        together, apart = CallCounters(), CallCounters()
        for duration_s in durations_s:
            planned_ns = int(duration_s * 1e9)
            record = ServedRecord(
                "t",
                outcome=outcome,
                origin="replay",
                http_response_status_code=503,
                http_request_body_size=2,
                http_response_body_size=30,
                duration_ns=planned_ns,
                plan_last_byte_ns=planned_ns,
            )
            apart.add(record)
        together.add_alike(record, durations_s)
        assert told(together) == told(apart)


def told(counters: CallCounters) -> object:
    histograms = counters.achieved(), counters.intended, counters.lateness
    times = [(one.counts, one.total) for one in histograms]
    return (
        times,
        counters.calls(),
        counters.fault_kinds,
        counters.request_body_bytes,
        counters.response_body_bytes,
    )
