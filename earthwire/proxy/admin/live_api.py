"""The dashboard's part of the admin side: a page without figures, and the figures as JSON."""

import secrets
import time

from aiohttp import web
from pydantic import ValidationError

from earthwire.proxy.admin.answers import invalid_answer, json_answer, repeated_answer
from earthwire.proxy.admin.dashboard_page import dashboard_page
from earthwire.proxy.admin.health import health_word
from earthwire.proxy.admin.live_models import LiveQuery, LiveState
from earthwire.proxy.admin.live_state import merged_state, own_state
from earthwire.proxy.admin.paths import DASHBOARD_PATH, LIVE_PATH
from earthwire.proxy.admin.peers import Peers
from earthwire.proxy.admin.subject import Subject

_NONCE_BYTES = 18
_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""One script and one style sheet, each with a nonce; the script may ask this listener alone, and never writes HTML."""


class LiveApi:
    """The handlers of the dashboard.

    Args:
        subject: the proxy.
        peers: the other workers; None where there are none.
    """

    def __init__(self, subject: Subject, peers: Peers | None) -> None:
        self._subject = subject
        self._peers = peers

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        return [
            web.get(DASHBOARD_PATH, self.dashboard, allow_head=False),
            web.get(LIVE_PATH, self.live, allow_head=False),
        ]

    async def dashboard(self, _: web.Request) -> web.Response:
        """Return the page; its script asks for the figures, with the token that its reader has."""
        nonce = secrets.token_urlsafe(_NONCE_BYTES)
        headers = {
            "Content-Security-Policy": _POLICY.format(nonce=nonce),
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        return web.Response(text=dashboard_page(nonce), content_type="text/html", headers=headers)

    async def live(self, request: web.Request) -> web.Response:
        """Return how the proxy does: all of its workers, or this one alone."""
        if problem := repeated_answer(request):
            return problem
        try:
            query = LiveQuery.model_validate(dict(request.query))
        except ValidationError as error:
            return invalid_answer(LiveQuery, error)
        own = self._own()
        if self._peers is None or query.scope == "own":
            return json_answer(own)
        others, silent = await self._peers.states()
        return json_answer(merged_state([own, *others], silent))

    def _own(self) -> LiveState:
        self._subject.calls.settle()
        word = health_word(self._subject.status())
        return own_state(self._subject, self._subject.history, word, time.time())
