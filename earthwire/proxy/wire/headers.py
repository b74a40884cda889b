"""Header fields that a proxy must look at; all others pass through untouched."""

from collections.abc import Iterable
from typing import Final

Fields = list[tuple[bytes, bytes]]
"""Header fields in the order and the case they came in."""

HEAD_END: Final = b"\r\n\r\n"

EPISODE_HEADER: Final = b"x-earthwire-episode"

HOP_BY_HOP: Final = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"transfer-encoding",
        b"upgrade",
    )
)
"""RFC 9110, section 7.6.1, and their old relatives."""


_CONNECTION_OPTIONS = frozenset((b"close", b"keep-alive"))
"""What Connection says most of the time: it names no field."""


def tokens(value: bytes) -> list[bytes]:
    """Split a comma-separated field value into lower-case tokens.

    >>> tokens(b"Keep-Alive, X-Trace,")
    [b'keep-alive', b'x-trace']
    """
    return [token for part in value.lower().split(b",") if (token := part.strip())]


def keeps_alive(version: str, connection_values: Iterable[bytes]) -> bool:
    """Tell whether a message leaves its connection open (RFC 9112, section 9.3).

    >>> keeps_alive("1.1", []), keeps_alive("1.1", [b"Close"]), keeps_alive("1.0", [b"Keep-Alive"])
    (True, False, True)
    """
    options = {token for value in connection_values for token in tokens(value)}
    return b"close" not in options and (version == "1.1" or b"keep-alive" in options)


def without_named(fields: Fields, connection_values: Iterable[bytes]) -> Fields:
    """Drop the fields that Connection headers name (RFC 9110, section 7.6.1)."""
    for value in connection_values:
        if value.lower() not in _CONNECTION_OPTIONS:
            named = frozenset(tokens(value)) - _CONNECTION_OPTIONS
            fields = [field for field in fields if field[0].lower() not in named]
    return fields


def serialise(first_line: bytes, fields: Fields) -> bytes:
    """Return a head without its final empty line."""
    return first_line + b"".join([b"%b: %b\r\n" % field for field in fields])


def first_value(fields: Fields, name: bytes) -> str | None:
    """Return the value of the first field called `name` (lower case), or None."""
    for key, value in fields:
        if key.lower() == name:
            return value.decode("latin-1")
    return None


def as_mapping(fields: Fields) -> dict[str, list[str]]:
    """Return fields by lower-case name, each with all of its values in order."""
    mapping: dict[str, list[str]] = {}
    for name, value in fields:
        mapping.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return mapping
