"""What a real server says when it does not do what it was asked: over HTTP, and in MCP.

One table from reason to status, code and surface, for decoys and for verdicts of the shield alike.
"""

import math
from typing import Final

import msgspec

from earthwire.fault_models.action.decoys import Decoy, DecoyAnswer
from earthwire.fault_models.action.shield import ShieldRule, Verdict

_STATUS_OF_RULE: Final[dict[ShieldRule, int]] = {
    "denied": 403,
    "not_allowed": 403,
    "read_only": 403,
    "arguments": 422,
    "calls": 429,
    "rate": 429,
}
_CODE_OF_RULE: Final[dict[ShieldRule, str]] = {
    "denied": "forbidden",
    "not_allowed": "forbidden",
    "read_only": "read_only",
    "arguments": "validation_error",
    "calls": "quota_exceeded",
    "rate": "rate_limit_exceeded",
}
_INVALID_PARAMS = -32602


class HttpRefusal(msgspec.Struct, frozen=True):
    """An HTTP answer that refuses.

    Attributes:
        status: of the answer.
        headers: beside those of its body.
        body: JSON.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def refused_over_http(verdict: Verdict) -> HttpRefusal:
    """Return the HTTP answer to a call that the shield stops."""
    code = _CODE_OF_RULE[verdict.rule]
    body = msgspec.json.encode({"error": {"code": code, "message": verdict.message}})
    wait_s = verdict.retry_after_s
    headers = () if wait_s is None else (("retry-after", str(max(1, math.ceil(wait_s)))),)
    return HttpRefusal(_STATUS_OF_RULE[verdict.rule], headers, body)


def refused_over_mcp(verdict: Verdict) -> dict[str, object]:
    """Return the members of the JSON-RPC answer to a call that the shield stops, without ``jsonrpc`` and ``id``.

    What the caller can put right is a tool error, which reaches the model; so does a limit.
    """
    return _tool_error(verdict.message)


def refused_text(decoy: Decoy) -> str:
    """Return what a decoy says that refuses its call."""
    return f"{decoy.name} is not enabled for this account."


def unknown_text(decoy: Decoy) -> str:
    """Return what a server says that does not know a decoy."""
    return f"Unknown tool: {decoy.name}"


def decoy_over_mcp(decoy: Decoy, answer: DecoyAnswer) -> dict[str, object] | None:
    """Return the members of the JSON-RPC answer to a call of a decoy; None if the real tool is to answer."""
    match answer:
        case "refuse":
            return _tool_error(refused_text(decoy))
        case "unknown":
            return {"error": {"code": _INVALID_PARAMS, "message": unknown_text(decoy)}}
        case "forward":
            return None


def _tool_error(text: str) -> dict[str, object]:
    return {"result": {"content": [{"type": "text", "text": text}], "isError": True}}
