"""Good bodies that are not what they should be: pages cut short, pages without end, answers of yesterday.

None of it shows in a single response (`earthwire.traces.labels.fault_class.NOT_VISIBLE` says why), and none of it
may: what comes out must look as good as what went in.
"""

import re
from collections.abc import Iterator
from itertools import groupby

from earthwire.fault_models.damage.members import Member, json_text, members
from earthwire.fault_models.damage.payload import Numbers, Operator, Payload

OVERSIZE_BYTES_MAX = 512 * 1024
"""Bound on what `oversize` blows a body up to."""

_OVERSIZE_FACTOR_MIN, _OVERSIZE_FACTOR_MAX = 10, 200
_CURSOR = re.compile(
    r"(?i)\.(next|next_?(page|cursor|token|link|url)|(page_?)?(cursor|token)|continuation\w*)(_?token)?$"
)


class _Page:
    """The items of one array, by their places in the text, in order."""

    def __init__(self, text: str, items: list[Member]) -> None:
        self.items = items
        self._text = text

    def cut(self, kept_count: int) -> str:
        """Return the text with the first items only."""
        first, last = self.items[0], self.items[-1]
        end = self.items[kept_count - 1].end if kept_count else first.start
        return self._text[:end] + self._text[last.end :]

    def repeated(self, size_bytes: int) -> str:
        """Return the text with all items over and over, about as long as `size_bytes`."""
        first, last = self.items[0], self.items[-1]
        between = self._text[self.items[0].end : self.items[1].start]
        whole = self._text[first.start : last.end]
        times = max(2, size_bytes // max(len(whole.encode()), 1))
        return self._text[: first.start] + between.join([whole] * times) + self._text[last.end :]

    @property
    def repeats_well(self) -> bool:
        """Whether no item stands beside an equal one when they are repeated: that would show."""
        return self.value(0) != self.value(-1)

    def value(self, index: int) -> str:
        """Return the text of an item."""
        item = self.items[index]
        return self._text[item.value_start : item.end]


def _partial_rows(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    """Leave out the last items of an array, at least one and not all."""
    page = _page(payload, numbers, items_min=2)
    return None if page is None else _with(payload, page.cut(1 + numbers.below(len(page.items) - 1)))


def _empty_rows(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    """Leave out all items of an array that is not the whole body."""
    text = json_text(payload.body)
    if text is None or text.lstrip()[0] == "[":
        return None
    page = _page(payload, numbers, items_min=1)
    return None if page is None else _with(payload, page.cut(0))


def _lost_cursor(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    """Empty the cursor that leads to the next page."""
    text = json_text(payload.body)
    if text is None:
        return None
    for member in members(text):
        value = text[member.value_start : member.end]
        if _CURSOR.search(member.path) and value[0] == '"' and value != '""':
            return _with(payload, f'{text[: member.value_start]}""{text[member.end :]}')
    return None


def _oversize(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    """Repeat the items of an array, or the words of a text, until the body is 10 to 200 times as large."""
    factor = _OVERSIZE_FACTOR_MIN + numbers.below(_OVERSIZE_FACTOR_MAX - _OVERSIZE_FACTOR_MIN)
    size_bytes = min(factor * len(payload.body), OVERSIZE_BYTES_MAX)
    page = _page(payload, numbers, items_min=2)
    if page is not None and page.repeats_well:
        return _with(payload, page.repeated(size_bytes))
    return _with_long_text(payload, size_bytes)


def _with_long_text(payload: Payload, size_bytes: int) -> Payload | None:
    text = json_text(payload.body)
    strings = [m for m in members(text or "{}") if text is not None and text[m.value_start] == '"']
    if text is None or not strings:
        return None
    longest = max(strings, key=lambda member: member.end - member.value_start)
    words = text[longest.value_start + 1 : longest.end - 1]
    if not words.strip():
        return None
    long = " ".join([words] * max(2, size_bytes // (len(words.encode()) + 1)))
    return _with(payload, f'{text[: longest.value_start]}"{long}"{text[longest.end :]}')


def _stale(payload: Payload, numbers: Numbers, aim: str | None) -> Payload | None:
    """Send what the same request was answered earlier."""
    if not payload.earlier or payload.earlier == payload.body:
        return None
    return Payload(payload.earlier, payload.content_type)


def _page(payload: Payload, numbers: Numbers, items_min: int) -> _Page | None:
    """Return one of the largest shallow arrays of a body; None where none has so many items."""
    text = json_text(payload.body)
    if text is None:
        return None
    pages = [page for page in _pages(text) if len(page.items) >= items_min]
    return max(pages, key=lambda page: len(page.items)) if pages else None


def _pages(text: str) -> Iterator[_Page]:
    """Yield arrays that are the body itself or a member of it: deeper ones belong to a row, not to a page."""
    shallow = [m for m in members(text) if m.is_item and m.path.count("[]") == 1 and m.path.count(".") <= 2]
    for _, items in groupby(shallow, key=lambda member: member.path):
        yield _Page(text, list(items))


def _with(payload: Payload, text: str) -> Payload:
    return Payload(text.encode(), payload.content_type, payload.missing_bytes)


ROWS = (
    Operator("partial_rows", "partial_results", _partial_rows),
    Operator("empty_rows", "partial_results", _empty_rows),
    Operator("lost_cursor", "partial_results", _lost_cursor),
    Operator("oversize", "oversize", _oversize),
    Operator("stale", "stale", _stale),
)
