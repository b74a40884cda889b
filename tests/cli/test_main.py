"""The command before its modules are loaded."""

import subprocess
import sys

import pytest

TIMEOUT_S = 60.0
INTERRUPTED_WHILE_LOADING = """
import os, signal, sys
module = sys.argv.pop(1)

class Interrupter:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupter())
from earthwire.cli.main import main
main()
"""
INTERRUPTED_BEFORE_THE_COMMAND = """
import os, signal
from unittest import mock
from earthwire.cli.main import main
with mock.patch("typer.main.get_command", lambda *_: os.kill(os.getpid(), signal.SIGINT)):
    main()
"""


def started(code: str, *arguments: str, heeds_ctrl_c: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command as a terminal starts it, or a shell in the background; whoever runs the tests may be either."""
    handler = "default_int_handler" if heeds_ctrl_c else "SIG_IGN"
    as_started = f"import signal; signal.signal(signal.SIGINT, signal.{handler})\n"
    command = [sys.executable, "-c", as_started + code, *arguments, "profiles", "list"]
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)


@pytest.mark.parametrize(
    "module", ["earthwire.cli.app", "typer", "pydantic", "earthwire.cli.commands.profiles"]
)
def test_ctrl_c_while_modules_load_ends_quietly(module: str) -> None:
    result = started(INTERRUPTED_WHILE_LOADING, module)
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "")


def test_ctrl_c_before_the_command_begins_ends_quietly() -> None:
    result = started(INTERRUPTED_BEFORE_THE_COMMAND)
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "")


def test_ctrl_c_that_is_ignored_stays_ignored() -> None:
    """Shells start background jobs so."""
    result = started(INTERRUPTED_WHILE_LOADING, "typer", heeds_ctrl_c=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert "cloud-api" in result.stdout
