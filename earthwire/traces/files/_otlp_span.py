"""One OTLP span and the fields of the trace record it gives.

Invariants:

1. 64-bit integers come as strings or numbers, enumerations as numbers or names, ids as hex in either case or, from
   Tempo, in base64.
2. An attribute is looked up under its current name first, then under the names it had before.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator

import msgspec

from earthwire.traces._exchange import Exchange, Fields, exchange_fields
from earthwire.traces._secrets import redact_text
from earthwire.traces.labels.http_outcome import failure_outcome
from earthwire.traces.options import ReadOptions
from earthwire.traces.record import Outcome
from earthwire.traces.redaction import redact_body
from earthwire.traces.tool_key import PathTemplater, tool_key

Scalar = str | int | float | bool

_ERROR_CODES = (2, "2", "STATUS_CODE_ERROR")
_CLIENT_KINDS = (3, "3", "SPAN_KIND_CLIENT")
_SERVER_KINDS = (2, "2", "SPAN_KIND_SERVER")
_ALL_ZERO = re.compile(r"0*")
_ID_DIGITS = (16, 32)
"""Hex digits of the id of a span and of a trace."""
_TOOL_KINDS = {"openinference.span.kind": "tool", "traceloop.span.kind": "tool"}
"""Attributes by which OpenInference and OpenLLMetry say that a span is a tool, in any case of letters."""
_ARGUMENTS = ("gen_ai.tool.call.arguments", "input.value", "tool.parameters", "traceloop.entity.input")
_RESULTS = ("gen_ai.tool.call.result", "output.value", "traceloop.entity.output")
_RPC_OK = ("OK", "0")
_MCP_CLIENT_TIMEOUT = "-32001"
"""What MCP clients report when they give up waiting; no server sent it."""


class Value(msgspec.Struct, frozen=True, rename="camel"):
    """The value of an attribute: exactly one member is set."""

    string_value: str | None = None
    int_value: int | str | None = None
    double_value: float | None = None
    bool_value: bool | None = None
    array_value: "_Array | None" = None
    kvlist_value: "_Map | None" = None


class _Array(msgspec.Struct, frozen=True):
    values: list[Value] = []


class _Map(msgspec.Struct, frozen=True):
    values: "list[KeyValue]" = []


class KeyValue(msgspec.Struct, frozen=True):
    """One attribute."""

    key: str
    value: Value = Value()


class _Status(msgspec.Struct, frozen=True):
    code: int | str = 0
    message: str = ""


class Span(msgspec.Struct, frozen=True, rename="camel"):
    """One span as exported."""

    name: str = ""
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    kind: int | str = 0
    start_time_unix_nano: int | str = 0
    end_time_unix_nano: int | str = 0
    attributes: list[KeyValue] = []
    status: _Status = _Status()


class _ScopeSpans(msgspec.Struct, frozen=True):
    spans: list[msgspec.Raw] = []


class Resource(msgspec.Struct, frozen=True):
    """The process that a span comes from."""

    attributes: list[KeyValue] = []


class _ResourceSpans(msgspec.Struct, frozen=True, rename="camel"):
    resource: Resource = Resource()
    scope_spans: list[_ScopeSpans] = []
    instrumentation_library_spans: list[_ScopeSpans] = []


class ExportRequest(msgspec.Struct, frozen=True, rename="camel"):
    """One export request: a file, or a line of a file; Tempo and Jaeger wrap theirs, or call its list ``batches``."""

    resource_spans: list[_ResourceSpans] | None = None
    batches: list[_ResourceSpans] | None = None
    trace: "ExportRequest | None" = None
    result: "ExportRequest | None" = None

    def __post_init__(self) -> None:
        """Raise unless a list of spans is there: an object without one is not an export."""
        if all(part is None for part in (self.resource_spans, self.batches, self.trace, self.result)):
            raise ValueError("Object missing required field `resourceSpans`")

    def spans(self) -> Iterator[tuple[Resource, msgspec.Raw]]:
        """Yield every span, not yet decoded, with its resource, in order."""
        for answer in (self.trace, self.result):
            if answer is not None:
                yield from answer.spans()
        for group in (*(self.resource_spans or ()), *(self.batches or ())):
            for scope in (*group.scope_spans, *group.instrumentation_library_spans):
                for span in scope.spans:
                    yield group.resource, span


_SPAN_DECODER = msgspec.json.Decoder(Span)


def decode_span(raw: msgspec.Raw) -> Span:
    """Decode one span.

    Raises:
        ValueError: if it has not the shape of a span.
    """
    return _SPAN_DECODER.decode(raw)


def is_tool_call(span: Span) -> bool:
    """Tell whether a span is a tool call: MCP, an executed tool, or HTTP from the client's side."""
    names = {attribute.key for attribute in span.attributes}
    if "mcp.method.name" in names or _is_executed_tool(span, names) or _says_tool(span, names):
        return True
    return span.kind in _CLIENT_KINDS and bool(names & {"http.request.method", "http.method"})


