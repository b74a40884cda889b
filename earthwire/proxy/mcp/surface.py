"""Where the fault of a plan surfaces in MCP: the one place that turns a drawn plan into what an MCP client meets.

A plan is drawn as for any other tool. Its outcome kind belongs to a layer: what the tool says (``tool``), JSON-RPC
errors (``jsonrpc``), HTTP statuses (``http``), or the connection and its bytes (``transport``). Common client libraries
end the whole session at a 503 or a reset, so the lower two are opt-in; where a layer is not open, the fault is told as
most servers tell a fault of their own backend: as the result of the tool, with ``isError``.
"""

from typing import Any, Final

import msgspec

from earthwire.fault_models.plan import Body, LoseReply, Plan, RelayBody, RelayDamaged
from earthwire.fault_models.steps.layer import Layer, layer_of
from earthwire.proxy.mcp.message import ClientMessage
from earthwire.proxy.mcp.reply import Reply, read_reply
from earthwire.traces.labels.outcome_kind import status_of_kind

TOOL_CALL: Final = "tools/call"
TOOLS_LIST: Final = "tools/list"

INTERNAL_ERROR: Final = -32603
_RESERVED_BY_MCP = range(-32099, -32019)
_DEFINED_BY_MCP = (-32020, -32021, -32022)
_RETIRED = (-32002, -32042)
"""Codes that servers from 2026-07-28 on must not send any more."""

ASSUMED_CODE: Final = 500
"""Code where none was recorded: outside what JSON-RPC reserves, -32768 to -32000."""

_SEMANTIC = "semantic_error"


class RelayReply(msgspec.Struct, frozen=True):
    """The server's own answer, when it is due.

    Attributes:
        damage: what to do to the text in it, or None.
    """

    damage: RelayDamaged | None = None


class OwnReply(msgspec.Struct, frozen=True):
    """An answer of ours, when it is due; the server sees the request only where the plan loses its answer.

    Attributes:
        reply: without the id of the request.
    """

    reply: Reply


class BelowProtocol(msgspec.Struct, frozen=True):
    """A fault below JSON-RPC: the steps of the plan themselves, as far as the transport knows them.

    Attributes:
        layer: ``http`` or ``transport``.
    """

    layer: Layer


Surfaced = RelayReply | OwnReply | BelowProtocol


def surfaced(plan: Plan, message: ClientMessage, layers: tuple[Layer, ...]) -> Surfaced:
    """Return what the client of a request meets.

    Args:
        plan: as drawn.
        message: the request.
        layers: that are open; with none of them every call gets the server's own answer.
    """
    native = layer_of(plan.outcome)
    if native is None:
        return RelayReply()
    open_layers = layers if message.method == TOOL_CALL else tuple(one for one in layers if one != "tool")
    if native in ("http", "transport") and native in open_layers:
        return BelowProtocol(native)
    if native == "jsonrpc" and native in open_layers:
        return OwnReply(_rpc_error(plan, message))
    if "tool" in open_layers:
        return _in_tool(plan, message)
    return OwnReply(_rpc_error(plan, message)) if "jsonrpc" in open_layers else RelayReply()


def loses_reply(plan: Plan) -> bool:
    """Tell whether the server does its work although its own answer is lost."""
    return any(isinstance(step, LoseReply) for step in plan.steps)


def _in_tool(plan: Plan, message: ClientMessage) -> Surfaced:
    """Return a fault as the tool itself tells it."""
    family = plan.outcome.partition(":")[0]
    damage = _damage(plan)
    if damage is not None:
        return RelayReply(damage)
    body = _own_body(plan)
    recorded = _recorded_reply(body)
    if recorded is not None and recorded.result is not None:
        return OwnReply(_result(recorded.result, message, is_error=family == "tool_error"))
    if family in (_SEMANTIC, "malformed"):
        return OwnReply(_text_result(body, message, is_error=False))
    text = recorded.text if recorded is not None else _told(plan.outcome, body)
    return OwnReply(_text_result(text, message, is_error=True))


def _rpc_error(plan: Plan, message: ClientMessage) -> Reply:
    """Return a fault as an error of JSON-RPC, the recorded one where there is one."""
    body = _own_body(plan)
    recorded = _recorded_reply(body)
    error = dict(recorded.error) if recorded is not None and recorded.error is not None else {}
    text = recorded.text if recorded is not None else _told(plan.outcome, body)
    return Reply(None, error={**error, "code": _code(plan.outcome, message), "message": text})


def _code(kind: str, message: ClientMessage) -> int:
    """Return the code of an error: as recorded, unless the protocol keeps it for a meaning that this is not."""
    status = status_of_kind(kind)
    if status is not None:
        return status
    recorded = kind.partition(":")[2] if kind.startswith("rpc_error:") else ""
    if not recorded.lstrip("-").isdigit():
        return ASSUMED_CODE
    code = int(recorded)
    is_undefined = code in _RESERVED_BY_MCP and code not in _DEFINED_BY_MCP
    return INTERNAL_ERROR if is_undefined or (message.is_stateless and code in _RETIRED) else code


def _damage(plan: Plan) -> RelayDamaged | None:
    """Return the damage that a plan does to the body of a good answer."""
    for step in plan.steps:
        if isinstance(step, RelayDamaged):
            return step
        if isinstance(step, RelayBody) and step.fraction < 1.0:
            return RelayDamaged("truncate", 0.5, step.last_byte_s, repr(step.fraction))
    return None


def _own_body(plan: Plan) -> str:
    data = b"".join(step.data for step in plan.steps if isinstance(step, Body))
    return data.decode("utf-8", "replace")


def _recorded_reply(body: str) -> Reply | None:
    """Return the reply that a recorded body holds: a whole message, or only the result of one; None for other text."""
    found = read_reply(body.encode())
    if found is not None:
        return found
    try:
        result = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    is_result = isinstance(result, dict) and isinstance(result.get("content"), list)
    return Reply(None, result=result) if is_result else None


def _result(result: Any, message: ClientMessage, *, is_error: bool) -> Reply:
    kind = {"resultType": "complete"} if message.is_stateless else {}
    kept = {key: value for key, value in result.items() if key != "resultType"}
    return Reply(None, result={**kind, **kept, "isError": is_error})


def _text_result(text: str, message: ClientMessage, *, is_error: bool) -> Reply:
    return _result({"content": [{"type": "text", "text": text}]}, message, is_error=is_error)


def _told(kind: str, body: str) -> str:
    """Return what a server says of a fault of its backend."""
    status = status_of_kind(kind)
    if status is not None:
        message = _message_in(body)
        return f"Request failed with status code {status}" + (f": {message}" if message else "")
    match kind.partition(":")[0]:
        case "timeout":
            return "Request timed out"
        case "conn_error":
            return "Connection reset by peer"
        case _:
            return _message_in(body) or "Internal error"


def _message_in(body: str) -> str:
    """Return the message of an error envelope, or the text itself."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return body
    for key in ("error", "message"):
        if isinstance(value, dict) and isinstance(value.get(key), str | dict):
            value = value[key]
    return value if isinstance(value, str) else body
