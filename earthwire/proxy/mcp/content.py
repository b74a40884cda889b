"""Damage to what a tool says, inside a message that stays whole: the message is good JSON-RPC, its text is not."""

from typing import Any

import msgspec

from earthwire.fault_models.damage import Payload, damaged
from earthwire.fault_models.plan import RelayDamaged
from earthwire.proxy.mcp.reply import Reply, read_reply


def damaged_message(data: bytes, damage: RelayDamaged) -> bytes | None:
    """Return a response with its text damaged; None where there is nothing to damage.

    The first text in the content is damaged. Structured content follows where the damaged text is still JSON, since
    servers send the two alike. A tool error, and what holds no text, is left as it is.

    Args:
        data: the response, one JSON-RPC message.
        damage: what to do to the text.
    """
    reply = read_reply(data)
    if reply is None or reply.result is None or reply.is_error:
        return None
    content = reply.result.get("content")
    at = _first_text(content)
    if at is None or not isinstance(content, list):
        return None
    text = damaged_text(content[at]["text"], damage)
    if text is None:
        return None
    items = [*content[:at], {**content[at], "text": text}, *content[at + 1 :]]
    result = {**reply.result, "content": items} | _structured(reply, text)
    return msgspec.json.encode({**msgspec.json.decode(data), "result": result})


def garbled_message(data: bytes, damage: RelayDamaged) -> bytes | None:
    """Return a message damaged as such, in one line, so that it is no message any more; None where nothing could be.

    Args:
        data: one JSON-RPC message, without a line end.
        damage: what to do to it.
    """
    result = damaged(Payload(data, "application/json"), damage.operator, damage.u, damage.aim)
    return None if result is None else result.body.replace(b"\r", b" ").replace(b"\n", b" ")


def damaged_text(text: str, damage: RelayDamaged) -> str | None:
    """Return a text damaged as the body of a response would be; None where that finds nothing to damage."""
    is_json = text.lstrip()[:1] in ("{", "[")
    payload = Payload(text.encode("utf-8", "surrogatepass"), "application/json" if is_json else "text/plain")
    result = damaged(payload, damage.operator, damage.u, damage.aim)
    if result is None or result.body == payload.body:
        return None
    return result.body.decode("utf-8", "replace")


def _first_text(content: object) -> int | None:
    for index, item in enumerate(content if isinstance(content, list) else ()):
        if isinstance(item, dict) and item.get("type") == "text" and isinstance(item.get("text"), str):
            return index
    return None


def _structured(reply: Reply, text: str) -> dict[str, Any]:
    if reply.result is None or "structuredContent" not in reply.result:
        return {}
    try:
        return {"structuredContent": msgspec.json.decode(text)}
    except (msgspec.DecodeError, RecursionError):
        return {}
