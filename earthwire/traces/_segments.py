"""Which path segments are identifiers, by their shape alone.

A segment is decoded, stripped of a file extension and cut into tokens at separators. Words, versions, regions
and short numbered names are plain; a segment is an identifier if one of its tokens cannot be a name. The
statistic for mixed tokens is the mean length of their pieces (runs of digits, words in camelCase): names have
pieces of four letters and more, random base36, base62 and base64url text has pieces of two to three.
"""

import re
from functools import lru_cache
from urllib.parse import unquote

DECODE_ROUNDS_MAX = 3
SEGMENT_CHARACTERS_MAX = 200
SEGMENTS_REMEMBERED_MAX = 1 << 16

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_EMAIL = re.compile(r"[^@/\s]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
_IP_ADDRESS = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}")
_VERSION = re.compile(
    r"(?:v\d{1,4}(?:\.\d{1,4}){0,3}|\d{1,4}(?:\.\d{1,4}){1,3})(?:-?[a-z]{1,8}\.?\d{0,3})?", re.IGNORECASE
)
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,5}$")
_SEPARATORS = re.compile(r"[^A-Za-z0-9]+")
_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_HEX_WITH_DIGIT = re.compile(r"(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,}", re.IGNORECASE)
_PREFIXED = re.compile(r"[A-Za-z]{1,12}_([A-Za-z0-9]{10,})")
_BASE64URL = re.compile(r"[A-Za-z0-9_=~-]{20,}")

_SHORT_TOKEN = 7
_LONG_TOKEN = 10
_LONG_WORD = 12
_LONG_NUMBER = 5
_SHORT_MIXED_DIGITS_MIN = 3
_MIXED_PIECE_MEAN_MAX = 4.0
_SHORT_MIXED_PIECE_MEAN_MAX = 2.5
_LETTERS_PIECE_MEAN_MAX = 2.9
_BLOB_PIECE_MEAN_MAX = 3.0


def template_segment(segment: str) -> str:
    """Return the segment itself, ``{id}`` for an identifier, or ``{id}.png`` for a file named after one.

    >>> [template_segment(s) for s in ("users", "65f0c1d2e3b4a59687706543", "fr-par-1", "v1beta1")]
    ['users', '{id}', 'fr-par-1', 'v1beta1']
    """
    if len(segment) > SEGMENT_CHARACTERS_MAX:
        return "{id}"
    return _template_segment(segment)


@lru_cache(maxsize=SEGMENTS_REMEMBERED_MAX)
def _template_segment(segment: str) -> str:
    if not segment or segment.startswith("{"):
        return segment
    decoded = _decoded(segment)
    if decoded.isdigit() or _IP_ADDRESS.fullmatch(decoded) or _EMAIL.fullmatch(decoded):
        return "{id}"
    if _VERSION.fullmatch(decoded):
        return segment
    extension = _EXTENSION.search(decoded)
    if extension is None:
        return "{id}" if _is_identifier(decoded) or _has_mixed_token(decoded) else segment
    stem_is_identifier = _is_identifier(decoded[: extension.start()])
    return "{id}" + extension.group() if stem_is_identifier else segment


def _decoded(segment: str) -> str:
    for _ in range(DECODE_ROUNDS_MAX):
        if "%" not in segment:
            break
        segment = unquote(segment)
    return segment


def _is_identifier(text: str) -> bool:
    """Tell whether a text is an identifier even where a file is named so; file names are odd but human."""
    if _UUID.search(text) or _ULID.fullmatch(text):
        return True
    if _BASE64URL.fullmatch(text) and _is_mixed(text) and _mean_piece(text) < _BLOB_PIECE_MEAN_MAX:
        return True
    tokens = _SEPARATORS.split(text)
    return any(
        len(token) >= _LONG_NUMBER if token.isdigit() else _HEX_WITH_DIGIT.fullmatch(token)
        for token in tokens
    )


def _has_mixed_token(text: str) -> bool:
    prefixed = _PREFIXED.fullmatch(text)
    if prefixed and _mean_piece(prefixed[1]) < _MIXED_PIECE_MEAN_MAX and not prefixed[1].isalpha():
        return True
    return any(_is_mixed_token(token) for token in _SEPARATORS.split(text))


def _is_mixed_token(token: str) -> bool:
    if len(token) <= _SHORT_TOKEN or _VERSION.fullmatch(token):
        return False
    if token.isalpha():
        return len(token) >= _LONG_WORD and _mean_piece(token) < _LETTERS_PIECE_MEAN_MAX
    if len(token) >= _LONG_TOKEN:
        return _mean_piece(token) < _MIXED_PIECE_MEAN_MAX
    digit_count = sum(map(str.isdigit, token))
    return digit_count >= _SHORT_MIXED_DIGITS_MIN and _mean_piece(token) <= _SHORT_MIXED_PIECE_MEAN_MAX


def _is_mixed(text: str) -> bool:
    """Tell whether a text has capitals, small letters and digits."""
    return any(map(str.isupper, text)) and any(map(str.islower, text)) and any(map(str.isdigit, text))


def _mean_piece(text: str) -> float:
    pieces = _PIECES.findall(text)
    return sum(map(len, pieces)) / len(pieces) if pieces else float(len(text))
