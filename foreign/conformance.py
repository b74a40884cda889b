"""The official MCP conformance suite against a real server, directly and through the proxy with nothing simulated.

    python -m foreign.conformance

The suite comes from npm and the server's SDK from PyPI, both into environments of their own. The proxy must lose none
of what passes directly.
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

from foreign.environments import EnvironmentUnavailableError, node_environment, python_environment

SUITE = "@modelcontextprotocol/conformance@0.1.16"
SERVER_SDK = "mcp==1.30.0"
_SERVER = Path(__file__).with_name("everything_server.py")
_START_S_MAX = 30.0
_RUN_S_MAX = 300.0
_SCENARIO = re.compile(r"^[✓✗~!?] (\S+): (\d+) passed, (\d+) failed", re.MULTILINE)


def main() -> int:
    """Run the suite twice and print both results; return 1 where the proxy loses a check."""
    try:
        programs = node_environment("mcp-conformance", SUITE)
        python = python_environment("mcp-1", SERVER_SDK)
    except EnvironmentUnavailableError as error:
        print(f"cannot run the conformance suite: {error}")
        return 1
    with running_server(python) as url, running_proxy(url) as proxied_url:
        direct = checks(programs, url)
        proxied = checks(programs, proxied_url)
    for name, (passed, failed) in direct.items():
        mark = "ok " if proxied.get(name) == (passed, failed) else "BAD"
        print(f"{mark} {name}: direct {passed} of {passed + failed}, proxied {proxied.get(name)}")
    passed_count, proxied_count = (sum(one for one, _ in results.values()) for results in (direct, proxied))
    total = sum(map(sum, direct.values()))
    print(f"{SUITE}: {passed_count} of {total} checks pass directly, {proxied_count} through the proxy")
    return 0 if passed_count and proxied_count >= passed_count else 1


@contextlib.contextmanager
def running_server(python: Path) -> Iterator[str]:
    """Run the server; yields its endpoint."""
    port = free_port()
    with running([str(python), str(_SERVER), str(port)], port):
        yield f"http://127.0.0.1:{port}/mcp"


@contextlib.contextmanager
def running_proxy(url: str | None = None, recipe: Path | None = None) -> Iterator[str]:
    """Run the proxy in front of an endpoint, or as a recipe says; yields the endpoint that it serves."""
    port = free_port()
    program = shutil.which("earthwire", path=str(Path(sys.executable).parent)) or "earthwire"
    what = [str(recipe)] if recipe is not None else ["--mcp", f"server={url}"]
    with running([program, "serve", *what, "--port", str(port)], port):
        yield f"http://127.0.0.1:{port}/m/server/mcp"


def checks(programs: Path, url: str) -> dict[str, tuple[int, int]]:
    """Run the suite against an endpoint; return checks passed and failed by scenario."""
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"}
    with TemporaryDirectory() as folder:
        result = subprocess.run(
            ["conformance", "server", "--url", url],
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
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return True
        time.sleep(0.05)
    return False


if __name__ == "__main__":
    sys.exit(main())
