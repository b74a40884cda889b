"""The Model Context Protocol: what its messages mean, where a fault surfaces in it, and the thin shells that act."""

from earthwire.proxy.mcp.message import (
    EPISODE_META_KEY,
    STATELESS_VERSION,
    ClientMessage,
    MessageKind,
    RequestId,
    cancelled_id,
    is_batch,
    read_client_message,
)
from earthwire.proxy.mcp.reply import Reply, content_texts, read_reply, reply_bytes
from earthwire.proxy.mcp.server import AnswerHabits, McpConfig, McpServer
from earthwire.proxy.mcp.surface import (
    ASSUMED_CODE,
    TOOL_CALL,
    BelowProtocol,
    OwnReply,
    RelayReply,
    Surfaced,
    surfaced,
)

__all__ = [
    "ASSUMED_CODE",
    "EPISODE_META_KEY",
    "STATELESS_VERSION",
    "TOOL_CALL",
    "AnswerHabits",
    "BelowProtocol",
    "ClientMessage",
    "McpConfig",
    "McpServer",
    "MessageKind",
    "OwnReply",
    "RelayReply",
    "Reply",
    "RequestId",
    "Surfaced",
    "cancelled_id",
    "content_texts",
    "is_batch",
    "read_client_message",
    "read_reply",
    "reply_bytes",
    "surfaced",
]
