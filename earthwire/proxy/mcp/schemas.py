"""What a server promises of the structured content of its tools, learned from the tool lists that pass."""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from earthwire.proxy.mcp.message import ClientMessage
from earthwire.proxy.mcp.reply import Reply
from earthwire.proxy.mcp.surface import TOOL_CALL, TOOLS_LIST

TOOLS_MAX = 1000
"""Tools of one server whose schemas are kept."""
_SCHEMA_NODES_MAX = 2000
"""A schema with more parts than this is not checked against: it comes from the server and could be made to be slow."""
_CONTENT_NODES_MAX = 20_000


class OutputSchemas:
    """The output schemas of one server's tools. Schemas that refer to other documents are left out."""

    def __init__(self) -> None:
        self._validators: dict[str, Draft202012Validator] = {}

    def judge(self, message: ClientMessage, reply: Reply | None) -> bool | None:
        """Take an answer that passed: learn from a tool list, tell whether the answer of a tool is as promised."""
        if reply is None:
            return None
        if message.method == TOOLS_LIST:
            self.learn(reply)
        if message.method != TOOL_CALL or message.name is None:
            return None
        return self.holds(message.name, reply)

    def learn(self, reply: Reply) -> None:
        """Take note of the answer to ``tools/list``."""
        tools = None if reply.result is None else reply.result.get("tools")
        for tool in tools if isinstance(tools, list) else ():
            if isinstance(tool, dict) and isinstance(tool.get("name"), str):
                self._learn_tool(tool["name"], tool.get("outputSchema"))

    def holds(self, tool: str, reply: Reply) -> bool | None:
        """Tell whether the structured content of an answer is as promised; None where that cannot be said."""
        validator = self._validators.get(tool)
        if validator is None or reply.result is None or reply.is_error:
            return None
        if "structuredContent" not in reply.result:
            return False
        content = reply.result["structuredContent"]
        if _is_larger(content, _CONTENT_NODES_MAX):
            return None
        try:
            validator.validate(content)
        except ValidationError:
            return False
        except (Unresolvable, RecursionError):
            return None
        return True

    def _learn_tool(self, name: str, schema: object) -> None:
        self._validators.pop(name, None)
        if not isinstance(schema, Mapping) or len(self._validators) >= TOOLS_MAX:
            return
        if _is_larger(schema, _SCHEMA_NODES_MAX):
            return
        try:
            Draft202012Validator.check_schema(schema)
        except (SchemaError, RecursionError):
            return
        # An empty registry: nothing is ever fetched.
        self._validators[name] = Draft202012Validator(schema, registry=Registry())


def _is_larger(value: object, nodes_max: int) -> bool:
    return any(count > nodes_max for count, _ in enumerate(_nodes(value)))


def _nodes(value: Any) -> Iterator[None]:
    waiting = [value]
    while waiting:
        node = waiting.pop()
        yield None
        if isinstance(node, Mapping):
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
