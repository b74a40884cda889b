"""The few things that are asked of mitmproxy itself."""

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mitmproxy import ctx, http
from mitmproxy.net.http import http1

from earthwire.proxy.wire.exchange import ResponseHead
from earthwire.proxy.wire.response_head import read_response_head
from earthwire.proxy.wire.tcp_reset import reset_on_close

if TYPE_CHECKING:
    from mitmproxy.proxy.server import ConnectionHandler


def own_response(status: int, fields: Iterable[tuple[str, str]], body: bytes) -> http.Response:
    """Return a response with exactly these header fields."""
    headers = http.Headers([(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields])
    response = http.Response.make(status)
    response.headers = headers
    response.raw_content = body
    return response


def split_response(response: http.Response) -> tuple[ResponseHead, bytes]:
    """Return head and body of a response as the data plane knows them."""
    head = http1.assemble_response_head(response)
    if response.is_http2:
        head = b"HTTP/1.1 " + head.partition(b" ")[2]
    return read_response_head(head), response.raw_content or b""


def close_after_response(flow: http.HTTPFlow) -> None:
    """Have the client's connection closed once the response is sent."""
    # mitmproxy asks the headers of both messages; the request has long been sent on, so that nobody sees this one.
    flow.request.headers["connection"] = "close"


def leave_unterminated(flow: http.HTTPFlow) -> None:
    """Leave out the last chunk of a chunked response, and close the connection. Not on HTTP/2, which has no chunks."""
    close_after_response(flow)
    # A response to HEAD has no last chunk, and by now mitmproxy asks the method for nothing else.
    flow.request.method = "HEAD"


def end_connection(flow: http.HTTPFlow, *, reset: bool) -> None:
    """End the client's connection without a response: in order, or by a TCP reset. On HTTP/2 only the stream ends."""
    handler = _handler_of(flow) if reset and not flow.request.is_http2 else None
    if handler is not None:
        writer = handler.transports[handler.client].writer
        raw = None if writer is None else writer.get_extra_info("socket")
        if raw is not None:
            with contextlib.suppress(OSError):
                reset_on_close(raw)
            writer.transport.abort()
    if flow.killable:
        flow.kill()


def _handler_of(flow: http.HTTPFlow) -> "ConnectionHandler | None":
    proxyserver = ctx.master.addons.get("proxyserver")
    handlers = proxyserver.connections.values()
    return next((handler for handler in handlers if handler.client is flow.client_conn), None)
