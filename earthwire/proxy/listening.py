"""Where a proxy may listen, and what to do where it cannot."""

import errno
import ipaddress
import sys

from earthwire.proxy.admin_config import AdminConfig
from earthwire.proxy.serve_config import ServeConfig, ServeError


def check_host(config: ServeConfig) -> None:
    """Refuse an address that other machines can reach, unless that is allowed.

    Raises:
        ServeError: if it is one.
    """
    if config.allow_public or config.host == "localhost":
        return
    try:
        is_local = ipaddress.ip_address(config.host).is_loopback
    except ValueError:
        is_local = False
    if not is_local:
        raise ServeError(
            f"{config.host} can be reached from other machines, and whoever reaches it can call the tools behind; "
            "listen on 127.0.0.1, or allow it explicitly (--allow-public)"
        )


def listen_problem(config: ServeConfig | AdminConfig, error: OSError) -> str:
    """Return why an address cannot be listened on, and what to do about it."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {config.port} on {config.host} is in use; choose another with --port, or see who has it with "
            f"`ss -ltnp 'sport = :{config.port}'`"
        )
    if error.errno == errno.EACCES:
        return f"port {config.port} needs special rights; choose one from 1024 up with --port"
    return f"cannot listen on {config.host} port {config.port}: {error.strerror or error}"


def warn_on_stderr(text: str) -> None:
    """Print a warning."""
    print(f"earthwire: warning: {text}", file=sys.stderr)
