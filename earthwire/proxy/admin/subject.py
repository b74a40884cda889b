"""What the admin side sees of the proxy that it belongs to."""

from collections.abc import Awaitable, Callable

import msgspec

from earthwire.proxy.admin.live_history import LiveHistory
from earthwire.proxy.episodes.episodes import Episodes
from earthwire.proxy.recording.call_counters import CallCounters
from earthwire.proxy.recording.observed_calls import ObservedCalls
from earthwire.proxy.workers import Placement


class Status(msgspec.Struct, frozen=True):
    """How the proxy is at this moment.

    Attributes:
        is_ready: it takes calls.
        is_stopping: it takes no new ones any more.
        inflight_count: calls under way.
        connection_count: client connections.
        lag_s: how late its own loop was last.
        unknown_tool_count: tools that were called and that the profile does not have, up to a bound.
        record_count, written_count: trace records made, and those that are with the operating system.
    """

    is_ready: bool
    is_stopping: bool
    inflight_count: int
    connection_count: int
    lag_s: float
    unknown_tool_count: int
    record_count: int
    written_count: int


class NothingToReadError(Exception):
    """The proxy was started without files that could be read anew."""


class ReloadFailedError(Exception):
    """Recipe or profile are wrong now; what was served before still is."""


class Subject(msgspec.Struct, frozen=True):
    """One proxy, as far as it can be asked and told something.

    Attributes:
        base_url: where its calls go, without a final slash.
        routes: names of its upstreams.
        episodes: those that are declared.
        calls: hands finished calls to accounts and counters.
        counters: of all calls.
        history: of the counters.
        status: tells how it is.
        reload: reads recipe and profile anew and says what came of it; raises NothingToReadError or ReloadFailedError.
        placement: which episodes this process serves; None for all.
        mcp_servers: names of its MCP servers.
    """

    base_url: str
    routes: tuple[str, ...]
    episodes: Episodes
    calls: ObservedCalls
    counters: CallCounters
    history: LiveHistory
    status: Callable[[], Status]
    reload: Callable[[], Awaitable[str]]
    placement: Placement | None = None
    mcp_servers: tuple[str, ...] = ()
