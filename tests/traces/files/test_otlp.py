import json
from pathlib import Path

import pytest

from earthwire.traces.errors import TraceFileError
from earthwire.traces.files.otlp import read_otlp, recognises
from earthwire.traces.options import ReadOptions
from earthwire.traces.record import TraceRecord

SAMPLES = Path(__file__).parents[3].parent / "shared" / "data" / "dev_format_samples"
HTTP = {
    "http.request.method": "GET",
    "url.full": "https://a.example/users/42",
    "http.response.status_code": 200,
}
MCP = {"mcp.method.name": "tools/call", "gen_ai.tool.name": "search", "server.address": "mcp.example"}


def tagged(value: object) -> dict[str, object]:
    """Write a value as OTLP JSON does: 64-bit integers as strings."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [tagged(item) for item in value]}}
    if isinstance(value, dict):
        pairs = [{"key": key, "value": tagged(item)} for key, item in value.items()]
        return {"kvlistValue": {"values": pairs}}
    return {"stringValue": value}


def span(attributes: dict[str, object], **changes: object) -> dict[str, object]:
    whole: dict[str, object] = {
        "traceId": "5B8EFFF798038103D269B633813FC60C",
        "spanId": "EEE19B7EC3C1B174",
        "parentSpanId": "",
        "name": "call",
        "kind": 3,
        "startTimeUnixNano": "1544712660000000000",
        "endTimeUnixNano": "1544712660250000000",
        "attributes": [{"key": key, "value": tagged(value)} for key, value in attributes.items()],
        "status": {},
    }
    return whole | changes


def request(*spans: dict[str, object], service: str = "agent") -> dict[str, object]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": list(spans)}]}]}


def read(path: Path, *spans: dict[str, object], options: ReadOptions | None = None) -> list[TraceRecord]:
    (path / "t.json").write_text(json.dumps(request(*spans)))
    return list(read_otlp(path / "t.json", options))


def read_one(path: Path, one: dict[str, object], options: ReadOptions | None = None) -> TraceRecord:
    (record,) = read(path, one, options=options)
    return record


def message(path: Path) -> str:
    with pytest.raises(TraceFileError) as caught:
        list(read_otlp(path))
    return str(caught.value)


def test_an_http_client_span_becomes_a_record(tmp_path: Path) -> None:
    record = read_one(tmp_path, span(HTTP))
    assert record.tool == "GET a.example/users/{id}"
    assert record.outcome == "ok"
    assert record.trace_id == "5b8efff798038103d269b633813fc60c"
    assert record.session_id == record.trace_id
    assert record.parent_span_id is None
    assert record.start_time_unix_nano == 1544712660_000_000_000
    assert record.duration_ns == 250_000_000
    assert record.vantage == "client"
    assert record.request_key is None


@pytest.mark.parametrize("kind", [3, "3", "SPAN_KIND_CLIENT"])
def test_kinds_are_numbers_or_names(tmp_path: Path, kind: int | str) -> None:
    assert read_one(tmp_path, span(HTTP, kind=kind)).outcome == "ok"


def test_the_names_before_the_stable_conventions_are_read(tmp_path: Path) -> None:
    old = {"http.method": "POST", "http.url": "https://a.example/x", "http.status_code": 503,
           "http.response_content_length": 12, "http.resend_count": 2}  # fmt: skip
    record = read_one(tmp_path, span(old))
    assert (record.tool, record.outcome, record.error_type) == ("POST a.example/x", "http_error", "503")
    assert record.http_response_body_size == 12
    assert record.http_request_resend_count == 2


def test_a_url_is_put_together_from_its_parts(tmp_path: Path) -> None:
    parts = {"http.method": "GET", "net.peer.name": "a.example", "net.peer.port": 8080, "http.target": "/x/1?y=2",
             "http.scheme": "http"}  # fmt: skip
    assert read_one(tmp_path, span(parts)).tool == "GET a.example:8080/x/{id}"


def test_the_template_of_the_instrumentation_is_used(tmp_path: Path) -> None:
    record = read_one(tmp_path, span(HTTP | {"url.template": "/users/{userId}"}))
    assert record.tool == "GET a.example/users/{userId}"


@pytest.mark.parametrize(
    ("attributes", "changes", "expected"),
    [
        ({"error.type": "timeout"}, {}, "timeout"),
        ({"error.type": "java.net.SocketTimeoutException"}, {}, "timeout"),
        ({"error.type": "java.net.UnknownHostException"}, {}, "conn_error"),
        ({}, {"status": {"code": 2, "message": "connection reset"}}, "conn_error"),
        ({}, {"status": {"code": "STATUS_CODE_ERROR", "message": "canceled"}}, "cancelled"),
        ({}, {}, "unknown"),
    ],
)
def test_http_without_a_status(
    tmp_path: Path, attributes: dict[str, object], changes: dict[str, object], expected: str
) -> None:
    base = {name: value for name, value in HTTP.items() if name != "http.response.status_code"}
    assert read_one(tmp_path, span(base | attributes, **changes)).outcome == expected


def test_a_timeout_is_censored(tmp_path: Path) -> None:
    base = {"http.request.method": "GET", "url.full": "https://a.example/", "error.type": "timeout"}
    record = read_one(tmp_path, span(base))
    assert (record.latency_censoring, record.latency_limit_ns) == ("right", 250_000_000)


@pytest.mark.parametrize(
    ("attributes", "changes", "expected"),
    [
        ({}, {}, "ok"),
        ({"error.type": "tool_error"}, {"status": {"code": 2}}, "tool_error"),
        (
            {"error.type": "-32602", "rpc.response.status_code": "-32602"},
            {"status": {"code": 2}},
            "rpc_error",
        ),
        ({"error.type": "-32001", "rpc.response.status_code": "-32001"}, {"status": {"code": 2}}, "timeout"),
        ({"error.type": "TimeoutError"}, {"status": {"code": 2}}, "timeout"),
        ({"error.type": "ConnectionResetError"}, {"status": {"code": 2}}, "conn_error"),
        ({}, {"status": {"code": 2, "message": "went wrong"}}, "tool_error"),
    ],
)
def test_outcomes_of_mcp_calls(
    tmp_path: Path, attributes: dict[str, object], changes: dict[str, object], expected: str
) -> None:
    record = read_one(tmp_path, span(MCP | attributes, **changes))
    assert record.tool == "mcp.example/search"
    assert record.mcp_method_name == "tools/call"
    assert record.outcome == expected


def test_an_mcp_server_span_is_named_after_its_service(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    attributes = {"mcp.method.name": "tools/list", "jsonrpc.request.id": "7", "mcp.session.id": "s1"}
    path.write_text(json.dumps(request(span(attributes, kind=2), service="files")))
    (record,) = read_otlp(path)
    assert (record.tool, record.vantage) == ("files/tools/list", "server")
    assert (record.jsonrpc_request_id, record.session_id) == ("7", "s1")


def test_an_executed_tool_is_a_call_and_a_chat_is_not(tmp_path: Path) -> None:
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
    chat = {"gen_ai.operation.name": "chat", "gen_ai.tool.name": "search"}
    records = read(
        tmp_path, span(tool, kind=1), span(chat, kind=3), span({"db.system": "x"}), span(HTTP, kind=2)
    )
    assert [record.tool for record in records] == ["search"]


def test_arguments_and_results_are_kept_redacted_only_on_request(tmp_path: Path) -> None:
    attributes = MCP | {
        "gen_ai.tool.call.arguments": {"query": "x", "api_key": "s3cret", "n": 3, "tags": ["a"]},
        "gen_ai.tool.call.result": '{"token":"s3cret"}',
    }
    assert read_one(tmp_path, span(attributes)).gen_ai_tool_call_arguments is None
    record = read_one(tmp_path, span(attributes), ReadOptions(keep_bodies=True))
    assert json.loads(record.gen_ai_tool_call_arguments or "") == {
        "query": "x",
        "api_key": "REDACTED",
        "n": 3,
        "tags": ["a"],
    }
    assert record.response_body == '{"token":"REDACTED"}'


def test_response_headers_are_arrays_of_text(tmp_path: Path) -> None:
    attributes = HTTP | {"http.response.status_code": 429, "http.response.header.retry-after": ["30"]}
    assert read_one(tmp_path, span(attributes)).retry_after_s == 30.0


def test_a_span_without_end_has_no_latency(tmp_path: Path) -> None:
    record = read_one(tmp_path, span(HTTP, endTimeUnixNano="0"))
    assert (record.duration_ns, record.latency_censoring) == (None, "missing")


def test_one_request_a_line_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    line = json.dumps(request(span(HTTP)))
    path.write_text(f"{line}\n\nbroken\n{line}\n")
    assert f"{path}:3: not OTLP JSON" in message(path)
    errors: list[TraceFileError] = []
    records = list(read_otlp(path, on_bad_line=errors.append))
    assert len(records) == 2
    assert len({record.record_id for record in records}) == 2
    assert len(errors) == 1


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (span(HTTP, endTimeUnixNano="1544712659000000000"), "before it starts"),
        (span(HTTP, startTimeUnixNano="soon"), "'soon' is not an integer"),
        (span({"http.method": "GET"}), "without `server.address`"),
        (span(HTTP | {"http.response.status_code": 20}), "http_response_status_code is 20"),
        (span(HTTP) | {"attributes": "none"}, "$.attributes"),
    ],
)
def test_a_bad_span_is_named_and_can_be_left_out(
    tmp_path: Path, one: dict[str, object], expected: str
) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(request(one, span(HTTP))))
    text = message(path)
    assert "span 0: " in text
    assert expected in text
    errors: list[TraceFileError] = []
    assert len(list(read_otlp(path, on_bad_line=errors.append))) == 1
    assert len(errors) == 1


def test_what_is_not_otlp_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text('{"resourceSpans": [}')
    assert message(path).startswith(f"{path}:1: not OTLP JSON")


def test_recognises_otlp_by_content() -> None:
    assert recognises(b'{ "resourceSpans": []}')
    assert not recognises(b'{"log": {}}')


def test_the_real_sample_holds_no_tool_call() -> None:
    path = SAMPLES / "otlp_trace.json"
    if not path.exists():
        pytest.skip(f"needs {path}")
    assert list(read_otlp(path)) == []


@pytest.mark.parametrize(
    "attributes",
    [
        {"openinference.span.kind": "TOOL", "tool.name": "search"},
        {"traceloop.span.kind": "tool", "traceloop.entity.name": "search"},
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"},
    ],
)
def test_tools_of_every_convention_are_calls(tmp_path: Path, attributes: dict[str, object]) -> None:
    record = read_one(tmp_path, span(attributes, kind=1, name="search.tool"))
    assert (record.tool, record.gen_ai_tool_name, record.outcome) == ("search", "search", "ok")
    assert record.duration_ns == 250_000_000
    failed = span(attributes, kind=1, status={"code": 2, "message": "no such city"})
    assert read_one(tmp_path, failed).outcome == "tool_error"


@pytest.mark.parametrize("kind", ["LLM", "AGENT", "CHAIN"])
def test_other_kinds_of_spans_are_no_calls(tmp_path: Path, kind: str) -> None:
    attributes: dict[str, object] = {"tool.name": "final_answer"}
    assert read(tmp_path, span(attributes | {"openinference.span.kind": kind}, kind=1)) == []
    assert read(tmp_path, span({"traceloop.span.kind": kind.lower()}, kind=1)) == []


@pytest.mark.parametrize(
    ("mark", "arguments", "result"),
    [
        ({"openinference.span.kind": "TOOL"}, "input.value", "output.value"),
        ({"traceloop.span.kind": "tool"}, "traceloop.entity.input", "traceloop.entity.output"),
    ],
)
def test_what_other_conventions_hold_is_redacted(
    tmp_path: Path, mark: dict[str, object], arguments: str, result: str
) -> None:
    one = span(mark | {arguments: '{"api_key":"hunter2","q":1}', result: '{"password":"hunter3"}'})
    record = read_one(tmp_path, one, ReadOptions(keep_bodies=True))
    assert record.gen_ai_tool_call_arguments == '{"api_key":"REDACTED","q":1}'
    assert record.response_body == '{"password":"REDACTED"}'
    assert read_one(tmp_path, one).response_body is None


@pytest.mark.parametrize("shape", ["batches", "trace", "result"])
def test_what_tempo_and_jaeger_answer_is_read(tmp_path: Path, shape: str) -> None:
    one = span(HTTP, traceId="W47/95gDgQPSabYzgT/HAA==", spanId="7uGbfsPBsQA=", kind="SPAN_KIND_CLIENT")
    groups = request(one)["resourceSpans"]
    answer = {"batches": groups} if shape == "batches" else {shape: {"resourceSpans": groups}}
    path = tmp_path / "t.json"
    path.write_text(json.dumps(answer))
    assert recognises(path.read_bytes())
    (record,) = read_otlp(path)
    assert record.trace_id == "5b8efff798038103d269b633813fc700"
    assert record.span_id == "eee19b7ec3c1b100"


def test_an_id_that_only_ends_like_base64_is_kept(tmp_path: Path) -> None:
    assert read_one(tmp_path, span(HTTP, traceId="my-trace=")).trace_id == "my-trace="


def test_an_object_of_another_kind_is_not_an_export(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text('{"resourceMetrics": []}')
    assert "missing required field `resourceSpans`" in message(path)
    path.write_text('{"resourceSpans": []}')
    assert list(read_otlp(path)) == []
