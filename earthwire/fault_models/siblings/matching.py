"""Finds the tool that an HTTP request belongs to: the profile's own path templates first, the heuristic after them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from earthwire.traces.tool_key import PathTemplater, tool_key

_TEMPLATER = PathTemplater()


@dataclass(slots=True)
class _Node:
    """One path segment: what may follow it, and the tools that end here by host."""

    literal: dict[str, "_Node"] = field(default_factory=dict)
    wildcard: "_Node | None" = None
    tools: dict[str, str] = field(default_factory=dict)


class ToolMatcher:
    """Maps method and path to a tool key.

    The host of a key is that of the recorded tool, not of the upstream that stands in for it; so it is matched only
    where the caller knows it.

    Args:
        tools: tool keys, those with most calls first; keys that are not ``METHOD host/path`` are left alone.
        server: host of the recorded tools, or None to take the host of the first tool that matches.
    """

    def __init__(self, tools: Iterable[str], server: str | None = None) -> None:
        self._roots: dict[str, _Node] = {}
        self._server = server
        self._hosts: set[str] = set()
        first_host = None
        for tool in tools:
            method, _, rest = tool.partition(" ")
            host, slash, path = rest.partition("/")
            if not slash or not method.isupper():
                continue
            first_host = first_host or host
            self._hosts.add(host)
            self._add(method, host, path, tool)
        self._host = server or first_host or "upstream"

    def tool(self, method: str, path: str, at: str | None = None) -> str:
        """Return the tool key of a request.

        Args:
            method: HTTP method.
            path: path without query; starts with ``/``.
            at: which of several servers it goes to, as ``host`` or ``host:port``; where tools of that one were
                recorded, it is one of them.
        """
        server = self._server or self._recorded(at)
        root = self._roots.get(method.upper())
        found = None if root is None else _find(root, path.split("/")[1:], 0, server)
        host = server or self._host
        return found or tool_key(method, host, _TEMPLATER.template(path, host))

    def _recorded(self, at: str | None) -> str | None:
        """Return under which name tools of a server were recorded; None if none were."""
        if at is None or at in self._hosts:
            return at
        host = at.rpartition(":")[0].strip("[]")
        return host if host in self._hosts else None

    def _add(self, method: str, host: str, path: str, tool: str) -> None:
        node = self._roots.setdefault(method, _Node())
        for segment in path.split("/"):
            if segment.startswith("{") and segment.endswith("}"):
                node.wildcard = node.wildcard or _Node()
                node = node.wildcard
            else:
                node = node.literal.setdefault(segment, _Node())
        node.tools.setdefault(host, tool)


def _find(node: _Node, segments: list[str], depth: int, server: str | None) -> str | None:
    """Return the tool whose template fits; a literal segment wins over ``{id}``."""
    if depth == len(segments):
        if server is not None:
            return node.tools.get(server)
        return next(iter(node.tools.values()), None)
    literal = node.literal.get(segments[depth])
    found = _find(literal, segments, depth + 1, server) if literal is not None else None
    if found is None and node.wildcard is not None and segments[depth]:
        found = _find(node.wildcard, segments, depth + 1, server)
    return found