def span_fields(span: Span, resource: Resource, options: ReadOptions, templater: PathTemplater) -> Fields:
    """Return the fields of the record of a tool call.

    Raises:
        ValueError: if a time, a status or the URL of the span makes no sense.
    """
    attributes = _scalars(span.attributes)
    is_server = span.kind in _SERVER_KINDS
    fields = _identity_fields(span, attributes) | _time_fields(span)
    fields["vantage"] = "server" if is_server else "client"
    if "mcp.method.name" in attributes or "gen_ai.tool.name" in attributes or _is_tool_kind(attributes):
        service = _text(_scalars(resource.attributes), "service.name") if is_server else None
        fields |= _tool_fields(span, attributes, service, options)
    else:
        fields |= _http_fields(span, attributes, options, templater)
    if fields["outcome"] == "timeout" and "duration_ns" in fields:
        fields |= {"latency_censoring": "right", "latency_limit_ns": fields["duration_ns"]}
    return fields


def _is_executed_tool(span: Span, names: set[str]) -> bool:
    if "gen_ai.tool.name" not in names:
        return False
    return _text(_scalars(span.attributes), "gen_ai.operation.name") in ("execute_tool", None)


def _says_tool(span: Span, names: set[str]) -> bool:
    return not names.isdisjoint(_TOOL_KINDS) and _is_tool_kind(_scalars(span.attributes))


def _is_tool_kind(attributes: dict[str, Scalar]) -> bool:
    """Tell whether OpenInference or OpenLLMetry says that a span is a tool."""
    return any((_text(attributes, name) or "").lower() == kind for name, kind in _TOOL_KINDS.items())


def _identity_fields(span: Span, attributes: dict[str, Scalar]) -> Fields:
    trace_id = _hex_id(span.trace_id)
    session = _text(
        attributes,
        "session.id",
        "gen_ai.conversation.id",
        "mcp.session.id",
        "traceloop.association.properties.session_id",
    )
    return {
        "source_format": "otlp.json",
        "trace_id": trace_id,
        "span_id": _hex_id(span.span_id),
        "parent_span_id": _hex_id(span.parent_span_id),
        "session_id": session or trace_id,
    }


def _time_fields(span: Span) -> Fields:
    start_ns, end_ns = _integer(span.start_time_unix_nano), _integer(span.end_time_unix_nano)
    if not start_ns or not end_ns:
        return {"latency_censoring": "missing"}
    if end_ns < start_ns:
        raise ValueError(f"ends {start_ns - end_ns} ns before it starts; the clock was set back")
    return {
        "start_time_unix_nano": start_ns,
        "start_time_basis": "request_start",
        "start_time_resolution_ns": 1,
        "duration_ns": end_ns - start_ns,
        "latency_censoring": "none",
    }


def _tool_fields(
    span: Span, attributes: dict[str, Scalar], service: str | None, options: ReadOptions
) -> Fields:
    """Return the fields of an executed tool or an MCP call; the tool is ``server/name``."""
    method = _text(attributes, "mcp.method.name")
    known_name = _text(attributes, "gen_ai.tool.name", "tool.name", "traceloop.entity.name")
    name = known_name or _text(attributes, "gen_ai.prompt.name") or method or span.name
    server = service or _text(attributes, "server.address")
    rpc_code = _text(attributes, "rpc.response.status_code", "rpc.jsonrpc.error_code")
    error_type = _text(attributes, "error.type")
    fields: Fields = {
        "tool": f"{server}/{name}" if server else name,
        "gen_ai_tool_name": known_name,
        "mcp_method_name": method,
        "jsonrpc_request_id": _text(attributes, "jsonrpc.request.id", "mcp.request.id"),
        "server_address": _text(attributes, "server.address"),
        "server_port": _number(attributes, "server.port"),
        "rpc_response_status_code": rpc_code,
        "outcome": _tool_outcome(span, rpc_code, error_type, is_mcp=method is not None),
        "error_type": error_type,
        "error_message": redact_text(span.status.message) or None,
    }
    arguments = _text(attributes, *_ARGUMENTS)
    result = _text(attributes, *_RESULTS)
    if options.keep_bodies and arguments is not None:
        fields["gen_ai_tool_call_arguments"] = redact_body(arguments, None)
    if options.keep_bodies and result is not None:
        fields |= {"response_body": redact_body(result, None), "response_body_encoding": "utf-8"}
    return fields


