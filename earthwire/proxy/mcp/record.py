"""The trace record of an MCP call: what the client got, as HTTP status, JSON-RPC code, `isError`, schema validity."""

import hashlib

import msgspec

from earthwire.proxy.calls.routes import DEFAULT_EPISODE
from earthwire.proxy.mcp.message import ClientMessage
from earthwire.proxy.mcp.receive import SESSION_HEADER
from earthwire.proxy.mcp.reply import Reply, reply_bytes
from earthwire.proxy.mcp.surface import TOOL_CALL
from earthwire.proxy.recording.call_record import FinishedCall
from earthwire.proxy.wire.headers import first_value
from earthwire.traces.record import TraceRecord
from earthwire.traces.redaction import redact_body

_ERROR_CHARACTERS_MAX = 1000
_TRACEPARENT_PARTS = 4


def mcp_record(call: FinishedCall, *, keep_bodies: bool) -> TraceRecord | None:
    """Return the record of a finished call; None for what is no request: notifications, streams, the end of a session.

    Args:
        call: that is over.
        keep_bodies: the record holds the answer, redacted.
    """
    met = call.context.mcp
    assert met is not None, "it is a call of MCP"
    message = met.message
    if message is None or message.kind != "request":
        return None
    record = call.record().trace_record()
    reply = met.reply if call.complete else None
    begun = None if call.head is None else first_value(call.head.fields, SESSION_HEADER)
    session = _digest(met.received.session_id or begun)
    notes = mcp_notes(met.server.schemas.judge(message, reply), session, met.received.protocol_version)
    record = msgspec.structs.replace(record, session_id=session_name(record.episode, session))
    return with_reply(record, message, reply, notes, keep_bodies=keep_bodies)


def session_name(episode: str | None, session: str | None) -> str | None:
    """Return what the record of a call has as its session: its episode, or that of the protocol where nobody named one.

    What calls share is learned from sessions, so that runs of an agent must not look like a single one.

    Args:
        episode: of the call.
        session: what tells the sessions of the protocol apart, or None where there are none.
    """
    return f"{episode}-{session}" if session is not None and episode == DEFAULT_EPISODE else episode


def with_reply(
    record: TraceRecord,
    message: ClientMessage,
    reply: Reply | None,
    notes: dict[str, object],
    *,
    keep_bodies: bool,
) -> TraceRecord:
    """Return a record with what an MCP request and its answer say.

    Args:
        record: with times, plan and transport.
        message: the request.
        reply: the answer; None where the client got none that could be read.
        notes: what has no field of its own, by name.
        keep_bodies: the record holds the answer, redacted.
    """
    trace_id, parent_id = _trace_context(message)
    record = msgspec.structs.replace(
        record,
        gen_ai_tool_name=message.name if message.method == TOOL_CALL else None,
        mcp_method_name=message.method,
        jsonrpc_request_id=str(message.id),
        trace_id=trace_id,
        parent_span_id=parent_id,
        attributes=_json(record.attributes, notes),
    )
    if reply is None:
        return record
    outcome = (
        reply.outcome if record.outcome in ("ok", "tool_error", "rpc_error", "unknown") else record.outcome
    )
    failed = outcome in ("tool_error", "rpc_error")
    kept = (
        redact_body(reply_bytes(reply, message.id or 0).decode(), "application/json") if keep_bodies else None
    )
    return msgspec.structs.replace(
        record,
        outcome=outcome,
        rpc_response_status_code=None if reply.code is None else str(reply.code),
        error_type=record.error_type or ("tool_error" if outcome == "tool_error" else None),
        error_message=redact_body(reply.text[:_ERROR_CHARACTERS_MAX], None)
        if failed
        else record.error_message,
        response_body=kept,
        response_body_encoding=None if kept is None else "utf-8",
        body_class="json_object",
    )


def mcp_notes(
    is_schema_valid: bool | None, session: str | None = None, protocol_version: str | None = None
) -> dict[str, object]:
    """Return what is known of an MCP call and has no field of its own, by name."""
    notes: dict[str, object] = {
        "earthwire.mcp.session": session,
        "mcp.protocol.version": protocol_version,
        "earthwire.mcp.schema_valid": is_schema_valid,
    }
    return {name: value for name, value in notes.items() if value is not None}


def _digest(session_id: str | None) -> str | None:
    """Return what tells sessions apart; the id itself would let a reader of the record take the session over."""
    return None if session_id is None else hashlib.blake2b(session_id.encode(), digest_size=8).hexdigest()


def _json(attributes: str | None, notes: dict[str, object]) -> str | None:
    if not notes:
        return attributes
    known = msgspec.json.decode(attributes, type=dict[str, object]) if attributes else {}
    return msgspec.json.encode({**known, **notes}).decode()


def _trace_context(message: ClientMessage) -> tuple[str | None, str | None]:
    """Return trace id and parent span id of a W3C ``traceparent`` in the message."""
    parts = message.meta.get("traceparent", "").split("-")
    return (parts[1], parts[2]) if len(parts) == _TRACEPARENT_PARTS else (None, None)
