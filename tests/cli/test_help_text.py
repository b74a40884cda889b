"""What stands on the left of a line of help."""

import re
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from earthwire.cli.app import command_line
from earthwire.cli.help_text import readable

Run = Callable[..., subprocess.CompletedProcess[str]]

MAKE_COMMAND_DOCS = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "make_command_docs.py"))
COMMANDS = MAKE_COMMAND_DOCS["commands"](typer.main.get_command(command_line()))
_METAVAR = re.compile(r"^  (?:-\w, )?(?:--[\w-]+|\w+(?:\.\.\.)?) (<[^>]*>)", re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_types_are_said_as_people_say_them(command: str, run: Run) -> None:
    shown = _METAVAR.findall(run(*command.split(), "--help").stdout)
    choices = [one for one in shown if "|" in one]
    assert set(shown) - set(choices) <= {"<path>", "<text>", "<number>"}


def test_the_pattern_of_this_test_finds_types(run: Run) -> None:
    assert _METAVAR.findall(run("verify", "--help").stdout)[:3] == ["<path>", "<path>", "<number>"]


def test_choices_stay_as_they_are() -> None:
    assert readable("--timing <recorded|calibrated>") == "--timing <recorded|calibrated>"