def _tool_outcome(span: Span, rpc_code: str | None, error_type: str | None, is_mcp: bool) -> Outcome:
    """Return the outcome: `error.type` is by convention the RPC code, ``tool_error`` or an exception."""
    if is_mcp and rpc_code == _MCP_CLIENT_TIMEOUT:
        return "timeout"
    if rpc_code is not None and rpc_code not in _RPC_OK:
        return "rpc_error"
    if error_type == "tool_error":
        return "tool_error"
    if error_type is None and span.status.code not in _ERROR_CODES:
        return "ok"
    failure = failure_outcome(f"{error_type or ''} {span.status.message}")
    if failure != "conn_error":
        return failure
    return "conn_error" if is_mcp and error_type not in (None, "_OTHER") else "tool_error"


def _http_fields(
    span: Span, attributes: dict[str, Scalar], options: ReadOptions, templater: PathTemplater
) -> Fields:
    status = _number(attributes, "http.response.status_code", "http.status_code")
    error_type = _text(attributes, "error.type")
    exchange = Exchange(
        method=_text(attributes, "http.request.method", "http.method") or "GET",
        url=_url(attributes),
        request_body_size=_number(attributes, "http.request.body.size", "http.request_content_length"),
        status=status,
        response_body_size=_number(attributes, "http.response.body.size", "http.response_content_length"),
        response_headers=_response_headers(attributes),
        failure=f"{error_type or ''} {span.status.message}".strip() or None,
    )
    fields = exchange_fields(exchange, options, templater)
    del fields["request_key"]  # The span does not hold the request body.
    if template := _text(attributes, "url.template"):
        fields["url_template"] = template
        fields["tool"] = tool_key(
            exchange.method, str(fields["tool"]).split(" ", 1)[1].split("/", 1)[0], template
        )
    if status is None and error_type is None and span.status.code not in _ERROR_CODES:
        fields |= {"outcome": "unknown", "error_type": None, "error_message": None}
    elif error_type is not None:
        fields["error_type"] = error_type
    fields["http_request_resend_count"] = _number(
        attributes, "http.request.resend_count", "http.resend_count"
    )
    return fields


def _url(attributes: dict[str, Scalar]) -> str:
    """Return the full URL, put together from its parts where the span has no `url.full`."""
    full = _text(attributes, "url.full", "http.url")
    if full is not None and "://" in full:
        return full
    scheme = _text(attributes, "url.scheme", "http.scheme") or "https"
    host = _text(attributes, "server.address", "http.host", "net.peer.name")
    if host is None:
        raise ValueError(
            "an HTTP span without `url.full` and without `server.address`; the tool is not known"
        )
    port = _number(attributes, "server.port", "net.peer.port")
    path = full or _text(attributes, "url.path", "http.target", "url.template", "http.route") or "/"
    authority = f"{host}:{port}" if port is not None and ":" not in host else host
    return f"{scheme}://{authority}/{path.lstrip('/')}"


def _response_headers(attributes: dict[str, Scalar]) -> dict[str, list[str]]:
    prefix = "http.response.header."
    found = {
        name.removeprefix(prefix): value for name, value in attributes.items() if name.startswith(prefix)
    }
    return {name.replace("_", "-"): _string_list(str(value)) for name, value in found.items()}


def _string_list(text: str) -> list[str]:
    return [str(item) for item in json.loads(text)] if text.startswith("[") else [text]


def _scalars(attributes: list[KeyValue]) -> dict[str, Scalar]:
    """Return the attributes by name; arrays and maps become JSON text."""
    values: dict[str, Scalar] = {}
    for attribute in attributes:
        value = _scalar(attribute.value)
        if value is not None:
            values[attribute.key] = value
    return values


def _scalar(value: Value) -> Scalar | None:
    for simple in (value.string_value, value.int_value, value.double_value, value.bool_value):
        if simple is not None:
            return simple
    if value.array_value is None and value.kvlist_value is None:
        return None
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Value) -> object:
    """Turn a tagged value into the JSON it stands for."""
    if value.array_value is not None:
        return [_plain(item) for item in value.array_value.values]
    if value.kvlist_value is not None:
        return {item.key: _plain(item.value) for item in value.kvlist_value.values}
    return int(value.int_value) if value.int_value is not None else _scalar(value)


def _text(attributes: dict[str, Scalar], *names: str) -> str | None:
    for name in names:
        if name in attributes and attributes[name] != "":
            return str(attributes[name])
    return None


def _number(attributes: dict[str, Scalar], *names: str) -> int | None:
    text = _text(attributes, *names)
    return None if text is None else _integer(text)


def _integer(value: int | str) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is not an integer") from error


def _hex_id(text: str) -> str | None:
    """Return an id as hex in lower case; None where it is absent or all zero."""
    text = _from_base64(text) if text.endswith("=") else text
    return None if _ALL_ZERO.fullmatch(text) else text.lower()


def _from_base64(text: str) -> str:
    """Return the hex digits of an id in base64; an id of another form is its own text."""
    try:
        digits = base64.b64decode(text, validate=True).hex()
    except binascii.Error:
        return text
    return digits if len(digits) in _ID_DIGITS else text
