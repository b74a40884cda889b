"""What a server promises of the structured content of its tools, learned from the tool lists that pass."""

import contextlib
from collections.abc import Mapping

from earthwire.fault_models.declared_schema import DeclaredSchema, UncheckableError
from earthwire.proxy.mcp.message import ClientMessage
from earthwire.proxy.mcp.reply import Reply
from earthwire.proxy.mcp.surface import TOOL_CALL, TOOLS_LIST

TOOLS_MAX = 1000
"""Tools of one server whose schemas are kept."""


class OutputSchemas:
    """The output schemas of one server's tools. Schemas that refer to other documents are left out."""

    def __init__(self) -> None:
        self._schemas: dict[str, DeclaredSchema] = {}

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
        schema = self._schemas.get(tool)
        if schema is None or reply.result is None or reply.is_error:
            return None
        if "structuredContent" not in reply.result:
            return False
        try:
            return schema.problem(reply.result["structuredContent"]) is None
        except UncheckableError:
            return None

    def _learn_tool(self, name: str, schema: object) -> None:
        self._schemas.pop(name, None)
        if isinstance(schema, Mapping) and len(self._schemas) < TOOLS_MAX:
            with contextlib.suppress(ValueError):
                self._schemas[name] = DeclaredSchema(schema)
