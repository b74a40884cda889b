"""The label of a recorded call: the classifier, fed from a trace record."""

import base64
import binascii
import re

from earthwire.traces.labels._mcp_result import label_error_text
from earthwire.traces.labels.fault_class import NOTHING_USUAL, Ended, Observation, Usual, label_response
from earthwire.traces.labels.label import OK, UNKNOWN, FaultLabel
from earthwire.traces.record import TraceRecord

_REFUSED = re.compile(r"(?i)refused|getaddrinfo|dns|name.?not.?resolved|certificate|tls|ssl|unreachable")
_WITHOUT_STATUS = ("ok", "malformed", "semantic_error")
"""Outcomes that say what happened where the source is no HTTP traffic."""

_CUT_TYPES = ("body_cut", "truncated", "stream")


def label_record(record: TraceRecord, usual: Usual = NOTHING_USUAL) -> FaultLabel:
    """Return the label of a recorded call.

    Where the body was not kept, what the recorder noted of it decides: its class, its sizes, the outcome.

    Args:
        record: the call.
        usual: what good responses of the tool look like.
    """
    if record.outcome in ("rpc_error", "tool_error"):
        return _mcp_label(record)
    if record.http_response_status_code is None and record.outcome in _WITHOUT_STATUS:
        return _label_by_notes(record)
    body = recorded_bytes(record)
    seen = Observation(
        status=record.http_response_status_code,
        content_type=record.content_type,
        body=body,
        missing_bytes=_missing_bytes(record),
        ended=_ended(record),
        stall_ns=max(record.chunk_gaps_ns, default=None) if record.chunk_gaps_ns else None,
    )
    found = label_response(seen, usual)
    return found if body is not None or found is not OK else _label_by_notes(record)


def recorded_bytes(record: TraceRecord) -> bytes | None:
    """Return the whole body of a record; None where it was not kept, or not whole."""
    if record.response_body_truncated:
        return None
    if record.body_class == "empty" or record.http_response_body_size == 0:
        return b""
    text = record.response_body
    if text is None:
        return None
    if record.response_body_encoding != "base64":
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def _mcp_label(record: TraceRecord) -> FaultLabel:
    if record.outcome == "rpc_error":
        return FaultLabel("mcp_protocol", "protocol", record.rpc_response_status_code)
    return label_error_text(record.response_body or record.error_message or "")


def _ended(record: TraceRecord) -> Ended:
    if record.outcome == "cancelled":
        return "cancelled"
    if record.outcome == "timeout":
        return "silent"
    if record.error_type in _CUT_TYPES:
        return "cut"
    if record.outcome == "conn_error":
        told = f"{record.error_type or ''} {record.error_message or ''}"
        return "refused" if _REFUSED.search(told) else "reset"
    return "complete"


def _missing_bytes(record: TraceRecord) -> int:
    """Return how much of a cut body is missing; sizes say so only where the call is known to be cut.

    Recorders count bodies before or after content decoding, so a difference alone proves nothing.
    """
    declared, came = record.declared_content_length, record.http_response_body_size
    if _ended(record) != "cut" or declared is None or came is None:
        return 0
    return max(0, declared - came)


def _label_by_notes(record: TraceRecord) -> FaultLabel:
    match record.outcome, record.body_class:
        case "malformed", "html" | "xml":
            return FaultLabel("html_instead_of_json", "payload", record.body_class)
        case "malformed", "empty":
            return FaultLabel("empty_200", "payload", "zero_bytes")
        case "malformed", _:
            return FaultLabel("json_malformed", "payload")
        case "semantic_error", _:
            return FaultLabel("error_in_200", "payload")
        case "unknown", _:
            return UNKNOWN
    return OK
