"""Damage to the encoding of text: what was read as another character set than it was written in."""

import re
from typing import Literal

TextDamage = Literal["mojibake", "replacement"]

_UNDEFINED = b"\x81\x8d\x8f\x90\x9d"
WINDOWS_1252: tuple[str, ...] = tuple(
    chr(byte) if byte in _UNDEFINED else bytes((byte,)).decode("cp1252") for byte in range(256)
)
"""Character of each byte, as browsers read it: the five bytes without one are control characters."""

_BYTE_OF = {character: byte for byte, character in enumerate(WINDOWS_1252)}
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_TAIL = "".join(map(re.escape, WINDOWS_1252[0x80:0xC0]))
_SEQUENCE = re.compile(
    f"[\u00c2-\u00df][{_TAIL}]|[\u00e0-\u00ef][{_TAIL}]{{2}}|[\u00f0-\u00f4][{_TAIL}]{{3}}"
)
_CHARACTERS_MAX = 64 * 1024
"""Text looked at; damage of encoding runs through a whole body."""


def misread(text: str) -> str:
    """Return text as it looks when its UTF-8 is read as Windows-1252.

    >>> misread("Zürich")
    'ZÃ¼rich'
    """
    return "".join(map(WINDOWS_1252.__getitem__, text.encode("utf-8")))


def text_damage(text: str) -> TextDamage | None:
    """Return how the encoding of text is damaged; None if it is not.

    Text was misread if most of its characters beyond ASCII stand in groups that are UTF-8 read as Windows-1252.
    """
    text = text[:_CHARACTERS_MAX]
    if text.isascii():
        return None
    sequences = [match.group() for match in _SEQUENCE.finditer(text) if _is_utf8(match.group())]
    if 2 * sum(map(len, sequences)) > len(_NOT_ASCII.findall(text)):
        return "mojibake"
    return "replacement" if "\ufffd" in text else None


def _is_utf8(sequence: str) -> bool:
    try:
        bytes(map(_BYTE_OF.__getitem__, sequence)).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
