"""Where a proxy may listen, and what to do where it cannot."""

import asyncio
import errno
import ipaddress
import os
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

from earthwire.proxy.admin_config import AdminConfig
from earthwire.proxy.serve_config import ServeConfig, ServeError


def check_host(config: ServeConfig) -> None:
    """Refuse an address that other machines can reach, unless that is allowed.

    Raises:
        ServeError: if it is one.
    """
    if config.allow_public or config.unix_path is not None or config.host == "localhost":
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
    unix_path = config.unix_path if isinstance(config, ServeConfig) else None
    if unix_path is not None:
        return f"cannot listen on the socket file {unix_path}: {error.strerror or error}"
    option = "--admin-port" if isinstance(config, AdminConfig) else "--port"
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {config.port} on {config.host} is in use; choose another with {option}, or see who has it with "
            f"`ss -ltnp 'sport = :{config.port}'`"
        )
    if error.errno == errno.EACCES:
        return f"port {config.port} needs special rights; choose one from 1024 up with {option}"
    return f"cannot listen on {config.host} port {config.port}: {error.strerror or error}"


async def listen_on_file(
    loop: asyncio.AbstractEventLoop,
    new_client: Callable[[], asyncio.BaseProtocol],
    path: Path,
    backlog_count: int,
    tls: ssl.SSLContext | None,
) -> asyncio.Server:
    """Listen on a socket file that only this user can open; one that nobody listens on any more is replaced.

    Raises:
        OSError: if somebody listens there, or it cannot be created.
    """
    if path.exists() and not path.is_socket():
        raise OSError(errno.EEXIST, "a file that is no socket has this name; choose another with --unix")
    if path.is_socket() and await _is_answered(loop, path):
        raise OSError(errno.EADDRINUSE, "somebody listens there already")
    mask = os.umask(0o177)
    try:
        return await loop.create_unix_server(new_client, path, backlog=backlog_count, ssl=tls)
    finally:
        os.umask(mask)


async def _is_answered(loop: asyncio.AbstractEventLoop, path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            await loop.sock_connect(probe, str(path))
        except OSError:
            return False
    return True


def warn_on_stderr(text: str) -> None:
    """Print a warning."""
    print(f"earthwire: warning: {text}", file=sys.stderr)
