"""What is wrong with JSON text: the kind of damage, by the place and the token of the first error."""

import json
import re
from typing import Literal

import msgspec

JsonDamage = Literal[
    "truncated",
    "trailing_comma",
    "nan",
    "single_quotes",
    "prefix_text",
    "two_values",
    "bom",
    "lone_surrogate",
    "invalid_utf8",
    "other",
]

_BOM = b"\xef\xbb\xbf"
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_CONTAINER = re.compile(r"[{\[]")
_CUT_NUMBER = re.compile(r"[-+.eE\d]{1,32}")
_CUT_ESCAPE = re.compile(r"\\?u?[0-9a-fA-F]{0,4}")
_CONSTANTS = ("true", "false", "null")
_PREFIX_CONTAINERS_MAX = 8
"""Brackets looked at behind text that is no JSON; more would make long texts slow."""


class _ConstantError(ValueError):
    """A NaN or an Infinity, which JSON does not have."""


def json_damage(body: bytes) -> JsonDamage | None:
    """Return what is wrong with a body that should be JSON; None for JSON.

    >>> json_damage(b'{"a": [1, 2'), json_damage(b"[1, 2,]"), json_damage(b"{'a': 1}"), json_damage(b"[1, 2]")
    ('truncated', 'trailing_comma', 'single_quotes', None)
    """
    if body.startswith(_BOM):
        return "bom"
    try:
        text = body.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            return "invalid_utf8"
        text = body[: error.start].decode("utf-8").strip()
        return _damage(text) or "truncated"
    if _parses(body):
        return "lone_surrogate" if has_lone_surrogate(text) else None
    return _damage(text) or "other"


def has_lone_surrogate(text: str) -> bool:
    """Tell whether JSON text escapes one half of a surrogate pair without the other.

    >>> has_lone_surrogate(r'"\\ud83d"'), has_lone_surrogate(r'"\\ud83d\\ude00"')
    (True, False)
    """
    if "\\ud" not in text and "\\uD" not in text:
        return False
    high_ends_at = -1
    for match in _ESCAPE.finditer(text):
        code = int(match[1], 16) if match[1] else 0
        is_low = 0xDC00 <= code < 0xE000
        completes_pair = is_low and match.start() == high_ends_at
        if not completes_pair and (is_low or high_ends_at >= 0):
            return True
        high_ends_at = match.end() if 0xD800 <= code < 0xDC00 else -1
    return high_ends_at >= 0


def _parses(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return True


def _damage(text: str) -> JsonDamage | None:
    """Return what is wrong with text that no strict parser takes."""
    try:
        _, end = _DECODER.raw_decode(text)
    except _ConstantError:
        return "nan"
    except RecursionError:
        return "other"
    except json.JSONDecodeError as error:
        return _damage_at(text, error)
    if end < len(text):
        return "two_values" if _starts_value(text[end:].lstrip()) else "other"
    return "lone_surrogate" if has_lone_surrogate(text) else None


def _damage_at(text: str, error: json.JSONDecodeError) -> JsonDamage:
    rest = text[error.pos :]
    if _is_cut(rest, error.msg):
        return "truncated"
    if rest[:1] == "'":
        return "single_quotes"
    around = text[: error.pos].rstrip()[-1:] + rest.lstrip()
    if around[:2] in (",]", ",}") or re.match(r",\s*[\]}]", rest):
        return "trailing_comma"
    return "prefix_text" if error.pos == 0 and _holds_json(text) else "other"


def _is_cut(rest: str, message: str) -> bool:
    """Tell whether the text is a beginning of JSON: what is left of it could go on."""
    if not rest or message.startswith("Unterminated string"):
        return True
    if any(constant.startswith(rest) for constant in _CONSTANTS) or _CUT_NUMBER.fullmatch(rest):
        return True
    return message.startswith("Invalid") and "escape" in message and _CUT_ESCAPE.fullmatch(rest) is not None


def _starts_value(text: str) -> bool:
    return re.match(r"[{\[\"\d-]|true|false|null", text) is not None


def _holds_json(text: str) -> bool:
    """Tell whether a JSON container ends the text."""
    for count, match in enumerate(_CONTAINER.finditer(text)):
        if count == _PREFIX_CONTAINERS_MAX:
            break
        try:
            _, end = _DECODER.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            continue
        if end == len(text):
            return True
    return False


def _refuse_constant(name: str) -> object:
    raise _ConstantError(name)


_DECODER = json.JSONDecoder(strict=False, parse_constant=_refuse_constant)
