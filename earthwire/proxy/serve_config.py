"""What a proxy serves, and where."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from earthwire.fault_models.channels import Channels
from earthwire.proxy.admin_config import AdminConfig
from earthwire.proxy.calls.spending import Spending
from earthwire.proxy.episodes.episodes import EpisodeSettings
from earthwire.proxy.limits import Limits
from earthwire.proxy.mcp.server import McpConfig
from earthwire.proxy.upstreams.replay_upstream import ReplayConfig
from earthwire.proxy.wire.tls import Certificate

DEFAULT_PORT = 8900
_FIXED = (
    "host",
    "port",
    "unix_path",
    "certificate",
    "allow_public",
    "record_path",
    "keep_bodies",
    "spending",
    "admin",
)
"""What cannot change while a proxy runs."""


class ServeError(RuntimeError):
    """The proxy cannot start; the text says why and what to do."""


class ServeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a proxy serves, and where.

    Attributes:
        upstreams: name to the URL of a live upstream, or to recordings that answer in its place; a single one is
            also served at ``/``.
        mcp: name to an MCP server behind ``/m/<name>/mcp``.
        host: address to listen on.
        port: TCP port; 0 for any free one.
        unix_path: socket file to listen on instead, open to this user only; or None.
        certificate: what the listener proves itself with, for https; None for http.
        allow_public: listen on an address that other machines can reach.
        record_path: JSONL file that trace records are appended to, or None.
        keep_bodies: records hold URL, headers and bodies, redacted.
        channels: what is done to the traffic of each server, by its name; None where nothing is.
        implied_episodes: what episodes are that nobody declared; None if they have nothing of their own.
        spending: makes the accounts of what episodes spend; None to keep none.
        admin: where the admin side listens, or None for no admin side.
        upstream_ca: PEM file of the authorities that https upstreams are verified against, instead of the system's.
        upstream_certificate: what https upstreams are shown that ask for a client's certificate, or None.
        tool_keys: of the profile, so that calls of other tools are said; with none of them nothing is.
        limits: bounds.
    """

    upstreams: dict[str, str | ReplayConfig]
    mcp: dict[str, McpConfig] = {}
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    unix_path: Path | None = None
    certificate: Certificate | None = None
    allow_public: bool = False
    record_path: Path | None = None
    keep_bodies: bool = False
    channels: Callable[[str], Channels] | None = None
    implied_episodes: EpisodeSettings | None = None
    spending: Callable[[], Spending] | None = None
    admin: AdminConfig | None = None
    upstream_ca: Path | None = None
    upstream_certificate: Certificate | None = None
    tool_keys: tuple[str, ...] = ()
    limits: Limits = Limits()


def as_reloaded(served: ServeConfig, wanted: ServeConfig) -> ServeConfig:
    """Return what is served once a recipe was read again: what it wants, less what cannot change while a proxy runs."""
    return msgspec.structs.replace(wanted, **{name: getattr(served, name) for name in _FIXED})
