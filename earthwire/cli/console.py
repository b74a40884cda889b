"""What all commands share: where they print, how they fail, how they show progress, and their exit codes."""

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from rich.console import Console
from rich.status import Status
from rich.text import Text

from earthwire.traces.quantity_text import counted as counted
from earthwire.traces.quantity_text import milliseconds as milliseconds
from earthwire.traces.quantity_text import percent as percent

EXIT_OK = 0
EXIT_FAIL = 1
"""The verdict is ``fail``."""
EXIT_BAD_INPUT = 2
"""A file, an option or the environment is wrong; the message says what and how to mend it."""
EXIT_INSUFFICIENT_DATA = 3
"""The verdict is ``insufficient data``."""

EXIT_INVALID = 4
"""The verdict is ``INVALID``: the proxy was too late by its own doing for its recording to be judged."""

EXIT_OF_VERDICT = {
    "pass": EXIT_OK,
    "fail": EXIT_FAIL,
    "insufficient data": EXIT_INSUFFICIENT_DATA,
    "INVALID": EXIT_INVALID,
}

PIPED_COLUMNS = 160
"""Width of what is not printed on a terminal: there is nobody to make the window wider, so nothing is cut."""

_PROGRESS_AFTER_S = 2.0
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line feed, and what turns the direction of text."""
_BLOCKS = " ▁▂▃▄▅▆▇█"


def visible(text: str) -> str:
    r"""Return text with every character that would steer a terminal as an escape: names come from traces and peers.

    >>> visible("GET a/\x1b[31m\u202e\tb")
    'GET a/\\x1b[31m\\u202e\tb'
    """
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class _VisibleConsole(Console):
    """Prints text that steers nothing; what rich itself adds is not text."""

    def render_str(self, text: str, **settings: Any) -> Text:
        return super().render_str(visible(text), **settings)


def output() -> Console:
    """Return the console for results: stdout, plain where it is not a terminal or NO_COLOR is set."""
    return _console(stderr=False)


def messages() -> Console:
    """Return the console for everything else: stderr."""
    return _console(stderr=True)


def _console(stderr: bool) -> Console:
    # With NO_COLOR rich alone would leave out colours but print bold and dim.
    console = _VisibleConsole(
        stderr=stderr, highlight=False, color_system=None if os.environ.get("NO_COLOR") else "auto"
    )
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPED_COLUMNS
    return console


def fail(text: str) -> NoReturn:
    """End the command with a message about the user's input."""
    messages().print(f"error: {text}", style="red", markup=False, soft_wrap=True)
    sys.exit(EXIT_BAD_INPUT)


class LateStatus:
    """Says on a terminal what is being done, once it takes longer than two seconds."""

    def __init__(self, console: Console) -> None:
        self._status = Status("", console=console)
        self._is_terminal = console.is_terminal
        self._due_s = time.monotonic() + _PROGRESS_AFTER_S
        self._is_shown = False

    def __call__(self, text: str) -> None:
        """Take the next piece of work by name."""
        if not self._is_terminal or time.monotonic() < self._due_s:
            return
        self._status.update(text)
        if not self._is_shown:
            self._status.start()
            self._is_shown = True

    def stop(self) -> None:
        """Clear the line."""
        self._status.stop()


@contextmanager
def late_status() -> Iterator[LateStatus]:
    """Give a `LateStatus` for the length of a block."""
    status = LateStatus(messages())
    try:
        yield status
    finally:
        status.stop()


def sparkline(heights: list[float]) -> str:
    """Return one block character a value, the highest value being a full block."""
    top = max(heights, default=0.0)
    if top <= 0:
        return ""
    return "".join(_BLOCKS[round(height / top * (len(_BLOCKS) - 1))] for height in heights)
