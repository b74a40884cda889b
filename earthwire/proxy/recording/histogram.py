"""Counts of values by upper bound: fine enough to read quantiles from, and to be told in anybody's coarser bounds."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

DURATION_BOUNDS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""As OpenTelemetry's semantic conventions prescribe for the durations of MCP operations."""

LATENESS_BOUNDS_S = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)

_PREFERRED = (1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0)
"""The preferred numbers R10 of ISO 3: ten steps a decade that differ by about a quarter."""

_DECADES = ("e-4", "e-3", "e-2", "e-1", "e0", "e1", "e2")

FINE_BOUNDS_S = tuple(
    sorted(
        {float(f"{step}{decade}") for decade in _DECADES for step in _PREFERRED}
        | set(DURATION_BOUNDS_S)
        | set(LATENESS_BOUNDS_S)
    )
)
"""From 0.1 ms to 800 s; every bound of the two coarser scales is among them, so that those are sums of these."""


class Histogram:
    """Counts of durations in seconds.

    Attributes:
        counts: values in each bucket of `FINE_BOUNDS_S`, the last without a bound, shape (len(FINE_BOUNDS_S) + 1,).
        total: sum of all values.
    """

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(FINE_BOUNDS_S) + 1)
        self.total = 0.0

    def add(self, value_s: float) -> None:
        """Count a value; it belongs to the bucket that its bound closes."""
        self.counts[bisect_left(FINE_BOUNDS_S, value_s)] += 1
        self.total += value_s

    def add_all(self, values_s: Iterable[float]) -> None:
        """Count values, as `add` does each of them."""
        counts, total = self.counts, self.total
        for value_s in values_s:
            counts[bisect_left(FINE_BOUNDS_S, value_s)] += 1
            total += value_s
        self.total = total

    def merge(self, other: "Histogram") -> None:
        """Count all values of another one, too."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.total += other.total

    def at_most(self, bounds_s: Sequence[float]) -> list[int]:
        """Return how many values are at most as large as each of `bounds_s`, which are among `FINE_BOUNDS_S`."""
        below, cumulative = 0, []
        for count in self.counts:
            below += count
            cumulative.append(below)
        return [cumulative[bisect_left(FINE_BOUNDS_S, bound_s)] for bound_s in bounds_s]


def quantile_s(counts: Sequence[int], level: float) -> float | None:
    """Return a quantile, at most an eighth off; None without values.

    Within a bucket, values are taken to lie evenly. Those beyond the last bound count as that bound.

    Args:
        counts: as `Histogram` has them.
        level: between 0 and 1.
    """
    wanted, below = level * sum(counts), 0
    for index, count in enumerate(counts):
        if count and below + count >= wanted:
            high_s = FINE_BOUNDS_S[min(index, len(FINE_BOUNDS_S) - 1)]
            low_s = FINE_BOUNDS_S[index - 1] if index else 0.0
            return low_s + (high_s - low_s) * (wanted - below) / count
        below += count
    return None
