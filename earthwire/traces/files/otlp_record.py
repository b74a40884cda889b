"""A trace record as an OTLP span, and back without loss.

What OpenTelemetry has a name for goes under that name, so that any tracing tool understands the span. Everything else,
and what tells our own spans apart, goes under ``earthwire.record.<field>``.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from earthwire.traces._exchange import Fields
from earthwire.traces.files._otlp_span import KeyValue, Span, Value
from earthwire.traces.record import SCHEMA_VERSION, TraceRecord, record_to_dict

PREFIX = "earthwire.record."

ATTRIBUTE_OF_FIELD: Final[Mapping[str, str]] = {
    "session_id": "session.id",
    "gen_ai_tool_name": "gen_ai.tool.name",
    "gen_ai_tool_call_arguments": "gen_ai.tool.call.arguments",
    "gen_ai_usage_input_tokens": "gen_ai.usage.input_tokens",
    "gen_ai_usage_output_tokens": "gen_ai.usage.output_tokens",
    "mcp_method_name": "mcp.method.name",
    "jsonrpc_request_id": "jsonrpc.request.id",
    "rpc_response_status_code": "rpc.response.status_code",
    "http_request_method": "http.request.method",
    "http_request_body_size": "http.request.body.size",
    "http_request_resend_count": "http.request.resend_count",
    "http_response_status_code": "http.response.status_code",
    "http_response_body_size": "http.response.body.size",
    "server_address": "server.address",
    "server_port": "server.port",
    "url_template": "url.template",
    "url_full": "url.full",
    "error_type": "error.type",
}
"""Fields that OpenTelemetry has a name for, with the same meaning and type."""

_FIELD_OF_ATTRIBUTE = {attribute: field for field, attribute in ATTRIBUTE_OF_FIELD.items()}
_MARK = PREFIX + "schema_version"
_CLIENT_KIND = 3
_ERROR_CODE = 2
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}")

Json = dict[str, Any]


def span_of(record: TraceRecord, index: int) -> Json:
    """Return a record as a span in OTLP JSON.

    Args:
        record: of a call; where its own ids are not OTLP's, ids are made of its session and of `index`.
        index: number of the record in what is exported.
    """
    fields = record_to_dict(record)
    start_ns = record.start_time_unix_nano or 0
    session = record.session_id or record.episode or ""
    failed = record.outcome not in ("ok", "unknown")
    return {
        "traceId": _id(record.trace_id, _TRACE_ID, 16, session),
        "spanId": _id(record.span_id, _SPAN_ID, 8, f"{session}\n{index}\n{record.tool}"),
        "parentSpanId": record.parent_span_id if _is_span_id(record.parent_span_id) else "",
        "name": f"execute_tool {record.gen_ai_tool_name}" if record.gen_ai_tool_name else record.tool,
        "kind": _CLIENT_KIND,
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(start_ns + (record.duration_ns or 0)),
        "attributes": [
            {"key": ATTRIBUTE_OF_FIELD.get(field, PREFIX + field), "value": _tagged(value)}
            for field, value in {**fields, "schema_version": SCHEMA_VERSION}.items()
        ],
        "status": {"code": _ERROR_CODE, "message": record.error_message or record.outcome} if failed else {},
    }


def own_fields(span: Span) -> Fields | None:
    """Return the fields of the record that a span was made of; None if the span is not one of ours."""
    if all(attribute.key != _MARK for attribute in span.attributes):
        return None
    fields: Fields = {}
    for attribute in span.attributes:
        field = _FIELD_OF_ATTRIBUTE.get(attribute.key)
        if field is None and attribute.key.startswith(PREFIX):
            field = attribute.key.removeprefix(PREFIX)
        if field is not None:
            fields[field] = _plain(attribute.value)
    return fields


def export_line(spans: list[Json], version: str) -> bytes:
    """Return one export request as a line of JSON.

    Args:
        spans: as `span_of` returns them.
        version: of this package.
    """
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "earthwire"}}]}
    scope = {"name": "earthwire", "version": version}
    request = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": spans}]}]}
    return msgspec.json.encode(request) + b"\n"


def _id(own: str | None, form: re.Pattern[str], size_bytes: int, material: str) -> str:
    if own is not None and form.fullmatch(own):
        return own
    return hashlib.blake2b(material.encode(), digest_size=size_bytes).hexdigest()


def _is_span_id(text: str | None) -> bool:
    return text is not None and _SPAN_ID.fullmatch(text) is not None


def _tagged(value: object) -> Json:
    """Return a value as OTLP JSON writes it: 64-bit integers as strings."""
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list():
            return {"arrayValue": {"values": [_tagged(item) for item in value]}}
        case dict():
            pairs = [{"key": key, "value": _tagged(item)} for key, item in value.items()]
            return {"kvlistValue": {"values": pairs}}
        case _:
            return {"stringValue": value}


def _plain(value: Value) -> object:
    """Return what `_tagged` was given."""
    if value.array_value is not None:
        return [_plain(item) for item in value.array_value.values]
    if value.kvlist_value is not None:
        pairs: list[KeyValue] = value.kvlist_value.values
        return {item.key: _plain(item.value) for item in pairs}
    if value.int_value is not None:
        return int(value.int_value)
    for simple in (value.string_value, value.double_value, value.bool_value):
        if simple is not None:
            return simple
    return None
