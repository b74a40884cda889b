import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earthwire.config import shipped_profile_path
from earthwire.traces import TraceFileError, read_traces
from earthwire.traces.files.otlp import read_otlp
from earthwire.traces.files.otlp_record import ATTRIBUTE_OF_FIELD, PREFIX, span_of
from earthwire.traces.files.otlp_writer import SPANS_PER_REQUEST, write_otlp
from earthwire.traces.record import TraceRecord, record_from_dict

HELD_OUT = shipped_profile_path("demo").with_name("demo-held-out.jsonl.gz")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FULL = TraceRecord(
    tool="GET a.example/x",
    record_id="r1",
    source_format="har",
    trace_id="5b8efff798038103d269b633813fc60c",
    span_id="eee19b7ec3c1b174",
    parent_span_id="no hexadecimal id",
    session_id="s",
    seq=0,
    gen_ai_tool_name="x",
    server_port=0,
    start_time_unix_nano=1,
    duration_ns=2**62,
    outcome="tool_error",
    http_response_status_code=200,
    error_type="",
    error_message="it broke",
    retry_after_s=7.0,
    retries_hidden=False,
    http_response_header={"set-cookie": ["a", "b"], "x": []},
    chunk_gaps_ns=[],
    sample_weight=1e-300,
    seed=-(2**63),
    lateness_ns=-5,
    attributes='{"a": 1}',
)


def read_back(path: Path, *records: TraceRecord) -> list[TraceRecord]:
    write_otlp(records, path)
    return list(read_otlp(path))


def attributes_of(span) -> dict[str, object]:
    return {attribute["key"]: next(iter(attribute["value"].values())) for attribute in span["attributes"]}


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    bare = TraceRecord(tool="t")
    assert read_back(tmp_path / "x.json", FULL, bare) == [FULL, bare]


def test_recorded_sessions_come_back_as_they_were(tmp_path: Path) -> None:
    records = list(read_traces(HELD_OUT))
    assert len(records) > SPANS_PER_REQUEST
    path = tmp_path / "x.json"
    assert write_otlp(records, path) == len(records)
    assert list(read_traces(path)) == records


@settings(max_examples=100, deadline=None)
@given(
    values=st.fixed_dictionaries(
        {"tool": TEXT.filter(bool)},
        optional={
            "session_id": TEXT,
            "duration_ns": st.integers(0, 2**63 - 1),
            "start_time_unix_nano": st.integers(0, 2**63 - 1),
            "retry_after_s": st.floats(0, allow_nan=False, allow_infinity=False),
            "retries_hidden": st.booleans(),
            "chunk_gaps_ns": st.lists(st.integers(0, 2**63 - 1), max_size=3),
            "http_response_header": st.dictionaries(TEXT, st.lists(TEXT, max_size=2), max_size=2),
            "error_message": TEXT,
            "response_body": TEXT,
        },
    )
)
def test_no_value_is_lost_on_the_way(tmp_path_factory, values) -> None:
    record = record_from_dict(values)
    assert read_back(tmp_path_factory.mktemp("otlp") / "x.json", record) == [record]


def test_others_find_what_they_look_for(tmp_path: Path) -> None:
    span = span_of(FULL, 0)
    attributes = attributes_of(span)
    assert attributes["gen_ai.tool.name"] == "x"
    assert attributes["http.response.status_code"] == "200"
    assert (span["name"], span["kind"]) == ("execute_tool x", 3)
    assert (span["traceId"], span["spanId"]) == (FULL.trace_id, FULL.span_id)
    assert span["parentSpanId"] == ""
    assert span["status"] == {"code": 2, "message": "it broke"}
    assert int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) == FULL.duration_ns


def test_every_named_field_is_one() -> None:
    assert set(ATTRIBUTE_OF_FIELD) <= set(TraceRecord.__struct_fields__)
    assert len(set(ATTRIBUTE_OF_FIELD.values())) == len(ATTRIBUTE_OF_FIELD)


def test_calls_of_a_session_are_one_trace_and_each_a_span() -> None:
    spans = [span_of(TraceRecord(tool="t", session_id="s"), i) for i in range(2)]
    assert spans[0]["traceId"] == spans[1]["traceId"]
    assert spans[0]["spanId"] != spans[1]["spanId"]
    other = span_of(TraceRecord(tool="t", session_id="z"), 0)
    assert other["traceId"] != spans[0]["traceId"]
    assert (len(other["traceId"]), len(other["spanId"])) == (32, 16)


def test_a_span_of_ours_that_was_changed_is_an_error_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_otlp([TraceRecord(tool="t")], path)
    request = json.loads(path.read_text())
    span = request["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span["attributes"].append({"key": PREFIX + "outcom", "value": {"stringValue": "ok"}})
    path.write_bytes(msgspec.json.encode(request))
    with pytest.raises(TraceFileError, match="span 0: unknown field `outcom`; did you mean `outcome`"):
        list(read_otlp(path))


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(TraceFileError, match="cannot be written"):
        write_otlp([], tmp_path / "none" / "x.json")
