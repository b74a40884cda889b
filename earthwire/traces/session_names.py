"""Names of sessions by their hashes, as many as fit."""

from collections.abc import Sequence

import numpy as np

from earthwire.traces.call_columns import HashArray, session_hash

_HASHES_MAX = 1 << 20
"""Hashes kept, so that a session that goes on is not hashed again."""


class SessionNames:
    """The names of the sessions with the lowest hashes; which those are does not depend on the order they come in.

    Args:
        buckets: number of equal ranges that hashes are divided into, a power of 2.
        names_max: names that are kept.

    Attributes:
        bucket_count: number of leading ranges whose sessions have all kept their names.
    """

    def __init__(self, buckets: int, names_max: int) -> None:
        self.bucket_count = buckets
        self._shift = 64 - (buckets.bit_length() - 1)
        self._names_max = names_max
        self._names: list[dict[int, str]] = [{} for _ in range(buckets)]
        self._count = 0
        self._hashes: dict[str, int] = {}

    def hashes(self, names: Sequence[str]) -> HashArray:
        """Return the hash of each name, shape (n,), and keep the name."""
        if len(self._hashes) > _HASHES_MAX:
            self._hashes.clear()
        return np.array([self._hashes.get(name) or self._add(name) for name in names], dtype=np.uint64)

    def name(self, hashed: int) -> str:
        """Return the name of a session in one of the first `bucket_count` ranges."""
        return self._names[hashed >> self._shift][hashed]

    def _add(self, name: str) -> int:
        hashed = self._hashes[name] = session_hash(name)
        bucket = hashed >> self._shift
        if bucket < self.bucket_count and hashed not in self._names[bucket]:
            self._names[bucket][hashed] = name
            self._count += 1
        while self._count > self._names_max and self.bucket_count > 1:
            self.bucket_count -= 1
            self._count -= len(self._names[self.bucket_count])
            self._names[self.bucket_count] = {}
        return hashed
