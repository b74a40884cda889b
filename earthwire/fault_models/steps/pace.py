"""Good answers that come at an odd pace: dripping with a stall in between, or in fragments that split characters."""

import math
from itertools import accumulate
from typing import Final

from earthwire.fault_models.damage.payload import Numbers
from earthwire.fault_models.plan import Forward, RelayHead, RelayPieces, Step, Wait

SLOW_DRIP: Final = "ok:slow_drip"
FRAGMENTS: Final = "ok:fragments"
PACED_KINDS: Final = (SLOW_DRIP, FRAGMENTS)
"""Outcome kinds whose body is the upstream's, byte for byte."""

STALL_S = 5.2
"""The longest gap of a drip: longer than what the classifier calls a stall."""
DRIP_S = 6.0
"""How much longer than a good call a drip lasts where none was recorded: its stall, and the drops around it."""

_PIECES_MIN, _PIECES_MAX = 6, 40


def drip_first_byte_s(first_byte_s: float, last_byte_s: float) -> float:
    """Return when the first byte of a drip comes: as that of a good call, which would have ended `DRIP_S` earlier."""
    if last_byte_s <= 0.0:
        return 0.0
    return first_byte_s / last_byte_s * max(0.0, last_byte_s - DRIP_S)


def paced(kind: str, u: float, first_byte_s: float, last_byte_s: float) -> tuple[Step, ...]:
    """Return the steps of one of `PACED_KINDS`.

    Args:
        kind: outcome kind.
        u: uniform in (0, 1); decides where it stalls, and where fragments are cut.
        first_byte_s, last_byte_s: when the response is due, seconds after arrival.
    """
    pieces = RelayPieces((first_byte_s, last_byte_s), "fragments", u)
    if kind == SLOW_DRIP:
        pieces = RelayPieces(_drops_s(u, first_byte_s, last_byte_s), "parts", u)
    return (Forward(), Wait(first_byte_s), RelayHead(), pieces)


def _drops_s(u: float, first_byte_s: float, last_byte_s: float) -> tuple[float, ...]:
    """Return when the parts of a drip are due: exponential gaps, and one stall where there is time for it."""
    numbers = Numbers(u)
    count = _PIECES_MIN + numbers.below(_PIECES_MAX - _PIECES_MIN + 1) - 1
    gaps = [-math.log(numbers.next()) for _ in range(count)]
    span_s = last_byte_s - first_byte_s
    stall_s = STALL_S if span_s > STALL_S else 0.0
    scale_s = (span_s - stall_s) / math.fsum(gaps)
    gaps = [gap * scale_s for gap in gaps]
    gaps[numbers.below(count)] += stall_s
    inner = (min(first_byte_s + passed_s, last_byte_s) for passed_s in accumulate(gaps[:-1]))
    return (first_byte_s, *inner, last_byte_s)
