"""Outcome kinds that traces cannot tell apart, for profiles and recipes that name them: how exactly a call broke.

What a client records of ``timeout:committed`` is a plain time-out. Only who writes a profile by hand, or knows the
server's own log, can say that the tool has run.
"""

from collections.abc import Callable, Mapping
from math import floor
from typing import Final

from earthwire.fault_models.plan import (
    Abort,
    AbortReused,
    Forward,
    LoseReply,
    RelayBody,
    RelayFalseHead,
    RelayHead,
    RelayPart,
    Step,
    Wait,
)

_OFFSET_BYTES_MAX = 64
_Make = Callable[[float, float, float], tuple[Step, ...]]


def _offset_bytes(u: float) -> int:
    return 1 + floor(u * _OFFSET_BYTES_MAX)


_MAKERS: Final[Mapping[str, _Make]] = {
    "timeout:committed": lambda first_s, last_s, u: (Forward(), LoseReply(), Abort("hang")),
    "conn_error:committed": lambda first_s, last_s, u: (Forward(), LoseReply(), Wait(last_s), Abort("rst")),
    "conn_error:closed": lambda first_s, last_s, u: (Wait(last_s), Abort("fin")),
    "conn_error:after_head": lambda first_s, last_s, u: (
        Forward(),
        Wait(first_s),
        RelayHead(),
        Wait(last_s),
        Abort("rst"),
    ),
    "conn_error:in_body": lambda first_s, last_s, u: (
        Forward(),
        Wait(first_s),
        RelayHead(),
        RelayBody(last_s, fraction=u),
        Abort("rst"),
    ),
    "conn_error:reused": lambda first_s, last_s, u: (
        AbortReused("rst"),
        Forward(),
        Wait(first_s),
        RelayHead(),
        RelayBody(last_s),
    ),
    "malformed:unterminated": lambda first_s, last_s, u: (
        Forward(),
        Wait(first_s),
        RelayFalseHead(chunked=True),
        RelayPart(),
        Wait(last_s),
        Abort("fin"),
    ),
    "malformed:length_too_long": lambda first_s, last_s, u: (
        Forward(),
        Wait(first_s),
        RelayFalseHead(length_offset_bytes=_offset_bytes(u)),
        RelayBody(last_s),
    ),
    "malformed:length_too_short": lambda first_s, last_s, u: (
        Forward(),
        Wait(first_s),
        RelayFalseHead(length_offset_bytes=-_offset_bytes(u)),
        RelayBody(last_s),
    ),
    "malformed:content_coding": lambda first_s, last_s, u: (
        Forward(),
        Wait(first_s),
        RelayFalseHead((("content-encoding", "gzip"),)),
        RelayBody(last_s),
    ),
}

WIRE_KINDS: Final = tuple(_MAKERS)


def wire_steps(kind: str, first_byte_s: float, last_byte_s: float, u: float) -> tuple[Step, ...] | None:
    """Return the steps of one of `WIRE_KINDS`; None for any other kind.

    Args:
        kind: outcome kind.
        first_byte_s, last_byte_s: when the response is due, seconds after arrival.
        u: uniform in (0, 1) for what the kind leaves open: where a body is cut, by how much a length is wrong.
    """
    make = _MAKERS.get(kind)
    return None if make is None else make(first_byte_s, last_byte_s, u)
