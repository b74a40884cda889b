"""Writes the reference part of docs/recipes.md from the recipe's own models, so that no key can be left out.

    python scripts/make_recipe_docs.py

What stands before the marker is written by hand and stays.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from earthwire.config.recipe import RecipeFile

PAGE = Path(__file__).parents[1] / "docs" / "recipes.md"
MARKER = "<!-- Made by scripts/make_recipe_docs.py from here on. -->\n"


def page(before: str) -> str:
    """Return the text of the page, with its reference made anew.

    Args:
        before: text of the page as it is.
    """
    return before.partition(MARKER)[0] + MARKER + "\n" + reference()


def reference() -> str:
    """Return the tables of all sections, the outermost first."""
    return "\n".join(_section(path, model) for path, model in sections())


def sections() -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield every section of a recipe by its path, such as ``channels.observation``; the recipe itself is ``""``."""
    waiting: list[tuple[str, type[BaseModel]]] = [("", RecipeFile)]
    while waiting:
        path, model = waiting.pop(0)
        yield path, model
        for name, field in model.model_fields.items():
            inner = _model_of(field.annotation)
            if inner is not None:
                waiting.append((_joined(path, name, field), inner))


def keys() -> list[str]:
    """Return the path of every key of a recipe."""
    return [f"{path}.{name}" if path else name for path, model in sections() for name in model.model_fields]


def description(field: FieldInfo) -> str:
    """Return what a key is for: as it says itself, else what its section says."""
    inner = _model_of(field.annotation)
    return field.description or ("" if inner is None else inner.__doc__ or "")


def _section(path: str, model: type[BaseModel]) -> str:
    title = f"## `{path}`" if path else "## Keys of a recipe"
    lines = [title, "", model.__doc__ or "", "", "| key | | allowed | default |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        cells = (f"`{name}`", description(field), _allowed(field), _default(field))
        lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return "\n".join([*lines, ""])


def _joined(path: str, name: str, field: FieldInfo) -> str:
    own = f"{path}.{name}" if path else name
    kind = str(field.annotation)
    if kind.startswith("dict["):
        return f"{own}.NAME"
    return f"{own}[]" if kind.startswith("list[") else own


def _model_of(kind: Any) -> type[BaseModel] | None:
    """Return the section that an annotation holds, however deep; None if it holds none."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    return next((model for inner in get_args(kind) if (model := _model_of(inner)) is not None), None)


def _allowed(field: FieldInfo) -> str:
    choices = _literals(field.annotation)
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    bounds = {type(one): one for one in (*field.metadata, *_inner_metadata(field.annotation))}
    low = bounds.get(Ge) or bounds.get(Gt)
    high = bounds.get(Le) or bounds.get(Lt)
    if low is None and high is None:
        return _kind(field.annotation)
    text = f"{getattr(low, 'ge', getattr(low, 'gt', ''))} to {getattr(high, 'le', getattr(high, 'lt', ''))}"
    return text.replace(f"{-(2**63)}", "-2⁶³").replace(f"{2**63 - 1}", "2⁶³ - 1")


def _inner_metadata(kind: Any) -> tuple[Any, ...]:
    """Return what constrains an optional value."""
    return tuple(one for inner in get_args(kind) for one in getattr(inner, "__metadata__", ()))


def _literals(kind: Any) -> list[str]:
    arguments = get_args(kind)
    if arguments and all(isinstance(one, str | int) for one in arguments):
        return [str(one) for one in arguments]
    return next((found for inner in arguments if (found := _literals(inner))), [])


def _kind(kind: Any) -> str:
    if (model := _model_of(kind)) is not None:
        return (
            "mapping of names to sections" if str(kind).startswith("dict[") else f"section ({model.__name__})"
        )
    words = {"bool": "true or false", "str": "text", "int": "whole number", "float": "number"}
    text = str(kind)
    if text.startswith("dict["):
        return "mapping"
    if text.startswith("list["):
        return "list"
    return next((said for word, said in words.items() if word in text), text)


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if isinstance(field.default, BaseModel):
        return ""
    if field.default is None:
        return "none"
    shown = {True: "true", False: "false"}.get(field.default) if isinstance(field.default, bool) else None
    return f"`{shown or field.default}`"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
