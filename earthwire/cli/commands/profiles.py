"""``earthwire profiles``: the profiles that come with the package, by name."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from earthwire.cli.commands.show import show as show_profile
from earthwire.cli.console import fail, output
from earthwire.cli.help_text import CommandGroup

if TYPE_CHECKING:
    from earthwire.fault_models.profile import Profile

_LICENCE_COLUMNS_MIN = 110
"""Narrower terminals do without licences, which would be broken in the middle of names; `profiles show` prints them."""

app = CommandGroup(help="Shipped profiles: list, show.")


@app.command("list")
def list_profiles(
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the shipped profiles: packs learned from recorded calls, and hand-picked taxonomies that papers publish.

    Use one by its name: `earthwire serve --profile llm-api`, or `profile: llm-api` in a recipe.
    """
    from earthwire.config.profile_file import read_profile
    from earthwire.config.shipped import shipped_profiles

    rows = {name: _values(read_profile(path)) for name, path in shipped_profiles().items()}
    if as_json:
        print(json.dumps(rows))
    else:
        _print(rows)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="Name of a shipped profile.")],
    rows: Annotated[int, typer.Option("--rows", min=1, help="Most tools shown, busiest first.")] = 30,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print as JSON, without the bound of --rows.")
    ] = False,
) -> None:
    """Print a shipped profile: its laws, the counts that they rest on, its provenance and its licence."""
    from earthwire.config.shipped import is_shipped_name, shipped_profile_path

    if not is_shipped_name(name):
        fail(f"{name}: is no name of a shipped profile; for a file: earthwire show {name}")
    show_profile(shipped_profile_path(name), tool=None, rows=rows, as_json=as_json)


def _values(profile: "Profile") -> dict[str, object]:
    from earthwire.fault_models.profile import profile_hash
    from earthwire.traces.labels.outcome_kind import is_fault

    provenance = profile.provenance
    outcomes = profile.overall.outcomes
    # What was chosen is the share of first calls; after them a permanent fault stays.
    total = outcomes.total if provenance.calls else outcomes.after["start"]
    known = sum(count for kind, count in total.items() if kind != "unknown")
    faults = sum(count for kind, count in total.items() if is_fault(kind))
    return {
        "learned": provenance.calls > 0,
        "calls": provenance.calls,
        "sessions": provenance.sessions,
        "tools": len(profile.tools),
        "fault_share": faults / known if known else None,
        "latency": bool(profile.overall.latency),
        "licence": provenance.licence,
        "hash": profile_hash(profile),
        "cannot_tell": list(provenance.cannot_tell),
    }


def _print(rows: dict[str, dict[str, object]]) -> None:
    from earthwire.cli.tables import plain_table

    console = output()
    is_wide = console.width >= _LICENCE_COLUMNS_MIN
    table = plain_table()
    table.add_column("name", no_wrap=True)
    for heading in ("calls", "sessions", "tools", "faults"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("latency", no_wrap=True)
    table.add_column("learned from", overflow="fold")
    for name, row in rows.items():
        share = row["fault_share"]
        table.add_row(
            name,
            *(f"{row[key]:,}" for key in ("calls", "sessions", "tools")),
            f"{100 * share:.1f} %" if isinstance(share, float) else "n/a",
            "yes" if row["latency"] else "no",
            _source(row, is_wide),
        )
    console.print(table)
    console.print(
        "next: earthwire profiles show NAME, earthwire serve --profile NAME --upstream URL", soft_wrap=True
    )


def _source(row: dict[str, object], is_wide: bool) -> str:
    if not row["learned"]:
        return "nothing: hand-picked after a paper" if is_wide else "a paper"
    return str(row["licence"]) if is_wide else "recordings"
