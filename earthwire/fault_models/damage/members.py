"""Where members stand in JSON text, so that one can be changed and every other byte left alone."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from earthwire.traces.labels.json_shape import DEPTH_MAX, ROOT, child_path

MEMBERS_MAX = 4096
"""Members and items found in one body; what stands behind them is left alone."""

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+', re.DOTALL)


class Member(NamedTuple):
    """One member of an object or one item of an array, by its place in the text.

    Attributes:
        path: as in `earthwire.traces.labels.json_shape`.
        start: of its key, or of an item itself.
        value_start, end: of its value.
        is_last: nothing follows it in its object or array.
        is_item: it belongs to an array.
    """

    path: str
    start: int
    value_start: int
    end: int
    is_last: bool
    is_item: bool


class _Open:
    """An object or array that has not ended."""

    __slots__ = ("is_array", "member_path", "path", "start", "value_start")

    def __init__(self, path: str, is_array: bool) -> None:
        self.path = path
        self.is_array = is_array
        self.start = self.value_start = -1
        self.member_path = ""


def json_text(body: bytes) -> str | None:
    """Return the text of a body that is a JSON object or array with something in it; None for any other."""
    try:
        value = msgspec.json.decode(body)
        text = body.decode("utf-8")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return text if isinstance(value, dict | list) and value else None


def members(text: str) -> list[Member]:
    """Return the members and items of a valid JSON text, innermost first, at most `MEMBERS_MAX`.

    >>> [(m.path, text[m.value_start : m.end]) for text in ['{"a": [1]}'] for m in members(text)]
    [('$.a[]', '1'), ('$.a', '[1]')]
    """
    found: list[Member] = []
    for member in _walk(text):
        found.append(member)
        if len(found) == MEMBERS_MAX:
            break
    return found


def shallow(found: list[Member]) -> list[Member]:
    """Return the members of objects that are not deeper than shapes are counted."""
    return [m for m in found if not m.is_item and m.path.count(".") + m.path.count("[]") <= DEPTH_MAX + 1]


def _walk(text: str) -> Iterator[Member]:
    waiting: list[_Open] = []
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in "{[":
            path = _begin(waiting[-1], match.start()) if waiting else ROOT
            waiting.append(_Open(path, token == "["))
        elif token in "}]":
            closed = waiting.pop()
            if closed.value_start >= 0:
                yield _member(closed, text, match.start(), is_last=True)
        elif token == ",":
            yield _member(waiting[-1], text, match.start(), is_last=False)
        elif token != ":" and waiting:
            _begin(waiting[-1], match.start(), token)


def _begin(holder: _Open, position: int, token: str = "") -> str:
    """Take note of a key or the beginning of a value; return the value's path."""
    if holder.is_array:
        holder.start = holder.value_start = position
        holder.member_path = f"{holder.path}[]"
    elif holder.start < 0:
        holder.start = position
        holder.member_path = child_path(holder.path, msgspec.json.decode(token))
    else:
        holder.value_start = position
    return holder.member_path


def _member(holder: _Open, text: str, end: int, is_last: bool) -> Member:
    while text[end - 1].isspace():
        end -= 1
    member = Member(holder.member_path, holder.start, holder.value_start, end, is_last, holder.is_array)
    holder.start = holder.value_start = -1
    return member
