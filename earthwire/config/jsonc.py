"""JSON with comments and trailing commas, as editors write it: read with the place of every value, so that a value can
be replaced and everything around it stays as the user wrote it."""

import json
import re
from typing import Any

import msgspec

_SPACE = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR = re.compile(r"(?:true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)")
_DEPTH_MAX = 100


class JsoncError(ValueError):
    """A text that is not JSON, even with comments; says line and column."""


class Value(msgspec.Struct, frozen=True):
    """One value and its place.

    Attributes:
        start, end: of its text.
        plain: the value itself.
        members: of an object, by key; the last one wins, as in JSON.
    """

    start: int
    end: int
    plain: Any
    members: dict[str, "Value"] = {}


class Replacement(msgspec.Struct, frozen=True):
    """A new text for a part of a text.

    Attributes:
        start, end: of the part; equal ones insert.
        text: what is to stand there.
    """

    start: int
    end: int
    text: str


def read_jsonc(text: str) -> Value:
    """Read a text.

    Raises:
        JsoncError: if it is not JSON with comments.
    """
    value = _value(text, _skip(text, 0), 0)
    end = _skip(text, value.end)
    if end != len(text):
        raise _error(text, end, "text goes on after the value")
    return value


def replaced(text: str, replacements: list[Replacement]) -> str:
    """Return a text with parts replaced, which must not overlap."""
    for one in sorted(replacements, key=lambda part: -part.start):
        text = text[: one.start] + one.text + text[one.end :]
    return text


def _value(text: str, at: int, depth: int) -> Value:
    if depth > _DEPTH_MAX:
        raise _error(text, at, f"values are nested more than {_DEPTH_MAX} deep")
    match text[at : at + 1]:
        case "{":
            return _object(text, at, depth)
        case "[":
            return _array(text, at, depth)
        case '"':
            string, end = _string(text, at)
            return Value(at, end, string)
    found = _SCALAR.match(text, at)
    if found is None:
        raise _error(text, at, "a value is missing")
    return Value(at, found.end(), json.loads(found[0]))


def _object(text: str, at: int, depth: int) -> Value:
    members: dict[str, Value] = {}
    start, at = at, _skip(text, at + 1)
    while text[at : at + 1] != "}":
        key, at = _string(text, at)
        at = _expect(text, _skip(text, at), ":")
        member = members[key] = _value(text, _skip(text, at), depth + 1)
        at = _next(text, member.end, "}")
    return Value(start, at + 1, {key: member.plain for key, member in members.items()}, members)


def _array(text: str, at: int, depth: int) -> Value:
    items: list[Any] = []
    start, at = at, _skip(text, at + 1)
    while text[at : at + 1] != "]":
        item = _value(text, _skip(text, at), depth + 1)
        items.append(item.plain)
        at = _next(text, item.end, "]")
    return Value(start, at + 1, items)


def _next(text: str, at: int, closing: str) -> int:
    """Return where the next member begins, or the closing bracket is."""
    at = _skip(text, at)
    if text[at : at + 1] == ",":
        return _skip(text, at + 1)
    if text[at : at + 1] != closing:
        raise _error(text, at, f"a comma or {closing!r} is missing")
    return at


def _string(text: str, at: int) -> tuple[str, int]:
    found = _STRING.match(text, at)
    if found is None:
        raise _error(text, at, "a string is missing")
    try:
        return json.loads(found[0]), found.end()
    except ValueError as error:
        raise _error(text, at, "the string has an escape that JSON does not know") from error


def _expect(text: str, at: int, character: str) -> int:
    if text[at : at + 1] != character:
        raise _error(text, at, f"{character!r} is missing")
    return at + 1


def _skip(text: str, at: int) -> int:
    """Return where white space and comments end."""
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _error(text: str, at: int, what: str) -> JsoncError:
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    return JsoncError(f"{line}:{column}: {what}")
