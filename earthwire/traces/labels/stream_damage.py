"""What is wrong with a body of server-sent events."""

import re
from typing import Literal

import msgspec

StreamDamage = Literal["disconnect", "error", "duplicate"]

_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_FIELD = re.compile(rb"(event|data|id):[ ]?([^\r\n]*)")

_ENDS: tuple[tuple[bytes, re.Pattern[bytes]], ...] = (
    (b'"choices"', re.compile(rb"\[DONE\]")),
    (b'"message_start"', re.compile(rb'"message_stop"')),
    (b'"response.created"', re.compile(rb'"response\.(completed|failed|incomplete)"')),
    (b'"jsonrpc"', re.compile(rb'"(result|error)"\s*:')),
)
"""What marks a kind of stream, and what its last event holds: chat completions, messages, responses, JSON-RPC."""


def events_of(body: bytes) -> list[bytes]:
    """Return the events of a stream with their ends; joined they give the body. The last one may lack its end.

    >>> events_of(b"data: 1\\n\\ndata: 2")
    [b'data: 1\\n\\n', b'data: 2']
    """
    ends = [match.end() for match in _EVENT_END.finditer(body)]
    starts = [0, *ends]
    return [body[start:end] for start, end in zip(starts, [*ends, len(body)], strict=True) if start < end]


def stream_damage(body: bytes) -> StreamDamage | None:
    """Return what is wrong with a stream; None where nothing is, as far as can be told.

    An early end shows in a stream whose kind is known, and in a last event that is not complete. A repeated event
    shows where events have ids: equal pieces of text are common in streams of language models.
    """
    events = events_of(body)
    previous_id = b""
    for event in events:
        fields = dict(_FIELD.findall(event))
        if fields.get(b"event") == b"error" or _is_error(fields.get(b"data", b"")):
            return "error"
        event_id = fields.get(b"id", b"")
        if event_id and event_id == previous_id:
            return "duplicate"
        previous_id = event_id or previous_id
    return "disconnect" if _lacks_end(body, events) else None


def _lacks_end(body: bytes, events: list[bytes]) -> bool:
    for mark, end in _ENDS:
        if mark in body:
            return not events or end.search(events[-1]) is None
    return bool(events) and _EVENT_END.search(events[-1]) is None


def _is_error(data: bytes) -> bool:
    if b'"error"' not in data or b'"jsonrpc"' in data:
        return False
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return False
    return isinstance(value, dict) and (value.get("type") == "error" or bool(value.get("error")))
