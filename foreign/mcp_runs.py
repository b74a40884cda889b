"""Runs the official MCP SDKs through the gauntlet, each in front of a server of its own version."""

from pathlib import Path

from foreign.conformance import free_port, running
from foreign.environments import python_environment
from foreign.http_runs import Row, run_gauntlet
from foreign.mcp_clients import SDKS

_SERVER, _CLIENT = (Path(__file__).with_name(name) for name in ("report_server.py", "mcp_once.py"))


def run_sdk(sdk: str) -> dict[str, Row]:
    """Return what an SDK made of each fault, by fault.

    Raises:
        EnvironmentUnavailableError: if it cannot be installed.
    """
    python = python_environment(sdk.replace(" ", "-"), SDKS[sdk])
    port = free_port()
    with running([str(python), str(_SERVER), str(port)], port):
        return run_gauntlet([str(python), str(_CLIENT), "{url}"], "--mcp", f"http://127.0.0.1:{port}/mcp")
