import numpy as np

from earthwire.traces.columns.call_columns import (
    call_hashes,
    columns_from_records,
    in_blocks,
    latency_measure,
)
from earthwire.traces.record import TraceRecord


def records(count: int) -> list[TraceRecord]:
    return [TraceRecord(tool="a", session_id=f"s{i % 3}", seq=i, duration_ns=i * 7) for i in range(count)]


def test_unknown_is_nan_and_names_are_coded() -> None:
    columns = columns_from_records(
        [
            TraceRecord(tool="b", outcome="http_error", http_response_status_code=503),
            TraceRecord(tool="a", session_id="s", seq=0, duration_ns=5, outcome="ok"),
            TraceRecord(tool="b", latency_censoring="right", latency_limit_ns=9, outcome="timeout"),
        ],
        first_position=10,
    )
    assert [columns.tool.names[code] for code in columns.tool.codes] == ["b", "a", "b"]
    assert [columns.session.names[code] for code in columns.session.codes] == [
        "(no session)",
        "s",
        "(no session)",
    ]
    assert [columns.kind.names[code] for code in columns.kind.codes] == ["http_5xx:503", "ok", "timeout"]
    np.testing.assert_array_equal(columns.seq, [np.nan, 0, np.nan])
    np.testing.assert_array_equal(columns.duration_ns, [np.nan, 5, np.nan])
    np.testing.assert_array_equal(columns.limit_ns, [np.nan, np.nan, 9])
    assert columns.censored.tolist() == [False, False, True]
    assert columns.position.tolist() == [10, 11, 12]


def test_positions_go_on_from_block_to_block(monkeypatch) -> None:
    monkeypatch.setattr("earthwire.traces.columns.call_columns.BLOCK_CALLS", 4)
    blocks = [columns.position.tolist() for _, columns in in_blocks(records(9), first_position=100)]
    assert blocks == [[100, 101, 102, 103], [104, 105, 106, 107], [108]]


def test_the_hash_of_a_call_does_not_depend_on_the_calls_read_with_it() -> None:
    together = call_hashes(columns_from_records(records(50), first_position=0))
    alone = [call_hashes(columns_from_records([record], first_position=7))[0] for record in records(50)]
    assert together.tolist() == alone
    assert len(set(alone)) == 50


def test_the_latency_is_the_total_time_unless_it_is_mostly_unknown() -> None:
    assert latency_measure(90, 100) == "duration"
    assert latency_measure(89, 100) == "ttfb"
    assert latency_measure(0, 0) == "duration"
