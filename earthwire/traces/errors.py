"""The error of every reader and writer of trace files."""

from collections.abc import Callable
from pathlib import Path


class TraceFileError(ValueError):
    """A trace file that cannot be read or written; the text is ``path:line: what, value, way out``.

    Attributes:
        path: the file.
        line: line in the file, counted from 1, or None where the format has no lines.
        problem: the text without the place.
    """

    def __init__(self, path: Path, problem: str, line: int | None = None) -> None:
        place = str(path) if line is None else f"{path}:{line}"
        super().__init__(f"{place}: {problem}")
        self.path = path
        self.line = line
        self.problem = problem


SKIP_HINT = "--skip-bad-lines reads the others (`earthwire import` has it, too)"

BadLineHandler = Callable[[TraceFileError], None]
"""Called with the error of each line that is left out; without one, the first bad line ends the reading."""


def report_bad_line(error: TraceFileError, on_bad_line: BadLineHandler | None) -> None:
    """Hand the error to the handler, or raise it, with the way out, where there is none."""
    if on_bad_line is None:
        raise TraceFileError(error.path, f"{error.problem}; {SKIP_HINT}", error.line) from error.__cause__
    on_bad_line(error)
