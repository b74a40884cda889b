"""The names of as many sessions as fit, by the hashes of the names."""

from collections.abc import Sequence

import numpy as np

from earthwire.traces.columns.session_hashes import HashArray


class SessionNames:
    """The names of the sessions with the lowest hashes; which those are does not depend on the order they come in.

    Args:
        buckets: number of equal ranges that hashes are divided into, a power of 2.
        names_max: names that are kept.
    """

    def __init__(self, buckets: int, names_max: int) -> None:
        self._buckets = buckets
        self._shift = np.uint64(64 - (buckets.bit_length() - 1))
        self._names_max = names_max
        self._blocks: list[tuple[HashArray, Sequence[str]]] = []
        self._block_names = 0
        self._names: dict[int, str] = {}

    @property
    def bucket_count(self) -> int:
        """Number of leading ranges whose sessions have all kept their names, at least 1."""
        self._compact()
        return self._buckets

    def add(self, names: Sequence[str], hashes: HashArray) -> None:
        """Keep names, each as often as it comes."""
        if not len(names):
            return
        self._blocks.append((hashes, names))
        self._block_names += len(names)
        if self._block_names > self._names_max:
            self._compact()

    def name(self, hashed: int) -> str:
        """Return the name of a session in one of the first `bucket_count` ranges."""
        self._compact()
        return self._names[hashed]

    def _compact(self) -> None:
        """Keep each name once, and only those of as many leading ranges as fit."""
        if not self._blocks:
            return
        for hashes, names in self._blocks:
            self._names.update(zip(hashes.tolist(), names, strict=True))
        self._blocks.clear()
        self._block_names = 0
        bucket = (np.fromiter(self._names, dtype=np.uint64) >> self._shift).astype(np.int64)
        total = np.cumsum(np.bincount(bucket, minlength=self._buckets)[: self._buckets])
        fitting = max(int(np.searchsorted(total, self._names_max, "right")), 1)
        if fitting < self._buckets or bucket.max() >= self._buckets:
            self._buckets = fitting
            kept = (bucket < fitting).tolist()
            self._names = {h: name for (h, name), keep in zip(self._names.items(), kept, strict=True) if keep}
