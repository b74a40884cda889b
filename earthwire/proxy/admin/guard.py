"""Who may talk to the admin side: three checks that every request passes before anything else looks at it.

1. ``Host`` names this listener. A page that rebinds its own name to 127.0.0.1 sends its own name.
2. ``Origin``, where there is one, is this listener's. No other page may send requests, and none gets CORS headers.
3. ``Authorization: Bearer`` carries the token. Only what a load balancer asks, `/healthz` and `/readyz`, goes without,
   and the dashboard's page, which holds no figures. A second token lets the page ask for them, and for nothing else.
"""

import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from earthwire.proxy.admin.answers import error_answer
from earthwire.proxy.admin.paths import DASHBOARD_PATH, LIVE_PATH

OPEN_PATHS = frozenset(("/healthz", "/readyz", DASHBOARD_PATH))

_LOCAL_NAMES = frozenset(("127.0.0.1", "localhost", "[::1]"))
_HARDENING = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_POLICY = "default-src 'none'; frame-ancestors 'none'"

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guard:
    """The checks of one listener.

    Attributes:
        port: that it listens on, once known.

    Args:
        host: address that it listens on.
        token: what clients must know.
        viewer_token: what those must know who only look.
    """

    def __init__(self, host: str, token: str, viewer_token: str) -> None:
        self.port = 0
        self._names = _LOCAL_NAMES | {f"[{host}]" if ":" in host else host}
        self._token = token.encode()
        self._viewer_token = viewer_token.encode()

    def problem(self, request: web.Request) -> web.Response | None:
        """Return the answer to a request that is refused; None for one that may pass."""
        host = request.headers.get("Host", "")
        if not self._is_ours(host):
            return error_answer(
                421, "wrong_host", f"Host {host[:100]!r} is not this listener; use 127.0.0.1:{self.port}"
            )
        origin = request.headers.get("Origin")
        if origin is not None and not (
            origin.startswith("http://") and self._is_ours(origin[len("http://") :])
        ):
            return error_answer(403, "wrong_origin", f"pages of {origin[:100]!r} may not use the admin API")
        if request.path not in OPEN_PATHS and not self._is_authorised(request):
            return error_answer(
                401,
                "token_needed",
                "send the admin token as `Authorization: Bearer <token>`; `earthwire serve` says where it is",
                {"WWW-Authenticate": 'Bearer realm="earthwire admin"'},
            )
        return None

    def middleware(self) -> Middleware:
        """Return the checks as what aiohttp runs around every request, unknown paths included."""

        @web.middleware
        async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
            response = self.problem(request) or await handler(request)
            response.headers.update(_HARDENING)
            response.headers.setdefault("Content-Security-Policy", _POLICY)
            return response

        return guard

    def _is_ours(self, host: str) -> bool:
        name, _, port = host.rpartition(":")
        return name.lower() in self._names and port == str(self.port)

    def _is_authorised(self, request: web.Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        given = token.strip().encode("utf-8", "surrogateescape")
        is_owner = hmac.compare_digest(given, self._token)
        is_viewer = hmac.compare_digest(given, self._viewer_token) and request.path == LIVE_PATH
        return scheme.lower() == "bearer" and (is_owner or is_viewer)
