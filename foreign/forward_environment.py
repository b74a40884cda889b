"""The environment of the forward proxy: mitmproxy beside earthwire, and the clients that its tests drive."""

from pathlib import Path

import pytest

from foreign.environments import ROOT, EnvironmentUnavailableError, python_environment


def forward_python() -> Path:
    """Return its Python; skip the test where it cannot be built."""
    try:
        return python_environment("forward", "-e", f"{ROOT}[mitm]", "requests", "httpx[http2]")
    except EnvironmentUnavailableError as error:
        pytest.skip(f"mitmproxy cannot be installed here: {error}")
