"""Small tools over HTTP for tests to put behind a proxy."""

import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiohttp import web

from earthwire.proxy.local_server import LocalServer


class ToolHandler(BaseHTTPRequestHandler):
    """Answers every GET and POST at once, with the same body; subclasses say how else.

    Attributes:
        body: of every answer; JSON.
    """

    protocol_version = "HTTP/1.1"
    # Head and body leave in one piece.
    wbufsize = -1
    body = b"{}"

    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, asked: bytes) -> None:
        """Answer a request with this body."""
        self.send(self.body)

    def send(self, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send 200 with a body of JSON."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler] = ToolHandler) -> Iterator[str]:
    """Serve on a free port of the loopback for the length of a block; give the base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.asynccontextmanager
async def serving_in_loop(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    """Serve GET of every path in the running loop for the length of a block; give the base URL."""
    application = web.Application()
    application.router.add_get("/{name}", answer)
    async with LocalServer(application) as server:
        yield server.url
