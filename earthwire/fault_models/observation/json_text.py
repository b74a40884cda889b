"""JSON that goes through unchanged but for its texts: numbers keep every digit and their form."""

import json

import msgspec


def _verbatim(digits: str) -> msgspec.Raw:
    return msgspec.Raw(digits.encode("ascii"))


def read_json(data: bytes | str) -> object | None:
    """Return a JSON object or array with its numbers as they are written; None for anything else.

    >>> write_json(read_json('{"a": 1.50, "b": 12345678901234567890}'))
    b'{"a":1.50,"b":12345678901234567890}'
    """
    try:
        value = json.loads(data, parse_int=_verbatim, parse_float=_verbatim, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def write_json(value: object) -> bytes:
    """Return a document that `read_json` gave, or that was made of its parts, as bytes.

    Raises:
        UnicodeEncodeError: if a string holds half of a surrogate pair, which is no Unicode.
    """
    return msgspec.json.encode(value)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
