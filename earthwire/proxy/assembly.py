"""From what is to be served to the sources that answer and the routes that lead there."""

import asyncio
import ssl
from collections.abc import Callable, Iterable

from earthwire.fault_models.grounded import GroundedSimulation
from earthwire.proxy.calls.pass_through import PassThrough
from earthwire.proxy.calls.planner import Planner
from earthwire.proxy.calls.routes import Route, Routes
from earthwire.proxy.exchanges.channel_source import ChannelSource
from earthwire.proxy.exchanges.rewriter import Rewriter
from earthwire.proxy.mcp.server import McpServer
from earthwire.proxy.serve_config import ServeConfig, ServeError
from earthwire.proxy.upstreams.replay_upstream import ReplayConfig, ReplaySource
from earthwire.proxy.upstreams.timed_source import TimedSource
from earthwire.proxy.upstreams.upstream import LiveSource
from earthwire.proxy.upstreams.upstream_url import distinct_servers, parse_upstream
from earthwire.proxy.wire.exchange import Source
from earthwire.proxy.wire.tls import client_context
from earthwire.proxy.wire.turns import Turns
from earthwire.proxy.wire.watchdog import Watchdog


class Assembly:
    """The sources of one configuration, and what draws for each of them.

    Attributes:
        sources: what answers calls, by the name of its route.

    Args:
        config: what is served.
        planner: decides what happens to each call.
        watchdog: enforces the coarse timeouts.
        turns: of the running loop.
        warn: takes warnings.

    Raises:
        ServeError: if an upstream is not one.
    """

    def __init__(
        self,
        config: ServeConfig,
        planner: Planner,
        watchdog: Watchdog,
        turns: Turns,
        warn: Callable[[str], None],
    ) -> None:
        self._config = config
        self._planner = planner
        self._watchdog = watchdog
        self._turns = turns
        self._warn = warn
        self._live_sources: list[LiveSource] = []
        if not config.upstreams and not config.mcp:
            raise ServeError("no upstream is given; name at least one, such as http://127.0.0.1:8000")
        try:
            self._mcp_servers = {name: McpServer(name, server, warn) for name, server in config.mcp.items()}
            self.sources = self._make_sources()
        except ValueError as error:
            raise ServeError(str(error)) from error

    def routes(self) -> Routes:
        """Return where targets lead."""
        config = self._config
        routes = {
            name: Route(name, self.sources[name], self._planner_of(name), at=at)
            for name, at in self._servers().items()
        }
        mcp_routes = {
            name: Route(_mcp_name(name), self.sources[_mcp_name(name)], self._planner, server)
            for name, server in self._mcp_servers.items()
        }
        return Routes(routes, config.limits, mcp_routes)

    def forbid(self, endpoints: Iterable[tuple[str, int]]) -> None:
        """Never connect to these addresses and ports: those where the proxy itself listens."""
        for source in self._live_sources:
            source.forbid(endpoints)

    def retire(self) -> None:
        """Let go of connections as soon as the calls that use them are over."""
        for source in self.sources.values():
            source.retire()

    def close(self) -> None:
        """Release all connections."""
        for source in self.sources.values():
            source.close()

    def _servers(self) -> dict[str, str | None]:
        """Return what tells upstreams apart in tool keys: their hosts, and ports where hosts are equal."""
        urls = {name: url for name, url in self._config.upstreams.items() if isinstance(url, str)}
        return {**dict.fromkeys(self._config.upstreams), **distinct_servers(urls)}

    def _make_sources(self) -> dict[str, Source]:
        sources = {
            name: self._make_source(name, upstream) for name, upstream in self._config.upstreams.items()
        }
        limits, watchdog = self._config.limits, self._watchdog
        for name, server in self._mcp_servers.items():
            upstream = parse_upstream(server.base_url)
            live = LiveSource(upstream, limits, watchdog, self._turns, self._tls())
            self._live_sources.append(live)
            sources[_mcp_name(name)] = live
        return sources if self._config.channels is None else self._behind_channels(sources)

    def _behind_channels(self, sources: dict[str, Source]) -> dict[str, Source]:
        """Return the sources, each behind the channels of its server."""
        channels = self._config.channels
        assert channels is not None, "asked only where there are channels"
        rewriter = Rewriter(self._warn)
        return {
            name: ChannelSource(source, channels(name), self._config.limits, rewriter)
            for name, source in sources.items()
        }

    def _make_source(self, name: str, upstream: str | ReplayConfig) -> Source:
        if isinstance(upstream, str):
            return self._live_source(upstream)
        if upstream.miss == "forward" and upstream.url is None:
            raise ServeError(f"upstream {name!r}: the miss policy 'forward' needs the URL of a live upstream")
        live = None if upstream.url is None else self._live_source(upstream.url)
        return ReplaySource(upstream, live, self._config.limits, self._warn)

    def _live_source(self, url: str) -> LiveSource:
        upstream, limits, tls = parse_upstream(url), self._config.limits, self._tls()
        if isinstance(self._planner, GroundedSimulation):
            live: LiveSource = TimedSource(upstream, limits, self._watchdog, self._turns, tls, self._planner)
        else:
            live = LiveSource(upstream, limits, self._watchdog, self._turns, tls)
        self._live_sources.append(live)
        return live

    def _tls(self) -> ssl.SSLContext | None:
        config = self._config
        if config.upstream_ca is None and config.upstream_certificate is None:
            return None
        return client_context(config.upstream_ca, config.upstream_certificate)

    def _planner_of(self, name: str) -> Planner:
        """Return what draws the plans of one upstream; recordings with their own timing leave nothing to draw."""
        upstream = self._config.upstreams[name]
        is_timed = isinstance(upstream, ReplayConfig) and upstream.timing == "recorded"
        return PassThrough() if is_timed else self._planner


def try_out(config: ServeConfig, planner: Planner) -> None:
    """Find out whether something can be served, where no proxy runs.

    Raises:
        ServeError: if it cannot.
    """

    async def assemble() -> None:
        loop = asyncio.get_running_loop()
        # What there is to warn of, those say that serve it.
        Assembly(config, planner, Watchdog(loop), Turns(loop), lambda _: None).close()

    asyncio.run(assemble())


def _mcp_name(name: str) -> str:
    """Return what the route of an MCP server is called: apart from the upstreams, which may have the same names."""
    return f"m/{name}"
