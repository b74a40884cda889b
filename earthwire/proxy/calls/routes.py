"""From the target of a request to the episode, the upstream and the path there.

``/e/<episode>`` and ``/t/<name>`` are prefixes of ours, in this order, each optional; what follows them is the path at
the upstream. ``/m/<name>/mcp`` is the endpoint of an MCP server. The episode may come in the header
``x-earthwire-episode`` instead.
"""

import re
from collections.abc import Mapping

import msgspec

from earthwire.proxy.calls.planner import Planner
from earthwire.proxy.exchanges.channel_source import ChannelSource
from earthwire.proxy.limits import Limits
from earthwire.proxy.mcp.server import McpServer
from earthwire.proxy.upstreams.earlier_answers import EarlierAnswers
from earthwire.proxy.upstreams.replay_upstream import ReplaySource
from earthwire.proxy.wire.exchange import Source
from earthwire.proxy.wire.refusal import RequestRefusedError

DEFAULT_EPISODE = "default"
_EPISODE = re.compile(r"[A-Za-z0-9._~:-]+")
_NAMES_SHOWN_MAX = 10


class Route(msgspec.Struct, frozen=True):
    """One upstream as requests reach it.

    Attributes:
        name: what it is called in ``/t/<name>``.
        source: where its calls go.
        planner: what draws their plans.
        mcp: the MCP server that it is, or None.
        earlier: its earlier answers, for those that are to be stale.
        at: where it is, as ``host`` or ``host:port``, where that tells it from others; None where it is the only one.
    """

    name: str
    source: Source
    planner: Planner
    mcp: McpServer | None = None
    earlier: EarlierAnswers = msgspec.field(default_factory=EarlierAnswers)
    at: str | None = None


class Destination(msgspec.Struct, frozen=True):
    """Where one target leads.

    Attributes:
        route: the upstream.
        episode: from the target's prefix, or None.
        target: path and query at the upstream.
        path: the same without query.
    """

    route: Route
    episode: str | None
    target: str
    path: str


class Routes:
    """All upstreams of one proxy.

    Args:
        routes: by name; a single one is also served without ``/t/<name>``.
        limits: bound on episode ids.
        mcp_routes: MCP servers by name, served at ``/m/<name>/mcp``.
    """

    def __init__(
        self, routes: Mapping[str, Route], limits: Limits, mcp_routes: Mapping[str, Route] | None = None
    ) -> None:
        self._routes = dict(routes)
        self._mcp_routes = dict(mcp_routes or {})
        self._only = next(iter(self._routes.values())) if len(self._routes) == 1 else None
        self._limits = limits

    def forget(self, episode: str) -> None:
        """Start an episode anew wherever recordings or calls are counted off for it."""
        for route in (*self._routes.values(), *self._mcp_routes.values()):
            route.earlier.forget(episode)
            if isinstance(route.source, ReplaySource | ChannelSource):
                route.source.forget(episode)

    def check_episode(self, episode: str) -> str:
        """Return an episode id that is well-formed.

        Raises:
            RequestRefusedError: 400.
        """
        most = self._limits.episode_characters_max
        if len(episode) > most or not _EPISODE.fullmatch(episode):
            raise RequestRefusedError(
                400,
                "bad_episode",
                f"episode id {episode[:most]!r} must be 1 to {most} of the characters A-Z a-z 0-9 . _ ~ : -",
            )
        return episode

    def destination(self, target: str) -> Destination:
        """Return where a target leads.

        Raises:
            RequestRefusedError: 404 if no upstream is served there, 400 if its episode is not well-formed.
        """
        episode, rest = self._cut_episode(target)
        server = self._mcp_route(rest)
        if server is not None and server.mcp is not None:
            return Destination(server, episode, server.mcp.target, server.mcp.target.partition("?")[0])
        route, rest = self._cut_route(rest)
        return Destination(route, episode, rest, rest.partition("?")[0])

    def _cut_episode(self, target: str) -> tuple[str | None, str]:
        found = _cut_prefix(target, "/e/")
        return (None, target) if found is None else (self.check_episode(found[0]), found[1])

    def _mcp_route(self, target: str) -> Route | None:
        found = _cut_prefix(target, "/m/") if self._mcp_routes else None
        if found is None or found[1].partition("?")[0].rstrip("/") != "/mcp":
            return None
        return self._mcp_routes.get(found[0])

    def _cut_route(self, target: str) -> tuple[Route, str]:
        found = _cut_prefix(target, "/t/")
        if found is not None and found[0] in self._routes:
            return self._routes[found[0]], found[1]
        if self._only is not None:
            # An upstream alone may have paths of its own that begin with /t/.
            return self._only, target
        served = [f"/t/{name}" for name in sorted(self._routes)]
        served += [f"/m/{name}/mcp" for name in sorted(self._mcp_routes)]
        shown = ", ".join(served[:_NAMES_SHOWN_MAX])
        raise RequestRefusedError(
            404, "no_route", f"no upstream is served at {target[:200]!r}; there is {shown}"
        )


def _cut_prefix(target: str, prefix: str) -> tuple[str, str] | None:
    """Cut ``<prefix><name>`` off; return the name and a target that begins with a slash."""
    if not target.startswith(prefix):
        return None
    path, question_mark, query = target.partition("?")
    name, _, rest = path[len(prefix) :].partition("/")
    return name, f"/{rest}{question_mark}{query}"
