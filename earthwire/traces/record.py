"""The trace record, version 1: one recorded tool call.

A field that OpenTelemetry names is named after its attribute with ``.`` replaced by ``_``. Durations and times are
int64 nanoseconds, sizes int64 bytes. What a source does not tell is None: never 0, never -1, never a default.
"""

import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

SCHEMA_VERSION = 1

Outcome = Literal[
    "ok",
    "http_error",
    "rpc_error",
    "tool_error",
    "timeout",
    "conn_error",
    "malformed",
    "semantic_error",
    "cancelled",
    "unknown",
]
Censoring = Literal["none", "right", "missing", "right_unknown_limit"]
Vantage = Literal["client", "proxy", "server"]
BodyClass = Literal[
    "empty",
    "json_object",
    "json_array",
    "json_scalar",
    "invalid_json",
    "html",
    "xml",
    "sse",
    "text",
    "binary",
]
Origin = Literal["upstream", "replay", "injected", "proxy"]

OUTCOMES: tuple[str, ...] = get_args(Outcome)
BODY_CLASSES: tuple[str, ...] = get_args(BodyClass)

Nanoseconds = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Bytes = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Status = Annotated[int, msgspec.Meta(ge=100, le=999)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Name = Annotated[str, msgspec.Meta(min_length=1)]


class RecordError(ValueError):
    """A trace record that breaks the schema; the message names the field, the value and what is allowed."""


class TraceRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One recorded tool call (one attempt on the wire).

    Only `tool` is required. Build records from foreign data with `record_from_dict`, which validates; the plain
    constructor trusts its caller.
    """

    tool: Name
    """The key that calls are grouped by: ``METHOD host/template``, ``server/tool`` (MCP) or ``service: operation``."""

    # Identity.
    schema_version: Literal[1] = 1
    record_id: str | None = None
    source_format: str | None = None
    source_ref: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    session_id: str | None = None
    seq: Count | None = None

    # Call.
    gen_ai_tool_name: str | None = None
    mcp_method_name: str | None = None
    jsonrpc_request_id: str | None = None
    http_request_method: str | None = None
    server_address: str | None = None
    server_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] | None = None
    url_template: str | None = None
    url_full: str | None = None
    request_key: str | None = None
    gen_ai_tool_call_arguments: str | None = None

    # Time.
    start_time_unix_nano: Nanoseconds | None = None
    start_time_basis: str | None = None
    start_time_resolution_ns: Nanoseconds | None = None

    # Latency: duration to the last byte, ttfb to the response headers or the first chunk.
    duration_ns: Nanoseconds | None = None
    ttfb_ns: Nanoseconds | None = None
    phase_blocked_ns: Nanoseconds | None = None
    phase_dns_ns: Nanoseconds | None = None
    phase_connect_ns: Nanoseconds | None = None
    phase_tls_ns: Nanoseconds | None = None
    phase_send_ns: Nanoseconds | None = None
    phase_wait_ns: Nanoseconds | None = None
    phase_receive_ns: Nanoseconds | None = None
    vantage: Vantage | None = None
    latency_censoring: Censoring | None = None
    latency_limit_ns: Nanoseconds | None = None

    # Result.
    outcome: Outcome = "unknown"
    http_response_status_code: Status | None = None
    rpc_response_status_code: str | None = None
    error_type: str | None = None
    error_message: str | None = None

    # Retry.
    http_request_resend_count: Count | None = None
    retries_hidden: bool | None = None
    retry_after_s: Seconds | None = None
    client_retry_delay_ns: Nanoseconds | None = None

    # Payload. Bodies and headers are kept only on request and only after redaction.
    http_request_body_size: Bytes | None = None
    http_response_body_size: Bytes | None = None
    declared_content_length: Bytes | None = None
    content_type: str | None = None
    body_class: BodyClass | None = None
    response_body_sha256: str | None = None
    response_body: str | None = None
    response_body_encoding: Literal["utf-8", "base64"] | None = None
    response_body_truncated: bool | None = None
    http_response_header: dict[str, list[str]] | None = None
    """Lower-case header name to its values (OpenTelemetry ``http.response.header.<name>``)."""

    # Stream and LLM.
    stream: bool | None = None
    chunk_count: Count | None = None
    chunk_gaps_ns: list[Nanoseconds] | None = None
    gen_ai_usage_input_tokens: Count | None = None
    gen_ai_usage_output_tokens: Count | None = None

    # Load and weights.
    inflight_at_start: Count | None = None
    sampling: str | None = None
    sample_weight: Seconds | None = None
    split: str | None = None

    # Simulation: what earthwire planned for this call and who made the response. None on calls of real tools.
    origin: Origin | None = None
    episode: str | None = None
    call_index: Count | None = None
    seed: int | None = None
    profile_hash: str | None = None
    plan_outcome: str | None = None
    plan_support: Literal["tool", "server", "global", "assumed"] | None = None
    plan_first_byte_ns: Nanoseconds | None = None
    plan_last_byte_ns: Nanoseconds | None = None
    plan_digest: str | None = None
    """Hash of the whole plan: equal digests mean equal plans, byte for byte."""
    lateness_ns: int | None = None
    """Achieved minus intended time of the last byte; positive is late."""
    proxy_lag_ns: Nanoseconds | None = None
    """How late the proxy itself was, at the call's start or end, whichever was worse: not the upstream's doing."""

    attributes: str | None = None
    """JSON object with what has no field of its own."""


FIELDS: tuple[str, ...] = TraceRecord.__struct_fields__

_UNKNOWN_FIELD = re.compile(r"unknown field `([^`]*)`")
_AT_PATH = re.compile(r" - at `\$\.?(\w*)([^`]*)`")
_SHOWN_VALUE_CHARACTERS_MAX = 60


def record_from_dict(mapping: Mapping[str, Any]) -> TraceRecord:
    """Validate one record.

    Args:
        mapping: field name to value; a value of None is the same as an absent field.

    Raises:
        RecordError: if a field is unknown, has the wrong type or is out of range, or if `tool` is missing.
    """
    present = {key: value for key, value in mapping.items() if value is not None}
    try:
        return msgspec.convert(present, TraceRecord)
    except msgspec.ValidationError as error:
        raise RecordError(explain(str(error), present)) from error


def record_to_dict(record: TraceRecord) -> dict[str, Any]:
    """Return the fields that are known, by name, in the order of the schema."""
    values: dict[str, Any] = msgspec.to_builtins(record)
    return values


def explain(message: str, mapping: Mapping[str, Any]) -> str:
    """Turn a message of the validator into one that names the field, the value and the way out.

    Args:
        message: text of the `msgspec.ValidationError`.
        mapping: the offending record as it was read.
    """
    if unknown := _UNKNOWN_FIELD.search(message):
        near = difflib.get_close_matches(unknown[1], FIELDS, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else "; `attributes` holds what has no field"
        return f"unknown field `{unknown[1]}`{hint}"
    where = _AT_PATH.search(message)
    if where is None or where[1] not in mapping:
        return message[:1].lower() + message[1:]
    shown = repr(mapping[where[1]])
    if len(shown) > _SHOWN_VALUE_CHARACTERS_MAX:
        shown = shown[:_SHOWN_VALUE_CHARACTERS_MAX] + "…"
    expected = message[: where.start()]
    if expected.startswith("Invalid enum value") and (choices := _choices(where[1])):
        expected = f"allowed are {', '.join(choices)}"
    return f"{where[1]}{where[2]} is {shown}: {expected[:1].lower()}{expected[1:]}"


def _choices(name: str) -> list[str]:
    """Return the values that a field can have; none where they are not counted out."""
    kind = next(field.type for field in msgspec.structs.fields(TraceRecord) if field.name == name)
    literals = [part for part in (kind, *get_args(kind)) if get_origin(part) is Literal]
    return [str(value) for literal in literals for value in get_args(literal)]
