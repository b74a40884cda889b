from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from earthwire.cli.tables import FoldedName, folded, plain_table

NAMES = st.text(st.sampled_from("ab/ -{}."), max_size=60)
LONG = "GET terraform-provider-auth0-dev.eu.auth0.com/api/v2/organizations/{id}/connections"


def printed(name: FoldedName, columns: int) -> str:
    console = Console(width=columns, force_terminal=False, color_system=None)
    table = plain_table()
    table.add_column("tool", min_width=12)
    table.add_column("calls", no_wrap=True, justify="right")
    table.add_row(name, "8,788 / 8,788")
    with console.capture() as capture:
        console.print(table)
    return capture.get()


@given(NAMES, st.integers(1, 70))
def test_no_line_of_a_name_is_longer_than_there_is_room(name: str, columns: int) -> None:
    assert all(len(line) <= columns for line in folded(name, columns))


@given(NAMES)
def test_where_every_part_fits_nothing_is_lost(name: str) -> None:
    """But for spaces at which a line ends."""
    columns = max(map(len, name.replace("/", "/\n").split("\n")))
    assert "".join(folded(name, columns)).replace(" ", "") == name.replace(" ", "")


def test_names_are_broken_between_their_parts_and_words_are_not() -> None:
    lines = [line[1:29].rstrip() for line in printed(FoldedName(LONG), 46).splitlines()[3:-1]]
    assert lines == ["GET terraform-pr….auth0.com/", "api/v2/organizations/{id}/", "connections"]


def test_a_name_that_fits_is_one_line() -> None:
    assert LONG in printed(FoldedName(LONG), 120)


def test_a_name_is_no_markup_and_its_note_stands_below() -> None:
    text = printed(FoldedName("server/[bold]tool", "a note"), 80)
    assert "server/[bold]tool " in text
    assert "\n a note " in text
