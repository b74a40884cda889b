"""The options of the admin side, and where its token comes from."""

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earthwire.cli.console import fail, messages

if TYPE_CHECKING:
    from earthwire.proxy.admin_config import AdminConfig

PORT_MAX = 65535
TOKEN_VARIABLE = "EARTHWIRE_ADMIN_TOKEN"

AdminPort = Annotated[
    int | None,
    typer.Option(
        "--admin-port",
        min=0,
        max=65535,
        help="Serve the admin API (episodes, /metrics, /healthz) on this port of 127.0.0.1, further workers on those "
        "that follow; 0: any free one.",
    ),
]
AdminTokenFile = Annotated[
    Path | None,
    typer.Option(
        "--admin-token-file",
        help=f"File with the admin token, written if it does not exist. Without it {TOKEN_VARIABLE} counts, or a new "
        "token is printed.",
    ),
]


def admin_config(port: int | None, token_file: Path | None, worker_count: int = 1) -> "AdminConfig | None":
    """Return where the admin side listens, None where it is not wanted; the user is told where the token is."""
    if port is not None and port + worker_count - 1 > PORT_MAX:
        fail(
            f"--admin-port: {worker_count} workers need as many ports from {port} on; the last one is {PORT_MAX}"
        )
    if port is None:
        if token_file is not None:
            fail("--admin-token-file goes with --admin-port, which turns the admin API on")
        return None
    # Here, since the admin side loads libraries that other commands do not need.
    from earthwire.proxy.admin_config import AdminConfig

    return AdminConfig(_token(token_file), port=port)


def _token(path: Path | None) -> str:
    from earthwire.proxy.admin_token import check_token, new_token, read_token, write_token

    try:
        if path is not None and path.exists():
            _warn_if_readable(path)
            return read_token(path)
        if path is not None:
            token = new_token()
            write_token(path, token)
            _say(f"the admin token is in {path}")
            return token
        given = os.environ.get(TOKEN_VARIABLE)
        if given is not None:
            return check_token(given)
    except ValueError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{path}: {error.strerror or error}")
    token = new_token()
    _say(f"admin token: {token}")
    return token


def _warn_if_readable(path: Path) -> None:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        _say(f"warning: {path} can be read by others; make it yours alone with `chmod 600 {path}`")


def _say(text: str) -> None:
    messages().print(text, markup=False, soft_wrap=True)
