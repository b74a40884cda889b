"""The shape of a tool's good bodies, from a bounded number of them that does not depend on the order they come in."""

import hashlib

from earthwire.traces.labels.json_shape import Shape, add_shapes, thinned

SHAPE_BODIES_MAX = 500
"""Bodies that a shape is counted from: all, while there are no more; else those with the rarest hashes."""

_SHAPE_PATHS_COUNTED_MAX = 1_000


class ShapeSample:
    """Adds up the shapes of the bodies whose hashes end in enough zeros.

    Bodies are added up by the number of zeros. Where they become too many those with the fewest zeros are left out,
    for good: half of what is left each time.
    """

    __slots__ = ("_levels", "_lowest")

    def __init__(self) -> None:
        self._levels: dict[int, Shape] = {}
        self._lowest = 0

    def level(self, told: str) -> int | None:
        """Return the level of a body; None where it is not wanted.

        Args:
            told: body and call, so that equal bodies of different calls are told apart.
        """
        digest = hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        number = int.from_bytes(digest) | 1 << 63
        level = (number & -number).bit_length() - 1
        return level if level >= self._lowest else None

    def add(self, level: int, shape: Shape) -> None:
        """Count the shape of a body of this level."""
        known = self._levels.get(level)
        joined = shape if known is None else add_shapes((known, shape))
        self._levels[level] = thinned(joined, _SHAPE_PATHS_COUNTED_MAX)
        while len(self._levels) > 1 and sum(s.bodies for s in self._levels.values()) > SHAPE_BODIES_MAX:
            lowest = min(self._levels)
            del self._levels[lowest]
            self._lowest = lowest + 1

    def shape(self) -> Shape | None:
        """Return the shape of all bodies that are left; None where there is none."""
        if not self._levels:
            return None
        return thinned(
            add_shapes(self._levels[level] for level in sorted(self._levels)), _SHAPE_PATHS_COUNTED_MAX
        )
