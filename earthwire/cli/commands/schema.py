"""``earthwire schema``: the JSON Schema of the files that people write, for editors."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from earthwire.cli.writing import check_target, write_whole

JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class FileKind(StrEnum):
    """Files that have a schema."""

    RECIPE = "recipe"
    PROFILE = "profile"


def schema(
    kind: Annotated[FileKind, typer.Argument(help="Which file.")] = FileKind.RECIPE,
    target: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; else stdout.")] = None,
) -> None:
    """Print the JSON Schema of recipes or profiles, so that editors complete and check keys while you type.

    With the YAML language server put this line first in the file: `# yaml-language-server: $schema=recipe.schema.json`
    """
    check_target(target)
    text = json.dumps(schema_of(kind), indent=2) + "\n"
    if target is None:
        print(text, end="")
    else:
        write_whole(target, text)


def schema_of(kind: FileKind) -> dict[str, object]:
    """Return the JSON Schema of one kind of file."""
    from earthwire.config.profile_file import ProfileFile
    from earthwire.config.recipe import RecipeFile

    model = RecipeFile if kind is FileKind.RECIPE else ProfileFile
    return {"$schema": JSON_SCHEMA_DIALECT, **model.model_json_schema()}
