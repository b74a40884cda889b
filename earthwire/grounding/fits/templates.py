"""From recorded texts to templates: what varied from call to call becomes a slot, and equal texts are counted together.

Bodies that differ only in ids, times and small numbers are one body. What varied is decided by what was recorded: a
number that was the same in every body stays as it is, and so does each character of an id.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from earthwire.fault_models.laws.slots import KEPT, Slot, path_segments

CHOICES_MAX = 20
"""Values kept of a number that varies: the most frequent ones."""
DISTINCT_IDS_MIN = 6
"""So many different ids must agree in a character before it is taken to be the same in all of them: hex digits do so by
chance once in 16^5."""
ECHO_CHARACTERS_MIN = 4
"""Shorter segments and parameters occur in a body by chance."""

ASSUMED = " assumed"
"""Ends the place of an echo that was not seen."""

_DISTINCT_KEPT = 8
_LONG_ID_CHARACTERS = 16
_LONG_NUMBER_DIGITS = 10

_TOKEN = re.compile(
    r"(?P<time>(?<!\d)\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)"
    r"|(?P<uuid>(?<![0-9A-Za-z])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9A-Za-z]))"
    r"|(?P<id>(?<![0-9A-Za-z])[0-9A-Za-z]{6,64}(?![0-9A-Za-z]))"
    r"|(?P<number>(?<![\w.])\d{1,5}(?:\.\d{1,6})?(?![\w.]))"
)
_MARK = "\x00"
_ALPHABETS = (
    ("d", re.compile(r"\d+")),
    ("x", re.compile(r"[0-9a-f]+")),
    ("X", re.compile(r"[0-9A-F]+")),
    ("a", re.compile(r"[0-9a-z]+")),
    ("U", re.compile(r"[0-9A-Z]+")),
)


@dataclass(frozen=True, slots=True)
class Masked:
    """A text whose varying parts are taken out.

    Attributes:
        pattern: the text with a mark for each part.
        parts: kind, value and echo of each different part, in the order of their first occurrence.
    """

    pattern: str
    parts: tuple[tuple[str, str, str | None], ...]


@dataclass(slots=True)
class _PartTally:
    """What was seen of one part over all texts of a template. Counts that do not depend on the order."""

    count: int = 0
    least: str = ""
    greatest: str = ""
    distinct: list[str] = field(default_factory=list)
    characters: list[set[str]] = field(default_factory=list)
    values: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, value: str) -> None:
        """Count one value."""
        self.least = value if self.count == 0 else min(self.least, value)
        self.greatest = max(self.greatest, value)
        self.count += 1
        if kind == "echo":
            return
        if kind == "number":
            self.values[value] += 1
            return
        if value not in self.distinct:
            self.distinct = sorted([*self.distinct, value])[:_DISTINCT_KEPT]
        if len(self.characters) < len(value):
            self.characters += [set() for _ in range(len(value) - len(self.characters))]
        for seen, character in zip(self.characters, value, strict=False):
            seen.add(character)


class TemplateTally:
    """Counts the texts of one template.

    Args:
        masked: the first of them.
    """

    __slots__ = ("_kinds", "_pattern", "_tallies", "count")

    def __init__(self, masked: Masked) -> None:
        self._pattern = masked.pattern
        self._kinds = [(kind, echo) for kind, _, echo in masked.parts]
        self._tallies = [_PartTally() for _ in masked.parts]
        self.count = 0

    def add(self, masked: Masked) -> None:
        """Count a text with the same pattern and kinds of parts."""
        self.count += 1
        for tally, (kind, value, _) in zip(self._tallies, masked.parts, strict=True):
            tally.add(kind, value)

    def template(self) -> tuple[str, dict[str, Slot]]:
        """Return the text with ``{{name}}`` where something varies, and the slots by name."""
        slots: dict[str, Slot] = {}
        text = self._pattern
        for i, ((kind, echo), tally) in enumerate(zip(self._kinds, self._tallies, strict=True)):
            slot = _slot(kind, echo, tally)
            name = f"{kind}{len(slots) + 1}"
            if slot is not None:
                slots[name] = slot
            text = text.replace(f"{_MARK}{i}{_MARK}", tally.least if slot is None else f"{{{{{name}}}}}")
        return text, slots


def mask(text: str, echoes: Mapping[str, str]) -> Masked:
    """Take the varying parts out of a text.

    Args:
        text: as recorded.
        echoes: values of the request, each with its place there (`Slot.echo`).

    >>> mask("no user 4711 in 2 groups", {"4711": "path -1"}).parts
    (('echo', '4711', 'path -1'), ('number', '2', None))
    """
    if _MARK in text:
        return Masked(text, ())
    pieces: list[str] = []
    parts: dict[tuple[str, str, str | None], int] = {}
    end = 0
    for start, stop, kind in _tokens(text, echoes):
        value = text[start:stop]
        part = (kind, value, echoes[value] if kind == "echo" else None)
        pieces += (text[end:start], f"{_MARK}{parts.setdefault(part, len(parts))}{_MARK}")
        end = stop
    pieces.append(text[end:])
    return Masked("".join(pieces), tuple(parts))


def key_of(masked: Masked) -> tuple[str, tuple[tuple[str, str | None], ...]]:
    """Return what texts of one template share."""
    return masked.pattern, tuple((_kind_key(kind, value), echo) for kind, value, echo in masked.parts)


def echoes_of(target: str, template: str | None) -> dict[str, str]:
    """Return the values of a request that an answer may repeat, each with its place.

    Args:
        target: path and query.
        template: path in which the identifiers are ``{...}``, or None.
    """
    segments = path_segments(target)
    marks = (template or "").partition("?")[0].split("/")
    known = marks if len(marks) == len(segments) else None
    found: dict[str, str] = {}
    for i, segment in enumerate(segments):
        is_id = known[i].startswith("{") if known else any(map(str.isdigit, segment))
        if is_id and len(segment) >= ECHO_CHARACTERS_MIN:
            found[segment] = f"path {i - len(segments)}"
    for name, value in parse_qsl(target.partition("?")[2]):
        if len(value) >= ECHO_CHARACTERS_MIN:
            found.setdefault(value, f"query {name}")
    return found


def assumed_echo(text: str, template: str | None) -> dict[str, str]:
    """Return the id that a body most likely repeats of a request whose URL was not recorded.

    It is the only UUID of the body, and the last identifier of the path: what such an error is about.
    """
    marks = (template or "").partition("?")[0].split("/")
    places = [i - len(marks) for i, segment in enumerate(marks) if segment.startswith("{")]
    found = {match.group() for match in _TOKEN.finditer(text) if match.lastgroup == "uuid"}
    return {found.pop(): f"path {places[-1]}{ASSUMED}"} if places and len(found) == 1 else {}


def _tokens(text: str, echoes: Mapping[str, str]) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and kind of each part that may vary."""
    spans = [
        (match.start(), match.end(), "echo") for match in (_any_of(echoes).finditer(text) if echoes else ())
    ]
    spans += [
        (match.start(), match.end(), match.lastgroup or "id")
        for match in _TOKEN.finditer(text)
        if match.lastgroup != "id" or _looks_made_up(match.group())
    ]
    end = 0
    # An echo that overlaps another part stands for both, since it begins first or is sorted first.
    for start, stop, kind in sorted(spans, key=lambda span: (span[0], span[2] != "echo")):
        if start >= end:
            yield start, stop, kind
            end = stop


