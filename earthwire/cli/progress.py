"""A progress bar for work of known size."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from earthwire.cli.console import messages

_SHOWN_AFTER_S = 2.0


class LateProgress:
    """Shows on a terminal how much is done, once the work takes longer than two seconds; for use by any thread."""

    def __init__(self) -> None:
        console = messages()
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task("", total=None)
        self._is_terminal = console.is_terminal
        self._due_s = time.monotonic() + _SHOWN_AFTER_S
        self._is_shown = False

    def start(self, text: str, total: int | None = None) -> None:
        """Begin the next piece of work: its name, and its size where it is known."""
        self._progress.update(self._task, description=text, completed=0)
        # `update` takes None for "as before".
        self._progress.tasks[0].total = total
        self._show()

    def advance(self, done: int) -> None:
        """Tell that so much more is done."""
        self._progress.advance(self._task, done)
        self._show()

    def stop(self) -> None:
        """Clear the line."""
        if self._is_shown:
            self._progress.stop()

    def _show(self) -> None:
        if self._is_terminal and not self._is_shown and time.monotonic() >= self._due_s:
            self._is_shown = True
            self._progress.start()


@contextmanager
def late_progress() -> Iterator[LateProgress]:
    """Give a `LateProgress` for the length of a block."""
    progress = LateProgress()
    try:
        yield progress
    finally:
        progress.stop()
