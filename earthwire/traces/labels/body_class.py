"""The class of a body: what it is by its bytes, whatever its content type promises."""

import re

import msgspec

from earthwire.traces.record import BodyClass

_HTML = re.compile(
    rb"<(!doctype\s+html|html|head|body|title|div|span|p|h[1-6]|table|pre|center|script|style)[\s>]",
    re.IGNORECASE,
)
_SSE_LINE = re.compile(rb"(?:data|event|id|retry):")
_JSON_TYPE = re.compile(r"[/+]json\b|[/+]x-ndjson\b", re.IGNORECASE)
_BINARY_TYPE = re.compile(r"(image|audio|video|font)/|octet-stream|[/+](zip|gzip|pdf)\b", re.IGNORECASE)
_STREAM_TYPE = re.compile(
    r"text/event-stream\b|application/(x-ndjson|jsonl|x-jsonlines|stream\+json|json-seq)\b"
)
_BINARY_SNIFF_BYTES = 4096
_UTF8_CUT_BYTES_MAX = 3


def is_json_type(content_type: str | None) -> bool:
    """Tell whether a content type promises JSON.

    >>> is_json_type("application/problem+json; charset=utf-8"), is_json_type("text/plain")
    (True, False)
    """
    return content_type is not None and _JSON_TYPE.search(content_type) is not None


def is_event_stream(content_type: str | None) -> bool:
    """Tell whether a content type promises server-sent events."""
    return content_type is not None and content_type.lower().startswith("text/event-stream")


def is_stream_type(content_type: str | None) -> bool:
    """Tell whether a content type promises something that comes bit by bit: events, or JSON by lines."""
    return content_type is not None and _STREAM_TYPE.match(content_type.strip().lower()) is not None


def classify_body(body: bytes, content_type: str | None) -> BodyClass:
    """Return the class of a body.

    Args:
        body: the bytes after content decoding, complete.
        content_type: the header as sent, or None. It decides only where the bytes leave a doubt: text that
            fails to parse is ``invalid_json`` where JSON was promised.

    >>> classify_body(b"<html></html>", "application/json"), classify_body(b"[1]", "text/plain")
    ('html', 'json_array')
    """
    stripped = body.strip()
    if not stripped:
        return "empty"
    if json_class := _json_class(stripped, content_type):
        return json_class
    if stripped[:1] == b"<" and (markup := _markup_class(stripped)):
        return markup
    if _is_sse(stripped, content_type):
        return "sse"
    if is_json_type(content_type) or (content_type is None and stripped[:1] in b"{["):
        return "invalid_json"
    return "text" if _is_text(body, content_type) else "binary"


def is_json_lines(body: bytes) -> bool:
    """Tell whether a body is several JSON values, one a line: a stream of values, not broken JSON."""
    lines = [line for line in body.splitlines() if line.strip()]
    return len(lines) > 1 and all(_parses(line) for line in lines)


def _json_class(stripped: bytes, content_type: str | None) -> BodyClass | None:
    first = stripped[:1]
    if first not in b"{[" and not is_json_type(content_type):
        return None
    if not _parses(stripped):
        return None
    if first == b"{":
        return "json_object"
    return "json_array" if first == b"[" else "json_scalar"


def _parses(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return True


def _markup_class(stripped: bytes) -> BodyClass | None:
    if _HTML.search(stripped[:_BINARY_SNIFF_BYTES]):
        return "html"
    return "xml" if re.match(rb"<[?!A-Za-z]", stripped) else None


def _is_sse(stripped: bytes, content_type: str | None) -> bool:
    if content_type is not None:
        return is_event_stream(content_type)
    return _SSE_LINE.match(stripped) is not None and b"\n" in stripped


def _is_text(body: bytes, content_type: str | None) -> bool:
    if b"\x00" in body[:_BINARY_SNIFF_BYTES]:
        return False
    if content_type is not None and _BINARY_TYPE.search(content_type):
        return False
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > 0 and error.start >= len(body) - _UTF8_CUT_BYTES_MAX
    return True
