"""What is said once a proxy listens: one line on stdout for programs, the rest on stderr for people."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from earthwire.cli.console import messages

if TYPE_CHECKING:
    from earthwire.proxy.admin_config import AdminConfig
    from earthwire.proxy.calls.planner import Planner
    from earthwire.proxy.serve_config import ServeConfig
    from earthwire.proxy.server import Proxy
    from earthwire.proxy.supervisor import WorkersStarted


def announcement(
    config: "ServeConfig", planner: "Planner", has_profile: bool
) -> Callable[["Proxy | WorkersStarted"], None]:
    """Return what announces a proxy, or its workers, once it listens.

    Args:
        config: what is served.
        planner: what draws.
        has_profile: calls are drawn from a profile; else they pass through.
    """

    def announce(proxy: "Proxy | WorkersStarted") -> None:
        from earthwire.proxy.addresses import base_url
        from earthwire.proxy.server import Proxy
        from earthwire.proxy.supervisor import WorkersStarted

        base = base_url(config, proxy.host, proxy.port)
        print(f"earthwire serves {base} ({_decided_by(config, planner, has_profile)})", flush=True)
        # Several tool servers have no address in common; a single one is at its name and at the root.
        places = [""] if len(config.upstreams) <= 1 else [f"t/{name}/" for name in config.upstreams]
        for place in places:
            own = f"{base}/e/<episode>/{place}"
            _say(f"point the agent's base URL at {base}/{place} or, for an episode of its own, {own}")
        for name in config.mcp:
            _say(f"MCP server {name}: {base}/m/{name}/mcp")
        if isinstance(proxy, Proxy) and proxy.admin is not None:
            host, port = proxy.admin.address
            _say(f"admin API: http://{host}:{port}/_earthwire/openapi.json")
            _say_dashboard(config.admin, port)
        if isinstance(proxy, WorkersStarted) and config.admin is not None:
            for port in proxy.admin_ports:
                _say(f"admin API of a worker: http://{config.admin.host}:{port}/_earthwire/openapi.json")
            _say_dashboard(config.admin, proxy.admin_ports[0])

    return announce


def _decided_by(config: "ServeConfig", planner: "Planner", has_profile: bool) -> str:
    from earthwire.proxy.upstreams.replay_upstream import ReplayConfig

    if has_profile:
        return f"profile {planner.profile_hash}, seed {planner.seed}"
    replays = any(isinstance(source, ReplayConfig) for source in config.upstreams.values())
    return "recordings answer" if replays else "calls pass through"


def _say_dashboard(admin: "AdminConfig | None", port: int) -> None:
    """Say where the dashboard is; people at a terminal get the token of viewers with it, logs do not."""
    from earthwire.proxy.admin.paths import DASHBOARD_PATH

    assert admin is not None, "its admin side listens"
    token = f"#view={admin.viewer_token}" if messages().is_terminal else " (it asks for the admin token)"
    _say(f"dashboard: http://{admin.host}:{port}{DASHBOARD_PATH}{token}")


def _say(text: str) -> None:
    messages().print(text, markup=False, soft_wrap=True)
