"""Go duration strings, such as ``1m2.5s``, ``438.4ms`` and ``87.1µs``, as integer nanoseconds."""

import re
from decimal import Decimal

UNIT_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, what Go writes.
    "μs": 1_000,  # U+03BC, what Go reads too.
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}

_TERM = r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)"
_DURATION = re.compile(rf"(?:{_TERM})+")
_ONE_TERM = re.compile(_TERM)


def go_duration_ns(text: str) -> int:
    """Return a duration in nanoseconds.

    Raises:
        ValueError: if the text is not a Go duration or is negative.

    >>> go_duration_ns("1m2.5s"), go_duration_ns("87.1µs"), go_duration_ns("0s")
    (62500000000, 87100, 0)
    """
    stripped = text.strip()
    if stripped == "0":
        return 0
    if not _DURATION.fullmatch(stripped):
        raise ValueError(f"duration {text!r} is not a Go duration such as 3.643485792s, 438.4ms or 87.1µs")
    return int(sum(Decimal(number) * UNIT_NS[unit] for number, unit in _ONE_TERM.findall(stripped)))
