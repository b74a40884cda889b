from collections import Counter
from pathlib import Path

import pytest

from earthwire.traces import TraceRecord, read_parquet
from earthwire.traces.labels.record_label import label_record, recorded_bytes

DATA = Path(__file__).parents[3].parent / "shared" / "data"


def record(**fields: object) -> TraceRecord:
    return TraceRecord(tool="t", **fields)  # type: ignore[arg-type]


def fault_class(**fields: object) -> str:
    return label_record(record(**fields)).fault_class


def test_records_without_body_are_labelled_by_what_was_noted() -> None:
    assert fault_class(outcome="ok") == "ok"
    assert fault_class(outcome="unknown", http_response_status_code=200) == "unknown"
    assert (
        fault_class(outcome="malformed", http_response_status_code=200, body_class="html")
        == "html_instead_of_json"
    )
    assert fault_class(outcome="semantic_error") == "error_in_200"
    assert fault_class(outcome="conn_error", error_message="connection refused") == "conn_refused"
    assert fault_class(outcome="conn_error") == "conn_reset"
    assert fault_class(outcome="timeout") == "timeout_pre"
    assert fault_class(outcome="tool_error", error_message="Tool call timed out.") == "timeout_pre"
    assert fault_class(outcome="rpc_error", rpc_response_status_code="-32602") == "mcp_protocol"


def test_a_cut_body_is_known_by_its_sizes() -> None:
    found = label_record(
        record(
            outcome="malformed",
            http_response_status_code=200,
            error_type="body_cut",
            declared_content_length=8,
            http_response_body_size=2,
            response_body="[1",
        )
    )
    assert (found.fault_class, found.fraction) == ("truncated_body", 0.25)


def test_a_body_that_the_recorder_cut_is_unknown() -> None:
    assert recorded_bytes(record(response_body="[1", response_body_truncated=True)) is None
    assert recorded_bytes(record(response_body="AP8=", response_body_encoding="base64")) == b"\x00\xff"
    assert recorded_bytes(record(response_body="x", response_body_encoding="base64")) is None


def test_recorded_errors_and_successes_are_told_apart() -> None:
    path = DATA / "dev_scaleway" / "records.parquet"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    found = Counter((r.outcome, label_record(r).fault_class) for r in read_parquet(path))
    ok_count = sum(count for (outcome, _), count in found.items() if outcome == "ok")
    assert found["http_error", "ok"] == 0
    assert found["ok", "ok"] > 0.999 * ok_count
