"""Bodies that end too early."""

import math

from earthwire.fault_models.damage.members import json_text
from earthwire.fault_models.damage.payload import Numbers, Operator, Payload
from earthwire.traces.labels.body_class import is_event_stream


def _truncate(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    """Send less than the head promises; a stream of events that ends early is a fault of its own."""
    size = len(payload.body)
    if not size or is_event_stream(payload.content_type):
        return None
    kept = min(math.floor(_fraction(numbers, aim) * size), size - 1)
    return Payload(payload.body[:kept], payload.content_type, payload.missing_bytes + size - kept)


def _truncate_silently(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    """Cut JSON under a head that agrees with what is left: the writer died, not the connection."""
    if json_text(payload.body) is None:
        return None
    whole = payload.body.strip()
    kept = min(max(1, math.floor(_fraction(numbers, aim) * len(whole))), len(whole) - 1)
    return Payload(whole[:kept], payload.content_type)


def _fraction(numbers: Numbers, aim: str | None) -> float:
    return numbers.next() if aim is None else float(aim)


CUT = (
    Operator("truncate", "truncated_body", _truncate),
    Operator("truncate_silently", "truncated_body", _truncate_silently),
)
