"""Which strings of a JSON document are declared as text, and what they become.

A pattern is members joined by dots: ``items[].title``, with ``[]`` for every element of an array, ``*`` for any member,
``**`` for any depth (including none) and ``$`` for the document itself.
"""

import re
from collections.abc import Callable, Sequence

TextChange = Callable[[str, str], str]
"""Takes a text and its path, returns what stands in its place."""

_PART = re.compile(r"\[\]|[^.\[\]]+")


class FieldPattern:
    """One declared text field.

    Args:
        text: the pattern.

    Raises:
        ValueError: if the pattern is empty.
    """

    __slots__ = ("parts",)

    def __init__(self, text: str) -> None:
        self.parts = tuple(part for part in _PART.findall(text) if part != "$")
        if not self.parts and text != "$":
            raise ValueError(f"{text!r} is no path of a field")


def changed_fields(value: object, patterns: Sequence[FieldPattern], change: TextChange) -> object:
    """Return the document with its declared strings changed; all else, and all that is not a string, stays.

    Args:
        value: decoded JSON; it is left as it is.
        patterns: declared text fields.
        change: of one text.
    """
    return _walk(value, "$", [pattern.parts for pattern in patterns], change)


def _walk(value: object, path: str, open_parts: list[tuple[str, ...]], change: TextChange) -> object:
    """Go down with what is left of each pattern; a string is declared where nothing is left of one of them."""
    if isinstance(value, str):
        return change(value, path) if any(_is_through(parts) for parts in open_parts) else value
    if isinstance(value, dict):
        return {
            key: _walk(inner, f"{path}.{key}", left, change) if (left := _after(open_parts, key)) else inner
            for key, inner in value.items()
        }
    if isinstance(value, list):
        left = _after(open_parts, "[]")
        return (
            [_walk(inner, f"{path}[{i}]", left, change) for i, inner in enumerate(value)] if left else value
        )
    return value


def _after(open_parts: list[tuple[str, ...]], step: str) -> list[tuple[str, ...]]:
    """Return what is left of the patterns after one step down."""
    left = []
    for parts in open_parts:
        if parts and parts[0] == "**":
            left.append(parts)
            parts = parts[1:]
        if parts and (parts[0] == step or (parts[0] == "*" and step != "[]")):
            left.append(parts[1:])
    return left


def _is_through(parts: tuple[str, ...]) -> bool:
    return not parts or parts == ("**",)
