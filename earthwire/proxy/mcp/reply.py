"""What a server of MCP answers: JSON-RPC responses, read and written."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from earthwire.proxy.mcp.message import RequestId
from earthwire.traces.record import Outcome


class Reply(msgspec.Struct, frozen=True):
    """One response.

    Attributes:
        id: of the request; None where the server could not tell.
        result: of a request that succeeded, as JSON-RPC sees it; else None.
        error: of one that failed; else None.
    """

    id: RequestId | None
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None

    @property
    def is_error(self) -> bool | None:
        """What the result of a tool says of itself; None where there is no result."""
        return None if self.result is None else self.result.get("isError") is True

    @property
    def code(self) -> int | None:
        """Code of the error, or None."""
        code = None if self.error is None else self.error.get("code")
        return code if isinstance(code, int) else None

    @property
    def outcome(self) -> Outcome:
        """Outcome of a trace record that ends with this response."""
        if self.error is not None:
            return "rpc_error"
        return "tool_error" if self.is_error else "ok"

    @property
    def text(self) -> str:
        """What the response says: the text of its content, or the message of its error."""
        if self.error is not None:
            message = self.error.get("message")
            return message if isinstance(message, str) else ""
        return "\n".join(content_texts(self.result or {}))


class _Envelope(msgspec.Struct):
    jsonrpc: Literal["2.0"]
    id: RequestId | None = None
    method: object = None
    result: object = None
    error: object = None


_DECODER = msgspec.json.Decoder(_Envelope)


def read_reply(data: bytes) -> Reply | None:
    """Return the response in a body, an event or a line; None if it holds something else."""
    try:
        envelope = _DECODER.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    if envelope.method is not None:
        return None
    if isinstance(envelope.error, dict):
        return Reply(envelope.id, error=envelope.error)
    return Reply(envelope.id, result=envelope.result) if isinstance(envelope.result, dict) else None


def content_texts(result: Mapping[str, Any]) -> list[str]:
    """Return the text of each text item in the content of a tool's result."""
    content = result.get("content")
    items = content if isinstance(content, list) else []
    texts = (item.get("text") for item in items if isinstance(item, dict) and item.get("type") == "text")
    return [text for text in texts if isinstance(text, str)]


def reply_bytes(reply: Reply, request_id: RequestId) -> bytes:
    """Return a response as the bytes of the message that answers a request, without a line end."""
    member = {"error": reply.error} if reply.error is not None else {"result": reply.result}
    return msgspec.json.encode({"jsonrpc": "2.0", "id": request_id, **member})
