"""Slots: the parts of a recorded response that were different from call to call, and how they get new values.

A text with slots holds ``{{name}}`` where a slot of that name stands; the same name twice gets the same value twice.
Values follow from one uniform and the request's own target, so the same call always gets the same bytes.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, unquote

import msgspec

from earthwire.fault_models.damage.payload import Numbers

_PLACE = re.compile(r"\{\{([a-z]+[0-9]+)\}\}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)([T ])(\d\d:\d\d:\d\d)(\.\d{1,9})?(.*)")
_ALPHABETS: Mapping[str, str] = {
    "d": "0123456789",
    "x": "0123456789abcdef",
    "X": "0123456789ABCDEF",
    "v": "89ab",
    "a": "abcdefghijklmnopqrstuvwxyz0123456789",
    "U": "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "A": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
}
"""Characters that a letter of a mask stands for; ``v`` is the variant digit of a UUID (RFC 9562, section 4.1)."""

KEPT = "."


class Slot(msgspec.Struct, frozen=True):
    """One part of a response that varies.

    Attributes:
        example: a recorded value.
        mask: for an id, as long as the example: ``.`` keeps a character, other letters say what to draw one from.
        choices: for a small number, the recorded values with their counts.
        until: for a time, the latest recorded value; the example is then the earliest.
        echo: where the request has the value: ``path -1`` for the last segment of its path, ``query id`` for a
            parameter. None for a value that the request does not hold.
        assumed: the echo was not seen, since the requests were not recorded; it is what such an id means.
    """

    example: str
    mask: str = ""
    choices: dict[str, int] = {}
    until: str = ""
    echo: str | None = None
    assumed: bool = False


def fill(texts: Mapping[str, str], slots: Mapping[str, Slot], u: float, target: str) -> dict[str, str]:
    """Return the texts with a value in the place of every slot.

    Args:
        texts: by any name, in the notation of this module.
        slots: by name.
        u: uniform in (0, 1) that decides all fresh values.
        target: path and query of the request that is answered.
    """
    numbers = Numbers(u)
    values = {name: value_of(slot, numbers, target) for name, slot in sorted(slots.items())}
    return {
        key: _PLACE.sub(lambda match: values.get(match[1], match[0]), text) for key, text in texts.items()
    }


def value_of(slot: Slot, numbers: Numbers, target: str) -> str:
    """Return a new value for one slot."""
    if slot.echo is not None and (echoed := _echoed(slot.echo, target)):
        return echoed
    if slot.choices:
        return _chosen(slot.choices, numbers)
    if slot.until:
        return _time_between(slot.example, slot.until, numbers.next())
    return "".join(
        character if letter == KEPT else _drawn(_ALPHABETS[letter], numbers)
        for character, letter in zip(slot.example, slot.mask, strict=True)
    )


def is_mask(mask: str) -> bool:
    """Tell whether a text is a mask."""
    return all(letter == KEPT or letter in _ALPHABETS for letter in mask)


def path_segments(target: str) -> list[str]:
    """Return the decoded segments of the path of a request target."""
    return [unquote(segment) for segment in target.partition("?")[0].split("/")]


def _echoed(echo: str, target: str) -> str | None:
    where, _, which = echo.partition(" ")
    if where == "query":
        return dict(parse_qsl(target.partition("?")[2])).get(which)
    segments = path_segments(target)
    position = int(which)
    return segments[position] if -len(segments) < position < 0 else None


def _chosen(choices: Mapping[str, int], numbers: Numbers) -> str:
    left = numbers.next() * sum(choices.values())
    for value, count in sorted(choices.items()):
        left -= count
        if left < 0:
            return value
    return max(choices)


def _drawn(alphabet: str, numbers: Numbers) -> str:
    return alphabet[numbers.below(len(alphabet))]


def _time_between(earliest: str, latest: str, u: float) -> str:
    """Return a time between two, written like the first; half a day around it where they are the same."""
    first, last = _parsed(earliest), _parsed(latest)
    match = _TIME.fullmatch(earliest)
    if first is None or last is None or match is None:
        return earliest
    if first == last:
        first, last = first - timedelta(hours=12), last + timedelta(hours=12)
    moment = first + u * (last - first)
    digits = len(match[4] or "")
    fraction = f".{moment.microsecond:06d}000"[:digits]
    return f"{moment:%Y-%m-%d}{match[2]}{moment:%H:%M:%S}{fraction}{match[5]}"


def _parsed(text: str) -> datetime | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    try:
        return datetime.fromisoformat(
            f"{match[1]}T{match[3]}" + (match[4] or "")[:7].ljust(7, "0") * bool(match[4])
        )
    except ValueError:
        return None
