"""``earthwire recipes``: the recipes that come with the package, and what any two of them differ in."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from earthwire.cli.console import EXIT_INVALID, EXIT_OK, output
from earthwire.cli.help_text import CommandGroup

if TYPE_CHECKING:
    from earthwire.config.recipe import RecipeFile

REWARD_MAX = 1e12
"""Bound on either side; it also keeps out what is no number."""

_DESCRIPTION_COLUMNS_MIN = 120
"""Narrower terminals do without descriptions, so that no name is cut; `earthwire recipes show` prints them."""

app = CommandGroup(help="Shipped recipes: list, show, diff; check a run.")

AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
RecipeName = Annotated[str, typer.Argument(help="Name of a shipped recipe, or path of a file.")]


@app.command("list")
def list_recipes(as_json: AsJson = False) -> None:
    """List the shipped recipes. They are versioned, and a released version never changes: compare runs by the hash."""
    from earthwire.config.recipe import read_recipe
    from earthwire.config.shipped import shipped_recipes

    rows = {name: _values(read_recipe(path)) for name, path in shipped_recipes().items()}
    if as_json:
        print(json.dumps(rows))
    else:
        _print(rows)


@app.command("show")
def show(recipe: RecipeName, as_json: AsJson = False) -> None:
    """Print a recipe as it is written, after its hash; with --json the keys that it sets and its hash."""
    from earthwire.config.recipe_values import flat_values

    path, read = _read(recipe)
    if as_json:
        print(json.dumps({**_values(read), "keys": flat_values(read)}))
        return
    console = output()
    console.print(f"{path} (hash {hash_of(read)})", markup=False, soft_wrap=True)
    console.print(path.read_text("utf-8"), markup=False, soft_wrap=True, end="")


@app.command("diff")
def diff(
    before: RecipeName,
    after: Annotated[str, typer.Argument(help="Name or path of the other one.")],
    as_json: AsJson = False,
) -> None:
    """Print the keys in which two recipes differ, whatever their order and comments. Exit code 1 if they do."""
    from earthwire.config.recipe_values import differences

    found = differences(_read(before)[1], _read(after)[1])
    if as_json:
        print(json.dumps({key: {"before": old, "after": new} for key, (old, new) in found.items()}))
    else:
        _print_differences(found, before, after)
    raise typer.Exit(1 if found else 0)


@app.command("check")
def check(
    recipe: RecipeName,
    recording: Annotated[list[Path], typer.Argument(help="What the proxy recorded of the run.")],
    task_reward: Annotated[
        float,
        typer.Option(
            "--reward", min=-REWARD_MAX, max=REWARD_MAX, help="R of each episode, as the task gave it."
        ),
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Hold the recording of a run against its recipe: did every declared fault fire, and what did it cost?

    Exit code 0: valid. 2: bad input. 4: INVALID, a declared fault never fired, a channel that is on changed nothing, or
    the recording is of another profile. Calls with another seed are said, since episodes may have their own.
    """
    from earthwire.cli.telling.run_report import check_recording, origin_of, print_run, run_values
    from earthwire.traces import ReadOptions, read_all

    read = _read(recipe)[1]
    origin = origin_of(read)
    records = origin.counted(read_all(recording, ReadOptions(keep_urls=True)))
    found, ledgers = check_recording(read, records)
    found = msgspec.structs.replace(found, reasons=(*found.reasons, *origin.reasons()))
    if as_json:
        print(json.dumps({**run_values(found, ledgers, task_reward), "notes": origin.notes()}))
    else:
        for note in origin.notes():
            output().print(f"note: {note}", markup=False, soft_wrap=True)
        print_run(found, ledgers, "cost" if read.costs is None else read.costs.unit, task_reward)
    raise typer.Exit(EXIT_OK if found.is_valid else EXIT_INVALID)


def _read(recipe: str) -> "tuple[Path, RecipeFile]":
    from earthwire.config.recipe import read_recipe
    from earthwire.config.shipped import recipe_path

    path = recipe_path(recipe)
    return path, read_recipe(path)


def hash_of(recipe: "RecipeFile") -> str:
    """Return the hash of a recipe together with the profile that it names, where that can be read."""
    from earthwire.config.recipe_hash import profile_content_hash, recipe_hash
    from earthwire.config.shipped import profile_path

    if recipe.profile is None:
        return recipe_hash(recipe)
    return recipe_hash(recipe, {recipe.profile: profile_content_hash(profile_path(recipe.profile))})


def _values(recipe: "RecipeFile") -> dict[str, object]:
    channels = [
        name for name in type(recipe.channels).model_fields if getattr(recipe.channels, name) is not None
    ]
    return {
        "name": recipe.name,
        "version": recipe.version,
        "hash": hash_of(recipe),
        "profile": recipe.profile,
        "severity": recipe.severity,
        "channels": channels,
        "description": recipe.description,
    }


def _print(rows: dict[str, dict[str, object]]) -> None:
    from earthwire.cli.tables import plain_table

    console = output()
    is_wide = console.width >= _DESCRIPTION_COLUMNS_MIN
    table = plain_table()
    for heading in ("name", "version", "hash", "profile"):
        table.add_column(heading, no_wrap=True)
    table.add_column("channels")
    if is_wide:
        table.add_column("description", overflow="fold")
    for name, row in rows.items():
        channels = row["channels"]
        assert isinstance(channels, list)
        table.add_row(
            name,
            str(row["version"]),
            str(row["hash"]),
            str(row["profile"] or "none"),
            ", ".join(channels) or "none",
            *([str(row["description"])] if is_wide else []),
        )
    console.print(table)
    console.print("next: earthwire recipes show NAME, earthwire serve NAME --upstream URL")


def _print_differences(found: Mapping[str, tuple[object, object]], before: str, after: str) -> None:
    console = output()
    if not found:
        console.print("no difference: the two do the same")
    for key, (old, new) in found.items():
        console.print(f"{key}", markup=False)
        console.print(f"  {before}: {_shown(old)}", markup=False, soft_wrap=True)
        console.print(f"  {after}: {_shown(new)}", markup=False, soft_wrap=True)


def _shown(value: object) -> str:
    return "(default)" if value is None else json.dumps(value, ensure_ascii=False)
