"""The classifier of faults: what went wrong with one call, by what can be seen of its response.

It labels recorded traffic and, in the contract tests, our own output: the label of an injected fault is that fault.
What a single response cannot show is listed in `NOT_VISIBLE`, with the reason.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final, Literal

import msgspec

from earthwire.traces.labels._mcp_result import label_json_rpc
from earthwire.traces.labels.body_class import classify_body, is_event_stream, is_json_lines, is_json_type
from earthwire.traces.labels.error_envelope import is_error_envelope, llm_error_type
from earthwire.traces.labels.json_damage import json_damage
from earthwire.traces.labels.json_shape import ITEMS_MAX, Shape, drift_of, lacks_content
from earthwire.traces.labels.label import OK, UNKNOWN, FaultClass, FaultLabel
from earthwire.traces.labels.stream_damage import stream_damage
from earthwire.traces.labels.text_damage import text_damage

Ended = Literal["complete", "cut", "reset", "refused", "silent", "cancelled"]
"""How a response ended: whole, early, by a reset, never begun, in silence, or because the client left."""

NOT_VISIBLE: Final[Mapping[str, str]] = {
    "timeout_post_commit": "the client sees the same silence as in timeout_pre; only the server's log tells them apart",
    "partial_results": "a short page looks like the last page; it takes the number of rows that were there",
    "stale": "an old value looks like a value; it takes the other answers for the same key",
    "fragmentation": "chunk boundaries are no part of a record, and harmless",
    "oversize": "large is large for one tool only: the law of body sizes tells",
    "latency_body": "slow is slow for one tool only: the law of latency tells",
    "mcp_tool_gone": "it takes the tool lists before and after",
}
"""Classes of the taxonomy that one response cannot show, with the reason."""

STALL_NS = 5_000_000_000
"""A gap of that many nanoseconds between two chunks is a stall."""

_BODILESS = (204, 205, 304)
_ROWS_DEPTH_MAX = 3

_ENDINGS: Final[Mapping[str, FaultLabel]] = {
    "silent": FaultLabel("timeout_pre", "transport"),
    "refused": FaultLabel("conn_refused", "transport"),
    "reset": FaultLabel("conn_reset", "transport"),
    "cut": FaultLabel("conn_reset", "transport", "closed"),
    "cancelled": FaultLabel("cancelled"),
}


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What is seen of one response.

    Attributes:
        status: HTTP status code, or None where no head came.
        content_type: header as sent, or None.
        body: bytes that came, without content coding; None where they are not known.
        missing_bytes: of the body that the head promised and that never came; 0 for none, at least 1 where it is
            known only that something is missing.
        ended: how it ended.
        stall_ns: longest gap between two chunks in nanoseconds, or None.
    """

    status: int | None
    content_type: str | None = None
    body: bytes | None = None
    missing_bytes: int = 0
    ended: Ended = "complete"
    stall_ns: int | None = None


class Usual(msgspec.Struct, frozen=True):
    """What good responses of the tool look like.

    Attributes:
        is_json: they are JSON.
        content_types: media types they come with, lower case, without parameters.
        shape: of their bodies, or None where it is not known.
    """

    is_json: bool = False
    content_types: frozenset[str] = frozenset()
    shape: Shape | None = None


NOTHING_USUAL = Usual()


def label_response(seen: Observation, usual: Usual = NOTHING_USUAL) -> FaultLabel:
    """Return the label of one response.

    Args:
        seen: the response.
        usual: what good responses of the tool look like; without it drift and emptiness stay unseen.

    >>> label_response(Observation(status=200, content_type="application/json", body=b'{"id": 1')).fault_class
    'truncated_body'
    """
    if seen.status is None:
        return _ENDINGS.get(seen.ended, UNKNOWN)
    decoded = _decoded(seen.body)
    if seen.status >= 400:
        return _error_status(seen.status, decoded)
    if seen.ended == "reset":
        return FaultLabel("conn_reset", "transport", "mid_body")
    if seen.missing_bytes or seen.ended == "cut":
        return _cut(seen)
    if seen.body is None:
        return (
            OK if seen.stall_ns is None or seen.stall_ns < STALL_NS else FaultLabel("slow_drip", "transport")
        )
    found = _body_label(seen, seen.body, decoded, usual)
    if found is OK and seen.stall_ns is not None and seen.stall_ns >= STALL_NS:
        return FaultLabel("slow_drip", "transport")
    return found


def _error_status(status: int, decoded: object) -> FaultLabel:
    if (llm_type := llm_error_type(decoded)) is not None:
        return FaultLabel("llm_api", "transport", llm_type)
    fault_class: FaultClass = "http_5xx" if status >= 500 else "client_4xx"
    if status == 429:
        fault_class = "http_429"
    elif status in (401, 403):
        fault_class = "auth_401_403"
    return FaultLabel(fault_class, "transport", str(status))


