"""Server-sent events as they come: whole events out of pieces of a stream, and the message inside of one."""

import re

_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_END_BYTES_MAX = 4
_DATA = re.compile(rb"^data:[ ]?([^\r\n]*)", re.MULTILINE)
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r)?")


class EventSplitter:
    """Cuts a stream into events; joined they are the stream, byte for byte.

    Args:
        event_bytes_max: what is longer without an end is given out in pieces, each of which counts as an event.
    """

    __slots__ = ("_event_bytes_max", "_held")

    def __init__(self, event_bytes_max: int) -> None:
        self._held = b""
        self._event_bytes_max = event_bytes_max

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; return the events that are complete now."""
        scan_from = max(0, len(self._held) - _END_BYTES_MAX)
        held = self._held + data
        events: list[bytes] = []
        start = 0
        for match in _EVENT_END.finditer(held, scan_from):
            events.append(held[start : match.end()])
            start = match.end()
        self._held = held[start:]
        if len(self._held) > self._event_bytes_max:
            events.append(self.rest())
        return events

    def rest(self) -> bytes:
        """Return what is left: an event without its end, or nothing."""
        held, self._held = self._held, b""
        return held


def data_of(event: bytes) -> bytes:
    """Return the data of an event: its ``data`` lines, joined.

    >>> data_of(b"event: message\\r\\ndata: {}\\r\\n\\r\\n")
    b'{}'
    """
    return b"\n".join(_DATA.findall(event))


def with_data(event: bytes, data: bytes) -> bytes:
    """Return an event with other data; its other fields and its line ends stay.

    >>> with_data(b"id: 7\\ndata: old\\n\\n", b"new")
    b'id: 7\\ndata: new\\n\\n'
    """
    lines = [line for line in _LINE.findall(event) if line]
    end = next((line[len(line.rstrip(b"\r\n")) :] for line in lines), b"\n")
    other = [line for line in lines if not line.startswith(b"data:")]
    at = next((index for index, line in enumerate(lines) if line.startswith(b"data:")), len(other))
    new = [b"data: " + part + end for part in data.split(b"\n")]
    return b"".join([*other[:at], *new, *other[at:]])


def event_of(data: bytes) -> bytes:
    """Return a message as an event, written as most servers do."""
    return b"event: message\r\ndata: " + data + b"\r\n\r\n"