def _any_of(echoes: Mapping[str, str]) -> re.Pattern[str]:
    longest_first = sorted(echoes, key=lambda value: (-len(value), value))
    return re.compile(rf"(?<![0-9A-Za-z])(?:{'|'.join(map(re.escape, longest_first))})(?![0-9A-Za-z])")


def _looks_made_up(token: str) -> bool:
    """Tell an identifier from a word: it has digits, and not only at its end."""
    digit_count = sum(map(str.isdigit, token))
    return digit_count >= 2 and (len(token) >= 8 or digit_count == len(token))


def _kind_key(kind: str, value: str) -> str:
    # Ids of another length, and times of another precision, are another text.
    return kind if kind in ("echo", "number") else f"{kind}{len(value)}"


def _slot(kind: str, echo: str | None, tally: _PartTally) -> Slot | None:
    """Return the slot of a part; None where it stays as it is."""
    if kind == "echo":
        place = (echo or "").removesuffix(ASSUMED)
        return Slot(tally.least, _own_mask(tally.least), echo=place, assumed=place != echo)
    if tally.least == tally.greatest and not _is_always_fresh(kind, tally.least):
        return None
    if kind == "number":
        choices = sorted(tally.values.items(), key=lambda item: (-item[1], item[0]))[:CHOICES_MAX]
        return Slot(tally.least, choices=dict(sorted(choices)))
    if kind == "time":
        return Slot(tally.least, until=tally.greatest)
    return Slot(tally.least, _mask_of(kind, tally))


def _is_always_fresh(kind: str, value: str) -> bool:
    """Tell whether a part is new in every response, even if it was recorded once only."""
    if kind in ("uuid", "time"):
        return True
    if kind == "number":
        return False
    if value.isdigit():
        return len(value) >= _LONG_NUMBER_DIGITS
    is_hex = any(re.fullmatch(alphabet, value) for alphabet in ("[0-9a-f]+", "[0-9A-F]+"))
    return is_hex or len(value) >= _LONG_ID_CHARACTERS


def _mask_of(kind: str, tally: _PartTally) -> str:
    value = tally.least
    seen = tally.characters[: len(value)]
    is_known = len(tally.distinct) >= DISTINCT_IDS_MIN
    fixed = [not value[i].isalnum() or (is_known and len(seen[i]) == 1) for i in range(len(value))]
    letter = _alphabet(seen, fixed)
    letters = [KEPT if is_fixed else letter for is_fixed in fixed]
    if kind == "uuid":
        letters[14] = KEPT if len(seen[14]) == 1 else letters[14]
        letters[19] = "v" if seen[19] <= set("89ab") else letters[19]
    return "".join(letters)


def _own_mask(value: str) -> str:
    letters = {character for character in value if character.isalnum()}
    letter = _alphabet([letters], [False])
    if (match := _TOKEN.fullmatch(value)) is not None and match.lastgroup == "uuid":
        return "".join(
            {14: KEPT, 19: "v"}.get(i, letter) if character.isalnum() else KEPT
            for i, character in enumerate(value)
        )
    return "".join(letter if character.isalnum() else KEPT for character in value)


def _alphabet(seen: Sequence[set[str]], fixed: Sequence[bool]) -> str:
    union = "".join(
        sorted(set().union(*(s for s, is_fixed in zip(seen, fixed, strict=True) if not is_fixed)))
    )
    return next((letter for letter, alphabet in _ALPHABETS if alphabet.fullmatch(union)), "A")
