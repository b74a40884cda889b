"""Which faults a client survives, as a test of its own repository: pytest examples/test_careful_client.py."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

CLIENT = Path(__file__).with_name("careful_client.py")
EARTHWIRE = Path(sysconfig.get_path("scripts")) / "earthwire"
TIMEOUT_S = 60.0


@pytest.mark.parametrize("fault", ["reset", "unavailable", "bad-json"])
def test_the_client_recovers(fault: str) -> None:
    """The fault hits the first two calls and goes away; `earthwire gauntlet --list` names all of them."""
    command = [EARTHWIRE, "gauntlet", "--only", fault, "--json", "--", sys.executable, CLIENT, "{url}"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    [row] = json.loads(result.stdout)["faults"]
    assert row["fate"] == "recovered", result.stdout


def test_an_error_that_stays_is_told_and_not_retried_for_ever() -> None:
    """The exit code of the gauntlet says whether a client did less than a good one does."""
    command = [EARTHWIRE, "gauntlet", "--only", "unauthorized", "--", sys.executable, CLIENT, "{url}"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
