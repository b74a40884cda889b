"""Where lists of tools, and calls to tools, stand in the JSON that passes: MCP messages and requests to models."""

from collections.abc import Iterator, Sequence

import msgspec

from earthwire.fault_models.action.decoys import Decoy, DecoyList, DecoySettings, with_decoys
from earthwire.fault_models.action.tool_list import ListedTool, listed_tool

TOOLS_LIST = "tools/list"
TOOLS_CALL = "tools/call"


class CrowdedDocument(msgspec.Struct, frozen=True):
    """A document whose list of tools has decoys in it.

    Attributes:
        value: decoded JSON.
        decoys: by name; none if the document holds no list of tools.
    """

    value: object
    decoys: dict[str, Decoy]


def crowded_mcp_result(message: object, settings: DecoySettings, *scope: str) -> CrowdedDocument:
    """Return the answer to ``tools/list`` with decoys; clients are told to keep it for no time (``ttlMs`` 0)."""
    result = message.get("result") if isinstance(message, dict) else None
    entries = result.get("tools") if isinstance(result, dict) else None
    if not isinstance(message, dict) or not isinstance(result, dict) or not isinstance(entries, list):
        return CrowdedDocument(message, {})
    crowded = with_decoys(entries, settings, *scope)
    if not crowded.decoys:
        return CrowdedDocument(message, {})
    return CrowdedDocument(
        {**message, "result": {**result, "tools": crowded.entries, "ttlMs": 0}}, crowded.decoys
    )


def crowded_chat_request(value: object, settings: DecoySettings, *scope: str) -> CrowdedDocument:
    """Return a request to a model with decoys in its ``tools``.

    Requests without tools, or for several answers at once (``n``), stay as they are: of several answers to one request
    no conversation goes on.
    """
    entries = value.get("tools") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(entries, list) or not _is_for_one_answer(value):
        return CrowdedDocument(value, {})
    crowded: DecoyList = with_decoys(entries, settings, *scope)
    return (
        CrowdedDocument({**value, "tools": crowded.entries}, crowded.decoys)
        if crowded.decoys
        else CrowdedDocument(value, {})
    )


def redirected(message: object, asked: object) -> object:
    """Return a call as it is written, but for the name of its tool, which is that of another one."""
    assert isinstance(message, dict), "a request is an object"
    assert isinstance(asked, dict), "it was made from the same message"
    return {**message, "params": {**message["params"], "name": asked["params"]["name"]}}


def tools_of_mcp_result(message: object) -> Sequence[ListedTool]:
    """Return the tools that an answer to ``tools/list`` names."""
    result = message.get("result") if isinstance(message, dict) else None
    entries = result.get("tools") if isinstance(result, dict) else None
    return (
        [tool for tool in map(listed_tool, entries) if tool is not None] if isinstance(entries, list) else []
    )


def called_in_last_turn(value: object) -> Sequence[str]:
    """Return the names of the tools that the model called in the last of its turns in a chat request.

    Every later request repeats the turn; only the one in which it is the last of the model's turns counts.
    """
    turns = None
    if isinstance(value, dict):
        turns = value.get("messages", value.get("input"))
    if not isinstance(turns, list):
        return []
    for turn in reversed(turns):
        if isinstance(turn, dict) and (names := list(_called(turn))):
            return names
        if isinstance(turn, dict) and turn.get("role") == "assistant":
            return []
    return []


def _is_for_one_answer(request: dict[str, object]) -> bool:
    count = request.get("n")
    return count in (None, 1) or (isinstance(count, msgspec.Raw) and bytes(count) == b"1")


def _called(turn: dict[str, object]) -> Iterator[str]:
    if turn.get("type") == "function_call" and isinstance(turn.get("name"), str):
        yield str(turn["name"])
    calls, content = turn.get("tool_calls"), turn.get("content")
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            yield function["name"]
    for part in content if isinstance(content, list) else []:
        if isinstance(part, dict) and part.get("type") == "tool_use" and isinstance(part.get("name"), str):
            yield part["name"]
