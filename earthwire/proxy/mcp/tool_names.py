"""From the name of an MCP tool to the key that its calls are grouped by: ``server/tool``, or what the profile has."""

from collections.abc import Iterable

from earthwire.proxy.mcp.message import ClientMessage
from earthwire.proxy.mcp.surface import TOOL_CALL


class ToolNames:
    """Finds the key of the tools of one server.

    Traces name an MCP tool ``server/tool``, after their own name of the server, or just ``tool``. So a tool is looked
    for under the name of the route, then without a server, then as any key that ends in its name.

    Args:
        server: what the server is called here.
        keys: tool keys of the profile, those with most calls first.
        recorded_server: what the traces call the server, or None to find out.
    """

    def __init__(self, server: str, keys: Iterable[str] = (), recorded_server: str | None = None) -> None:
        self._server = recorded_server or server
        self._keys = dict.fromkeys(keys)
        self._by_name: dict[str, str] = {}
        for key in self._keys:
            if "/" in key and " " not in key:
                self._by_name.setdefault(key.rpartition("/")[2], key)

    def key(self, name: str) -> str:
        """Return the key of a tool.

        >>> names = ToolNames("files", ["fetch/get", "read"])
        >>> names.key("get"), names.key("read"), names.key("write")
        ('fetch/get', 'read', 'files/write')
        """
        own = f"{self._server}/{name}"
        if own in self._keys:
            return own
        return name if name in self._keys else self._by_name.get(name, own)


def tool_key(message: ClientMessage, names: ToolNames) -> str:
    """Return the key that a request belongs to: that of its tool, else of its method."""
    if message.method == TOOL_CALL and message.name is not None:
        return names.key(message.name)
    return names.key(message.method or "message")
