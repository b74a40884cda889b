"""The layer that a fault belongs to: what a tool says, errors of JSON-RPC, statuses of HTTP, or the connection."""

from typing import Final, Literal, get_args

from earthwire.fault_models.steps.delivery import RELAYED_KINDS
from earthwire.fault_models.steps.pace import PACED_KINDS

Layer = Literal["tool", "jsonrpc", "http", "transport"]

LAYERS: Final[tuple[Layer, ...]] = get_args(Layer)
"""From the top, which an agent reads, to the bottom."""

MCP_LAYERS: Final[tuple[Layer, ...]] = ("tool", "jsonrpc")
"""Layers where faults of MCP servers surface by default: at those below, common clients end the whole session."""

_NEVER_FAILING: Final = ("initialize", "server/discover", "ping")


def may_fail(mcp_method: str) -> bool:
    """Tell whether requests of an MCP method may fail at all: those that hold a session together never do.

    >>> may_fail("tools/call"), may_fail("initialize"), may_fail("notifications/progress")
    (True, False, False)
    """
    return mcp_method not in _NEVER_FAILING and not mcp_method.startswith("notifications/")


def layer_of(kind: str) -> Layer | None:
    """Return the layer that an outcome kind belongs to; None for a good answer.

    >>> layer_of("http_5xx:503"), layer_of("tool_error"), layer_of("malformed:html"), layer_of("ok:slow_drip")
    ('http', 'tool', 'transport', None)
    """
    if kind in RELAYED_KINDS or kind in PACED_KINDS:
        return None
    family = kind.partition(":")[0]
    if family.startswith("http_"):
        return "http"
    if family in ("tool_error", "semantic_error"):
        return "tool"
    return "jsonrpc" if family == "rpc_error" else "transport"