def _cut(seen: Observation) -> FaultLabel:
    if is_event_stream(seen.content_type):
        return FaultLabel("sse_disconnect", "transport")
    if seen.body is None or seen.missing_bytes <= 0:
        return FaultLabel("truncated_body", "transport", "short")
    fraction = len(seen.body) / (len(seen.body) + seen.missing_bytes)
    return FaultLabel("truncated_body", "transport", "short", fraction)


def _body_label(seen: Observation, body: bytes, decoded: object, usual: Usual) -> FaultLabel:
    is_json_due = usual.is_json or is_json_type(seen.content_type)
    body_class = classify_body(body, seen.content_type)
    if body_class == "empty":
        is_due = is_json_due and seen.status not in _BODILESS
        return FaultLabel("empty_200", "payload", "zero_bytes") if is_due else OK
    if is_event_stream(seen.content_type) or body_class == "sse":
        return _stream_label(body)
    if is_json_due and body_class in ("html", "xml"):
        return FaultLabel("html_instead_of_json", "payload", body_class)
    if is_json_due and body_class != "binary" and (broken := _broken_json(body)) is not None:
        return broken
    if decoded is not _NOT_JSON:
        return _json_label(seen, body, decoded, usual)
    return _text_label(body)


def _stream_label(body: bytes) -> FaultLabel:
    match stream_damage(body):
        case "error":
            return FaultLabel("sse_error_midstream", "payload")
        case "duplicate":
            return FaultLabel("duplicate_results", "payload", "event")
        case "disconnect":
            return FaultLabel("sse_disconnect", "transport")
    return OK


def _broken_json(body: bytes) -> FaultLabel | None:
    damage = json_damage(body)
    if damage is None or is_json_lines(body):
        return None
    if damage == "truncated":
        return FaultLabel("truncated_body", "payload", "consistent_length")
    if damage in ("lone_surrogate", "invalid_utf8"):
        return FaultLabel("mojibake", "payload", damage)
    return FaultLabel("json_malformed", "payload", damage)


def _json_label(seen: Observation, body: bytes, decoded: object, usual: Usual) -> FaultLabel:
    if isinstance(decoded, Mapping) and "jsonrpc" in decoded:
        return label_json_rpc(decoded)
    if is_error_envelope(decoded):
        llm_type = llm_error_type(decoded)
        return FaultLabel("llm_api" if llm_type else "error_in_200", "payload", llm_type)
    if isinstance(decoded, Mapping | list) and _is_other_type(seen.content_type, usual):
        return FaultLabel("wrong_content_type", "payload", media_type(seen.content_type))
    damage = _text_label(body)
    if damage is not OK:
        return damage
    if usual.shape is not None:
        if lacks_content(decoded, usual.shape):
            return FaultLabel("empty_200", "payload", body.decode("utf-8", "replace").strip())
        if (drift := drift_of(decoded, usual.shape)) is not None:
            return FaultLabel("schema_drift", "payload", drift)
    return FaultLabel("duplicate_results", "payload", "row") if _repeats_row(decoded) else OK


def _text_label(body: bytes) -> FaultLabel:
    try:
        damage = text_damage(body.decode("utf-8"))
    except UnicodeDecodeError:
        return OK
    return OK if damage is None else FaultLabel("mojibake", "payload", damage)


def _is_other_type(content_type: str | None, usual: Usual) -> bool:
    """Tell whether JSON comes under a content type that promises something else, and not as a habit of the tool."""
    if content_type is None or is_json_type(content_type):
        return False
    return media_type(content_type) not in usual.content_types


def media_type(content_type: str | None) -> str:
    """Return a content type in lower case and without parameters; empty for none."""
    return (content_type or "").partition(";")[0].strip().lower()


def _repeats_row(value: object, depth: int = 0) -> bool:
    """Tell whether the same object stands twice in a row in an array."""
    if depth > _ROWS_DEPTH_MAX:
        return False
    if isinstance(value, Mapping):
        return any(_repeats_row(item, depth + 1) for item in value.values())
    if not isinstance(value, list):
        return False
    if any(isinstance(one, dict) and one and one == other for one, other in pairwise(value)):
        return True
    return any(_repeats_row(item, depth + 1) for item in value[:ITEMS_MAX])


class _NotJson:
    """What a body that is not JSON decodes to."""


_NOT_JSON: Final = _NotJson()


def _decoded(body: bytes | None) -> object:
    if not body:
        return _NOT_JSON
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _NOT_JSON
    return value
