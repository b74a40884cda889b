"""Labels of JSON-RPC responses: protocol errors, tool errors by what their text says, errors told as results."""

import re
from collections.abc import Mapping

from earthwire.traces.labels.label import OK, FaultClass, FaultLabel

_TEXT_CHARACTERS_MAX = 4_000
_BY_TEXT: tuple[tuple[FaultClass, re.Pattern[str]], ...] = (
    ("http_429", re.compile(r"(?i)rate.?limit|too many requests|quota|\b429\b")),
    ("timeout_pre", re.compile(r"(?i)timed? ?-?out|deadline exceeded")),
    ("auth_401_403", re.compile(r"(?i)unauthori[sz]ed|forbidden|\b40[13]\b|permission denied")),
    ("conn_refused", re.compile(r"(?i)connection refused|name resolution|getaddrinfo")),
    ("conn_reset", re.compile(r"(?i)connection (?:reset|closed|aborted)|connection issue|fetch failed")),
    ("http_5xx", re.compile(r"(?i)\b50[0-4]\b|internal (?:server )?error|unavailable|bad gateway")),
    ("client_4xx", re.compile(r"(?i)\b4\d\d\b|not found|invalid|is required|validation|unknown tool")),
)
"""Classes by the words of an error text; the first that matches speaks."""

_ERROR_OPENING = re.compile(r"(?i)\s*(?:error\b|failed to\b|exception\b|traceback\b)")


def label_error_text(text: str) -> FaultLabel:
    """Return the label of the text that a tool gives as its error.

    >>> label_error_text("Tool call timed out.").fault_class
    'timeout_pre'
    """
    head = text[:_TEXT_CHARACTERS_MAX]
    for fault_class, words in _BY_TEXT:
        if words.search(head):
            return FaultLabel(fault_class, "tool")
    return FaultLabel("tool_error", "tool")


def label_json_rpc(message: Mapping[str, object]) -> FaultLabel:
    """Return the label of a JSON-RPC response."""
    error = message.get("error")
    if error is not None:
        code = error.get("code") if isinstance(error, Mapping) else None
        return FaultLabel("mcp_protocol", "protocol", None if code is None else str(code))
    result = message.get("result")
    if not isinstance(result, Mapping) or "content" not in result:
        return OK
    text = _text_of(result["content"])
    if result.get("isError") is True:
        return label_error_text(text)
    if not text.strip() and not result.get("structuredContent") and not _has_other_content(result["content"]):
        return FaultLabel("empty_200", "payload", "content")
    return FaultLabel("error_in_200", "payload", "text") if _ERROR_OPENING.match(text) else OK


def _text_of(content: object) -> str:
    if not isinstance(content, list):
        return ""
    texts = (item.get("text") for item in content if isinstance(item, Mapping))
    return "\n".join(text for text in texts if isinstance(text, str))


def _has_other_content(content: object) -> bool:
    if not isinstance(content, list):
        return False
    return any(isinstance(item, Mapping) and item.get("type") != "text" for item in content)
