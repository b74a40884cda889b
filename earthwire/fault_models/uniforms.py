"""Counter-based randomness: every uniform is a hash of (seed, episode, tool, call index, purpose).

A counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11) has no state that
calls could share: any call's numbers can be computed at any time, in any order, in any process. The keyed function
here is SHAKE128 (FIPS 202) rather than the Philox of that paper: it yields the uniforms of `BLOCK_CALLS` calls in
2 µs of plain Python, where numpy's Philox takes 9 µs to set up alone.
"""

import hashlib
import struct
from enum import IntEnum

_PACK = struct.Struct("<Q").pack
_UNPACK = struct.Struct("<8I").unpack_from
_UNPACK_USUAL = struct.Struct("<3I12xI4x").unpack_from
_CALL_BYTES = 32
BLOCK_CALLS = 8
"""Calls whose numbers come from one hash."""
_BLOCK_BYTES = BLOCK_CALLS * _CALL_BYTES
CELL = 2.0**-32
"""Distance of neighbouring uniforms."""


class Purpose(IntEnum):
    """What each of the eight uniforms of a call is for; a position is never given a second meaning."""

    OUTCOME = 0
    LATENCY = 1
    LEVEL = 2
    REGIME = 3
    PAYLOAD = 4
    DAMAGE = 5
    FIRST_BYTE = 6
    SPARE = 7
    """Of streams that no call belongs to: phases, overlays."""
    GAPS = 7
    """Of calls: number and gaps of the chunks of a stream."""


class UniformStream:
    """The uniforms of one (seed, episode, tool): an unbounded table of 8 numbers a call.

    Args:
        seed: the run's seed, any int.
        scope: what the stream belongs to, for example (episode, tool); order matters.
    """

    __slots__ = ("_block", "_block_number", "_keyed")

    def __init__(self, seed: int, *scope: str) -> None:
        # Lengths go in front of the parts, so that ("ab", "c") and ("a", "bc") are different streams.
        material = b"".join(_PACK(len(part)) + part for part in (str(seed).encode(), *map(str.encode, scope)))
        self._keyed = hashlib.shake_128(material)
        # Of the block that was asked for last: calls come in turn.
        self._block_number = -1
        self._block = b""

    def digests(self, indexes: range) -> bytes:
        """Return what `at` makes numbers of, for many calls in turn: 8 little-endian 32-bit integers each."""
        first, last = indexes.start // BLOCK_CALLS, (indexes.stop - 1) // BLOCK_CALLS
        start = (indexes.start - first * BLOCK_CALLS) * _CALL_BYTES
        blocks = b"".join(map(self._hashed, range(first, last + 1)))
        return blocks[start : start + len(indexes) * _CALL_BYTES]

    def at(self, index: int) -> tuple[float, ...]:
        """Return the 8 uniforms of call `index`, each in the open interval (0, 1), by `Purpose`."""
        number = index // BLOCK_CALLS
        if number != self._block_number:
            self._block, self._block_number = self._hashed(number), number
        # 32 bits and a half: the middle of a cell is exact in a double, so neither 0 nor 1 can come out.
        a, b, c, d, e, f, g, h = _UNPACK(self._block, index % BLOCK_CALLS * _CALL_BYTES)
        return (
            (a + 0.5) * CELL,
            (b + 0.5) * CELL,
            (c + 0.5) * CELL,
            (d + 0.5) * CELL,
            (e + 0.5) * CELL,
            (f + 0.5) * CELL,
            (g + 0.5) * CELL,
            (h + 0.5) * CELL,
        )

    def usual(self, index: int) -> tuple[float, float, float, float]:
        """Return those that every draw asks for: `OUTCOME`, `LATENCY`, `LEVEL` at their places, then `FIRST_BYTE`."""
        number = index // BLOCK_CALLS
        if number != self._block_number:
            self._block, self._block_number = self._hashed(number), number
        a, b, c, d = _UNPACK_USUAL(self._block, index % BLOCK_CALLS * _CALL_BYTES)
        return (a + 0.5) * CELL, (b + 0.5) * CELL, (c + 0.5) * CELL, (d + 0.5) * CELL

    def _hashed(self, number: int) -> bytes:
        """Return the numbers of a block of calls."""
        keyed = self._keyed.copy()
        keyed.update(_PACK(number))
        return keyed.digest(_BLOCK_BYTES)
