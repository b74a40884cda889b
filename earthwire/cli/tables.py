"""How tables and lists look on a terminal."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table


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
