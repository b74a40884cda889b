"""Counter-based randomness: every uniform is a hash of (seed, episode, tool, call index, purpose).

A counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11) has no state that
calls could share: any call's numbers can be computed at any time, in any order, in any process. The keyed function
here is BLAKE2b (RFC 7693) rather than the Philox of that paper: one hash yields the eight uniforms of a call in
1 µs of plain Python, where numpy's Philox takes 9 µs to set up for a single call.
"""

import hashlib
import struct
from enum import IntEnum

_UNPACK = struct.Struct("<8I").unpack
_PACK = struct.Struct("<Q").pack
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

    __slots__ = ("_keyed",)

    def __init__(self, seed: int, *scope: str) -> None:
        # Lengths go in front of the parts, so that ("ab", "c") and ("a", "bc") are different streams.
        material = b"".join(_PACK(len(part)) + part for part in (str(seed).encode(), *map(str.encode, scope)))
        key = hashlib.blake2b(material, digest_size=32).digest()
        self._keyed = hashlib.blake2b(key=key, digest_size=32)

    def digests(self, indexes: range) -> bytes:
        """Return what `at` makes numbers of, for many calls: 8 little-endian 32-bit integers each."""
        copy, parts = self._keyed.copy, []
        for packed in map(_PACK, indexes):
            one = copy()
            one.update(packed)
            parts.append(one.digest())
        return b"".join(parts)

    def at(self, index: int) -> tuple[float, ...]:
        """Return the 8 uniforms of call `index`, each in the open interval (0, 1), by `Purpose`."""
        keyed = self._keyed.copy()
        keyed.update(_PACK(index))
        # 32 bits and a half: the middle of a cell is exact in a double, so neither 0 nor 1 can come out.
        a, b, c, d, e, f, g, h = _UNPACK(keyed.digest())
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
