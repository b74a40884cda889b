import msgspec

from earthwire.grounding.gap.upstream_times import upstream_times
from earthwire.traces.record import TraceRecord

OK = TraceRecord(tool="GET a.example/x", outcome="ok", duration_ns=2_000_000_000, origin="upstream")


def times(*records: TraceRecord) -> list[tuple[str, float]]:
    return list(upstream_times(records, {"GET a.example/x"}, lambda method, path: f"{method} named{path}"))


def test_known_tools_keep_their_name_and_others_are_named_by_method_and_path():
    mock = msgspec.structs.replace(OK, tool="POST 127.0.0.1:8000/v1/{id}", ttfb_ns=1)
    first_byte_only = msgspec.structs.replace(OK, duration_ns=None, ttfb_ns=500_000_000, origin=None)
    assert times(OK, mock, first_byte_only) == [
        ("GET a.example/x", 2.0),
        ("POST named/v1/{id}", 2.0),
        ("GET a.example/x", 0.5),
    ]


def test_calls_that_show_something_else_are_left_out():
    changes = (
        {"outcome": "http_error"},
        {"latency_censoring": "right"},
        {"origin": "injected"},
        {"origin": "replay"},
        {"plan_last_byte_ns": 1_900_000_000},
        {"duration_ns": None},
    )
    assert times(*(msgspec.structs.replace(OK, **change) for change in changes)) == []
