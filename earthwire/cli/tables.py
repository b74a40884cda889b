"""How tables, lists and long names look on a terminal."""

import re
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from earthwire.cli.console import visible

_SHORTENED_COLUMNS_MIN = 10
"""A part that loses its middle wherever it stands begins on a line that has this much room left."""
_PART = re.compile(r"[^/ ]*[/ ]|[^/ ]+")


def plain_table(title: str | None = None, gap: int = 1) -> Table:
    """Return a table without frame: a line below its headings, and `gap` spaces behind each column."""
    return Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, gap, 0, 0))


def first_of(names: Sequence[str], count_max: int) -> str:
    """Return names in a row: the first ones, and how many more there are.

    >>> first_of(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = len(names) - count_max
    return ", ".join(names[:count_max]) + (f" and {more:,} more" if more > 0 else "")


def folded(name: str, columns: int) -> list[str]:
    """Return the lines of a name: broken behind spaces and slashes; a part that is still too long loses its middle.

    >>> folded("GET api.example.com/v1/users/{id}", 17)
    ['GET', 'api.example.com/', 'v1/users/{id}']
    >>> folded("GET api.example.com/v1/users/{id}", 12)
    ['GET', 'api.ex….com/', 'v1/users/', '{id}']
    """
    lines = [""]
    for part in _PART.findall(name):
        left = columns - len(lines[-1])
        is_too_long = len(part.rstrip()) > columns
        if lines[-1] and len(part.rstrip()) > left and not (is_too_long and left >= _SHORTENED_COLUMNS_MIN):
            lines.append("")
            left = columns
        lines[-1] += _without_middle(part, left)
    return [line.rstrip() for line in lines]


class FoldedName:
    """A cell of a table that holds the name of a tool or a file: as long as there is room, see `folded`.

    Args:
        name: may hold what is markup elsewhere.
        note: a line below it, less bright; empty for none.
    """

    def __init__(self, name: str, note: str = "") -> None:
        self._name = visible(name)
        self._note = note

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines that fit."""
        yield Text("\n".join(folded(self._name, options.max_width)), no_wrap=True)
        if self._note:
            yield Text(self._note, style="dim")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Return how wide it has to be and how wide it would like to be."""
        longest = max(map(len, _PART.findall(self._name)), default=1)
        return Measurement(longest, max(len(self._name), len(self._note))).with_maximum(options.max_width)


def _without_middle(part: str, columns: int) -> str:
    """Return a part of a name that fits into so many columns; an end that is a space does not count."""
    if len(part.rstrip()) <= columns:
        return part
    kept = columns - 1
    return f"{part[: kept - kept // 2]}…{part[len(part) - kept // 2 :]}"
