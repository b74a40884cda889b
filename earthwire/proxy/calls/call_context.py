"""What is known of a call before anything is performed."""

import msgspec

from earthwire.fault_models.call import Drawn
from earthwire.proxy.calls.routes import Route
from earthwire.proxy.episodes.episodes import EpisodeRun
from earthwire.proxy.mcp.call import McpCall
from earthwire.proxy.wire.request import Request


class CallContext(msgspec.Struct, frozen=True):
    """One call at its start.

    Attributes:
        request: of the client.
        episode: the agent run it belongs to.
        tool: key that calls are grouped by.
        target: path and query at the upstream.
        route: the upstream.
        seq: number of the call in its episode, from 0.
        inflight_count: other calls under way at its start.
        drawn: what is planned.
        lag_s: how late the proxy's own loop was at its start.
        run: its episode, if that was declared, else None.
        mcp: what it says where it calls an MCP server, else None.
        waited_s: virtual time that its client let pass before it.
    """

    request: Request
    episode: str
    tool: str
    target: str
    route: Route
    seq: int
    inflight_count: int
    drawn: Drawn
    lag_s: float = 0.0
    run: EpisodeRun | None = None
    mcp: McpCall | None = None
    waited_s: float = 0.0
