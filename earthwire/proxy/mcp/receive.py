"""Takes requests to MCP servers in: read whole, understood, and made ready for the server."""

import msgspec

from earthwire.proxy.limits import Limits
from earthwire.proxy.mcp.local_only import check_local
from earthwire.proxy.mcp.message import ClientMessage, episode_of, is_batch, read_client_message
from earthwire.proxy.mcp.server import McpServer
from earthwire.proxy.wire.baggage import episode_in_baggage
from earthwire.proxy.wire.body import complete_body
from earthwire.proxy.wire.headers import first_value, serialise
from earthwire.proxy.wire.refusal import RequestRefusedError
from earthwire.proxy.wire.request import Request

SESSION_HEADER = b"mcp-session-id"
_VERSION_HEADER = b"mcp-protocol-version"
_DROPPED = (b"accept-encoding",)
"""Answers must come without a coding, since they are looked into while they pass."""


class McpRequest(msgspec.Struct, frozen=True):
    """A request to an MCP server.

    Attributes:
        request: as the server is to get it.
        message: in its body; None where there is none.
        is_batch: its body is an array of messages.
        session_id: of the session, or None.
        protocol_version: as the header says, or None.
    """

    request: Request
    message: ClientMessage | None
    is_batch: bool
    session_id: str | None
    protocol_version: str | None

    @property
    def episode(self) -> str | None:
        """Episode that the request names: in our header, in the message, or in baggage of either; None for none."""
        headers = self.request.headers
        in_message = None if self.message is None else episode_of(self.message)
        baggage = [value for name, value in headers.fields if name.lower() == b"baggage"]
        is_in_header = headers.episode is not None and headers.episode != episode_in_baggage(baggage)
        return headers.episode if is_in_header or in_message is None else in_message


async def receive(request: Request, server: McpServer, limits: Limits) -> McpRequest:
    """Read a request to its end and understand it.

    Args:
        request: of the client.
        server: that it is meant for.
        limits: bound on the message.

    Raises:
        RequestRefusedError: 403 for what a foreign web page sent, 413 for a message that is too long.
    """
    fields = request.headers.fields
    check_local(request.headers.host, first_value(fields, b"origin"), is_public=server.config.is_public)
    data = await request.body.read_all(limits.whole_body_bytes_max)
    if data is None:
        text = f"a message has at most {limits.whole_body_bytes_max} bytes"
        raise RequestRefusedError(413, "message_too_long", text)
    is_post = request.line.method == "POST"
    return McpRequest(
        _for_server(request, server, data),
        read_client_message(data) if is_post else None,
        is_post and is_batch(data),
        first_value(fields, SESSION_HEADER),
        first_value(fields, _VERSION_HEADER),
    )


def _for_server(request: Request, server: McpServer, data: bytes) -> Request:
    headers = request.headers
    fields = [_of_server(field, server) for field in headers.fields if field[0].lower() not in _DROPPED]
    has_body = bool(data) or headers.content_length is not None or headers.chunked
    length = b"Content-Length: %d\r\n" % len(data) if has_body else b""
    forwarded = serialise(b"", fields) + length + b"\r\n"
    new_headers = msgspec.structs.replace(
        headers,
        fields=fields,
        forwarded=forwarded,
        content_length=len(data) if has_body else None,
        chunked=False,
        expects_continue=False,
    )
    return msgspec.structs.replace(request, headers=new_headers, body=complete_body(data))


def _of_server(field: tuple[bytes, bytes], server: McpServer) -> tuple[bytes, bytes]:
    name, value = field
    return (name, server.origin.encode("ascii")) if name.lower() == b"origin" else (name, value)
