"""The proxies that `run` starts beside an agent: each a process of its own, ready when its agent starts."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from earthwire.cli.console import fail
from earthwire.traces.extras import install_command

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
_POLL_S = 0.02
MITM_PYTHON_VARIABLE = "EARTHWIRE_MITM_PYTHON"
"""Names the Python of the environment that holds mitmproxy, where it is not the one that runs."""

_SERVES = "earthwire serves "
STANDARD_ERROR = 2
"""What a proxy says beside an agent is not the agent's output, nor a report."""


def own_program() -> str:
    """Return the path of the ``earthwire`` command that is running."""
    beside = Path(sys.executable).with_name("earthwire")
    return str(beside) if beside.exists() else shutil.which("earthwire") or "earthwire"


def forward_program() -> str | None:
    """Return the ``earthwire`` command of the environment that holds mitmproxy; None if none is known."""
    named = os.environ.get(MITM_PYTHON_VARIABLE)
    if named:
        return str(Path(named).with_name("earthwire"))
    import importlib.util

    return own_program() if importlib.util.find_spec("mitmproxy") is not None else None


def without_mitmproxy(what: str, then: str) -> str:
    """Return the message that something needs mitmproxy, and how to get it.

    Args:
        what: needs it.
        then: the command line that works once it is there, in the environment ``earthwire-forward``.
    """
    return (
        f"{what} needs mitmproxy, in an environment of its own:\n"
        f"  python3 -m venv earthwire-forward && earthwire-forward/bin/{install_command('mitm')}\n"
        f"  {then}"
    )


@contextlib.contextmanager
def serving(arguments: list[str]) -> Iterator[str]:
    """Run ``earthwire serve`` for the length of a block; yield its base URL."""
    command = [own_program(), "serve", *arguments, "--port", "0"]
    with _running(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        # It says what is wrong on stderr itself.
        line = process.stdout.readline().decode()
        if not line.startswith(_SERVES):
            process.wait(STOP_TIMEOUT_S)
            sys.exit(process.returncode or 1)
        yield line.removeprefix(_SERVES).split()[0]


@contextlib.contextmanager
def forwarding(program: str, arguments: list[str]) -> Iterator[str]:
    """Run ``earthwire forward`` for the length of a block; yield the URL of the proxy."""
    port = _free_port()
    with _running([program, "forward", *arguments, "--port", str(port)], stdout=STANDARD_ERROR) as process:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not listens(port):
            if process.poll() is not None:
                sys.exit(process.returncode or 1)
            if time.monotonic() > deadline_s:
                fail(f"the forward proxy does not listen on port {port} after {START_TIMEOUT_S:g} s")
            time.sleep(_POLL_S)
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def _running(command: list[str], stdout: int) -> "Iterator[subprocess.Popen[bytes]]":
    # In a group of its own, so that Ctrl-C is the agent's alone; it is ended below, once the agent is.
    process = subprocess.Popen(command, stdout=stdout, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Tell whether somebody listens on a port of this machine.

    A connection to a port that nobody listens on can be given that very port to come from, and is then connected to
    itself: that counts as nobody.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), 1.0) as connection:
            return bool(connection.getsockname() != connection.getpeername())
    except OSError:
        return False
