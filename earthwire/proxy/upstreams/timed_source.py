"""A live upstream that is timed: tells a grounded simulation how long each of its responses takes."""

import ssl
import time

from earthwire.fault_models.grounded import GroundedSimulation
from earthwire.proxy.limits import Limits
from earthwire.proxy.upstreams.upstream import LiveExchange, LiveSource
from earthwire.proxy.upstreams.upstream_url import Upstream
from earthwire.proxy.wire.request import Request
from earthwire.proxy.wire.turns import Turns
from earthwire.proxy.wire.upstream_side import UpstreamConnection
from earthwire.proxy.wire.watchdog import Watchdog


class TimedSource(LiveSource):
    """Forwards as `LiveSource` does, and observes the time from the arrival of a request to the end of its response.

    Args:
        upstream: where calls go.
        limits: bounds.
        watchdog: enforces the bound on silence.
        turns: of the running loop.
        tls: what https upstreams are verified against.
        observer: learns the times.
    """

    def __init__(
        self,
        upstream: Upstream,
        limits: Limits,
        watchdog: Watchdog,
        turns: Turns,
        tls: ssl.SSLContext | None,
        observer: GroundedSimulation,
    ) -> None:
        super().__init__(upstream, limits, watchdog, turns, tls)
        self._observer = observer
        self._asked: dict[UpstreamConnection, tuple[str, float]] = {}

    async def forward(self, request: Request, target: str, episode: str) -> LiveExchange:
        """Send a request to the upstream (see `earthwire.proxy.wire.exchange.Source`)."""
        exchange = await super().forward(request, target, episode)
        connection = exchange._connection
        if connection is not None:
            tool = self._observer.tool_of(request.line.method, target.partition("?")[0])
            self._asked[connection] = (tool, request.arrival_s)
        return exchange

    def release(self, connection: UpstreamConnection) -> None:
        """Take a connection back whose exchange is over: its response is complete just now."""
        asked = self._asked.pop(connection, None)
        if asked is not None and connection.answered:
            tool, arrival_s = asked
            self._observer.observe(tool, time.monotonic() - arrival_s)
        super().release(connection)

    def _gone(self, connection: UpstreamConnection) -> None:
        self._asked.pop(connection, None)
        super()._gone(connection)
