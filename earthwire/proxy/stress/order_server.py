"""The tool of the built-in agents: takes orders, and tells whether one was placed. It answers at once."""

from collections import Counter

from aiohttp import web

from earthwire.proxy.local_server import LocalServer

ORDERS_MAX = 1_000_000
"""Bound on the orders that are remembered."""

_ID_CHARACTERS_MAX = 100


class OrderServer(LocalServer):
    """Remembers how often each order was placed."""

    def __init__(self) -> None:
        application = web.Application()
        application.router.add_post("/orders", self._place)
        application.router.add_get("/orders", self._tell)
        self._placed: Counter[str] = Counter()
        super().__init__(application)

    async def _place(self, request: web.Request) -> web.Response:
        try:
            asked = await request.json()
        except ValueError:
            asked = None
        name = asked.get("id") if isinstance(asked, dict) else None
        if not isinstance(name, str) or len(name) > _ID_CHARACTERS_MAX:
            raise web.HTTPBadRequest(text='{"error":{"message":"an order has an id"}}')
        if name in self._placed or len(self._placed) < ORDERS_MAX:
            self._placed[name] += 1
        return web.json_response({"id": name, "placed": self._placed[name]}, status=201)

    async def _tell(self, request: web.Request) -> web.Response:
        name = request.query.get("id", "")
        return web.json_response({"id": name, "placed": self._placed.get(name, 0)})
