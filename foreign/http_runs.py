"""Runs foreign HTTP clients through the gauntlet."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foreign.environments import EnvironmentUnavailableError, node_environment, python_environment

HERE = Path(__file__).parent
RUN_TIMEOUT_S = 600.0
EARTHWIRE = (sys.executable, "-c", "from earthwire.cli.main import main; main()")
PACKAGES = ("requests", "httpx", "tenacity", "aiohttp", "openai", "anthropic")

CLIENTS = {
    "requests": "requests_plain",
    "requests, urllib3 Retry": "requests_retry",
    "httpx": "httpx_plain",
    "httpx, tenacity": "httpx_tenacity",
    "aiohttp": "aiohttp_plain",
    "openai": "openai_chat",
    "openai, stream": "openai_stream",
    "anthropic": "anthropic_message",
    "anthropic, stream": "anthropic_stream",
    "curl --retry": "curl",
    "Node fetch": "node",
}
"""Name on the page to the client."""

Row = dict[str, Any]


def command_of(client: str) -> list[str]:
    """Return the command of a client.

    Raises:
        EnvironmentUnavailableError: if it cannot be installed.
    """
    match client:
        case "curl":
            if shutil.which("curl") is None:
                raise EnvironmentUnavailableError("curl is not installed")
            return [
                "curl",
                "-sSf",
                "-m",
                "3",
                "--retry",
                "3",
                "--compressed",
                "-o",
                "/dev/null",
                "{url}/items",
            ]
        case "node":
            return [str(node_environment("node") / "node"), str(HERE / "node_fetch.mjs"), "{url}"]
        case _:
            python = python_environment("http-clients", *PACKAGES)
            return [str(python), str(HERE / "http_clients.py"), client, "{url}"]


def run_gauntlet(command: Sequence[str], *options: str) -> dict[str, Row]:
    """Return what a client made of each fault, by fault."""
    result = subprocess.run(
        [*EARTHWIRE, "gauntlet", "--json", "--limit", "20", *options, "--", *command],
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )
    if not result.stdout:
        raise RuntimeError(f"the gauntlet failed: {result.stderr}")
    rows: list[Row] = json.loads(result.stdout)["faults"]
    return {row["fault"]: row for row in rows}
