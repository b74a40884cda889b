"""One MCP server behind the proxy: where it is, what is simulated of it, and what its answers look like."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from earthwire.fault_models.steps.layer import MCP_LAYERS, Layer, may_fail
from earthwire.proxy.mcp.message import ClientMessage
from earthwire.proxy.mcp.schemas import OutputSchemas
from earthwire.proxy.mcp.surface import TOOL_CALL
from earthwire.proxy.mcp.tool_names import ToolNames, tool_key
from earthwire.proxy.wire.exchange import ResponseHead
from earthwire.proxy.wire.headers import Fields
from earthwire.traces.labels.body_class import is_event_stream

_NOT_REPEATED: Final = (
    b"content-length",
    b"content-type",
    b"content-encoding",
    b"date",
    b"last-modified",
    b"etag",
)
_DEFAULT_HEADERS: Final = (("date", ""),)
_SERVER_INFO: Final = "io.modelcontextprotocol/serverInfo"


class McpConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What is simulated of one MCP server.

    Attributes:
        url: its streamable HTTP endpoint.
        layers: where faults may surface.
        methods: requests that faults are drawn for; what holds a session together is never among them.
        tool_keys: of the profile, those with most calls first.
        recorded_server: what the traces call the server, or None to find out.
        is_public: the proxy is meant to be reached under other names than those of this machine.
    """

    url: str
    layers: tuple[Layer, ...] = MCP_LAYERS
    methods: tuple[str, ...] = (TOOL_CALL,)
    tool_keys: tuple[str, ...] = ()
    recorded_server: str | None = None
    is_public: bool = False


class AnswerHabits:
    """How a server frames its answers, learned from those that pass, so that ours look alike.

    Attributes:
        as_events: it answers with a stream of events.
        headers: that it sends with every answer.
        meta: that it puts into every result.
    """

    __slots__ = ("as_events", "headers", "meta")

    def __init__(self) -> None:
        self.as_events = False
        self.meta: dict[str, Any] = {}
        self.headers: tuple[tuple[str, str], ...] = _DEFAULT_HEADERS

    def learn(self, head: ResponseHead) -> None:
        """Take note of the head of a good answer."""
        if head.status != 200:
            return
        self.as_events = is_event_stream(head.content_type)
        self.headers = (*_DEFAULT_HEADERS, *_repeated(head.fields))

    def learn_result(self, result: Mapping[str, Any]) -> None:
        """Take note of a good result: from 2026-07-28 on servers say in each who they are."""
        meta = result.get("_meta")
        if isinstance(meta, dict) and _SERVER_INFO in meta:
            self.meta = {_SERVER_INFO: meta[_SERVER_INFO]}


class McpServer:
    """One MCP server, as long as the proxy runs.

    Attributes:
        name: what it is called in ``/m/<name>/mcp``.
        base_url: scheme and authority of its endpoint.
        target: path and query of its endpoint.
        origin: what it takes for its own in the Origin header.
        config: what is simulated of it.
        habits: how it frames its answers.
        schemas: what it promises of the structured content of its tools.

    Args:
        name: of the server.
        config: what is simulated of it.
        warn: takes warnings.

    Raises:
        ValueError: if a method must never be drawn.
    """

    def __init__(self, name: str, config: McpConfig, warn: Callable[[str], None] = lambda _: None) -> None:
        wrong = [method for method in config.methods if not may_fail(method)]
        if wrong:
            raise ValueError(f"mcp server {name!r}: {wrong[0]} holds sessions together and never has faults")
        parts = urlsplit(config.url)
        self.name = name
        self.base_url = f"{parts.scheme}://{parts.netloc}"
        self.origin = self.base_url
        self.target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.config = config
        self.habits = AnswerHabits()
        self.schemas = OutputSchemas()
        self._warn = warn
        self._has_warned = False
        self._names = ToolNames(name, config.tool_keys, config.recorded_server)

    def tool_key(self, message: ClientMessage) -> str:
        """Return the key that a request belongs to: that of its tool, else of its method."""
        return tool_key(message, self._names)

    def pass_batch(self) -> None:
        """Say, once, that batches of messages pass untouched."""
        if not self._has_warned:
            self._has_warned = True
            self._warn(f"mcp server {self.name!r}: a client sends batches of messages, which pass untouched")

    def is_drawn(self, message: ClientMessage) -> bool:
        """Tell whether a fault may be drawn for a message."""
        return message.kind == "request" and message.method in self.config.methods


def _repeated(fields: Fields) -> list[tuple[str, str]]:
    return [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in fields
        if name.lower() not in _NOT_REPEATED
    ]
