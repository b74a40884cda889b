"""The official MCP conformance suites against real servers, directly and through the proxy with nothing simulated.

    python -m foreign.conformance

Suites come from npm and the servers' SDKs from PyPI, all into environments of their own. Each check must end through
the proxy as it ends directly.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import NamedTuple

from earthwire.cli.agents.children import listens
from foreign.environments import EnvironmentUnavailableError, node_environment, python_environment


class Run(NamedTuple):
    """One release of the suite and a server to run it against.

    Attributes:
        suite: package of npm.
        scenarios: which of them to run: ``active`` or ``all``.
        sdk: package of PyPI.
        server: program that runs in its environment.
    """

    suite: str
    scenarios: str
    sdk: str
    server: str


SESSIONS = Run("@modelcontextprotocol/conformance@0.1.16", "active", "mcp==1.30.0", "everything_server.py")
"""The protocol up to 2025-11-25, against a server that offers all that is asked for."""

STATELESS = Run("@modelcontextprotocol/conformance@0.2.0-alpha.12", "all", "mcp==2.3.0", "report_server.py")
"""The protocol of 2026-07-28 as well. The server lacks what many checks ask for: the same ones have to fail."""

RUNS = (SESSIONS, STATELESS)
_START_S_MAX = 30.0
_RUN_S_MAX = 300.0
_SCENARIO = re.compile(r"^[✓✗~!?] (\S+): (\d+) passed, (\d+) failed", re.MULTILINE)


def main() -> int:
    """Run the suites and print their results; return 1 where anything is different through the proxy."""
    is_same = True
    for run in RUNS:
        try:
            direct, proxied = results(run)
        except EnvironmentUnavailableError as error:
            print(f"cannot run {run.suite}: {error}")
            return 1
        for name, (passed, failed) in direct.items():
            mark = "ok " if proxied.get(name) == (passed, failed) else "BAD"
            print(f"{mark} {name}: direct {passed} of {passed + failed}, proxied {proxied.get(name)}")
        counts = [sum(passed for passed, _ in found.values()) for found in (direct, proxied)]
        total = sum(map(sum, direct.values()))
        print(f"{run.suite}: {counts[0]} of {total} checks pass directly, {counts[1]} through the proxy\n")
        is_same = is_same and bool(direct) and proxied == direct
    return 0 if is_same else 1


def results(run: Run) -> tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]]:
    """Return checks passed and failed by scenario, directly and through the proxy.

    Raises:
        EnvironmentUnavailableError: if suite or server cannot be installed.
    """
    programs = node_environment(f"conformance-{run.scenarios}", run.suite)
    python = python_environment("mcp-" + run.sdk.rpartition("==")[2], run.sdk)
    with running_server(python, run.server) as url, running_proxy(url) as proxied_url:
        return checks(programs, url, run.scenarios), checks(programs, proxied_url, run.scenarios)


@contextlib.contextmanager
def running_server(python: Path, server: str) -> Iterator[str]:
    """Run a server; yields its endpoint."""
    port = free_port()
    with running([str(python), str(Path(__file__).with_name(server)), str(port)], port):
        yield f"http://127.0.0.1:{port}/mcp"


@contextlib.contextmanager
def running_proxy(url: str | None = None, recipe: Path | None = None) -> Iterator[str]:
    """Run the proxy in front of an endpoint, or as a recipe says; yields the endpoint that it serves."""
    port = free_port()
    program = shutil.which("earthwire", path=str(Path(sys.executable).parent)) or "earthwire"
    what = [str(recipe)] if recipe is not None else ["--mcp", f"server={url}"]
    with running([program, "serve", *what, "--port", str(port)], port):
        yield f"http://127.0.0.1:{port}/m/server/mcp"


def checks(programs: Path, url: str, scenarios: str) -> dict[str, tuple[int, int]]:
    """Run scenarios of a suite against an endpoint; return checks passed and failed by scenario."""
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"}
    with TemporaryDirectory() as folder:
        result = subprocess.run(
            ["conformance", "server", "--url", url, "--suite", scenarios],
            executable=str(programs / "conformance"),
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_RUN_S_MAX,
            check=False,
        )
    return {name: (int(passed), int(failed)) for name, passed, failed in _SCENARIO.findall(result.stdout)}


@contextlib.contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    """Run a program that listens on a port, until the end of the block."""
    with TemporaryFile() as messages:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=messages)
        try:
            if not _listens(process, port):
                messages.seek(0)
                told = messages.read()[-2000:].decode("utf-8", "replace")
                raise RuntimeError(f"{' '.join(command)} does not listen on port {port}: {told}")
            yield
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(timeout=_START_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(process: "subprocess.Popen[bytes]", port: int) -> bool:
    """Wait until a program listens; tell whether it does."""
    deadline_s = time.monotonic() + _START_S_MAX
    while time.monotonic() < deadline_s and process.poll() is None:
        if listens(port):
            return True
        time.sleep(0.05)
    return False


if __name__ == "__main__":
    sys.exit(main())
