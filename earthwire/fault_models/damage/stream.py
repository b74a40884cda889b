"""Damage to server-sent events: streams that end early, say error midway, or say something twice."""

import re

from earthwire.fault_models.damage.payload import Numbers, Operator, Payload
from earthwire.traces.labels.body_class import is_event_stream
from earthwire.traces.labels.stream_damage import events_of, stream_damage

_ID = re.compile(rb"(?m)^id:")
_ERROR = (
    b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
    b'data: {"error":{"message":"The server had an error processing your request","type":"server_error"}}\n\n',
)


def _events(payload: Payload) -> list[bytes] | None:
    """Return the events of a good stream; None for any other body."""
    if not is_event_stream(payload.content_type) or stream_damage(payload.body) is not None:
        return None
    return events_of(payload.body) or None


def _disconnect(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    """Cut between two events, or in the middle of one, and end the connection."""
    events = _events(payload)
    if events is None:
        return None
    kept = b"".join(events[: numbers.below(len(events))])
    if numbers.next() < 0.5:
        following = events[len(events_of(kept))]
        kept += following[: numbers.below(len(following))]
    return Payload(kept, payload.content_type, len(payload.body) - len(kept))


def _error(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    """End with an error event in place of the rest."""
    events = _events(payload)
    if events is None:
        return None
    kept = b"".join(events[: numbers.below(len(events))])
    error = _ERROR[0] if b"event:" in payload.body else _ERROR[1]
    return Payload(kept + error, payload.content_type, payload.missing_bytes)


def _repeat_event(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    events = _events(payload)
    known = [i for i, event in enumerate(events or ()) if _ID.search(event)]
    if not events or not known:
        return None
    i = known[numbers.below(len(known))]
    repeated = [*events[: i + 1], events[i], *events[i + 1 :]]
    return Payload(b"".join(repeated), payload.content_type, payload.missing_bytes)


STREAM = (
    Operator("sse_disconnect", "sse_disconnect", _disconnect),
    Operator("sse_error", "sse_error_midstream", _error),
    Operator("sse_repeat_event", "duplicate_results", _repeat_event),
)
