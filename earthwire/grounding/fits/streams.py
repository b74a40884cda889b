"""Fits how streamed responses come, from recorded gaps between chunks: sums and counts that add up in any order."""

import math
from collections import Counter
from itertools import pairwise

from earthwire.fault_models.laws.stream import CHUNK_LEVELS, GAP_LEVELS, StreamLaw
from earthwire.traces.record import TraceRecord

STREAMS_MIN = 5
"""Streams that a law rests on at least."""
_LOG_STEP = 0.02
_SMALLEST_GAP = 1e-4
"""Of the mean gap: what is shorter counts as this in correlations, and as nothing in quantiles."""
_CORRELATION_MAX = 0.95


class _Products:
    """Sums that a correlation is computed from."""

    __slots__ = ("n", "x", "xx", "xy", "y", "yy")

    def __init__(self) -> None:
        self.n = 0
        self.x = self.y = self.xx = self.yy = self.xy = 0.0

    def add(self, x: float, y: float) -> None:
        self.n += 1
        self.x, self.y = self.x + x, self.y + y
        self.xx, self.yy, self.xy = self.xx + x * x, self.yy + y * y, self.xy + x * y

    def join(self, other: "_Products") -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def correlation(self) -> float:
        """Return the correlation, shrunk by one pair; 0 where one of the two does not vary."""
        if self.n < 2:
            return 0.0
        variances = (self.xx - self.x**2 / self.n) * (self.yy - self.y**2 / self.n)
        if variances <= 1e-12:
            return 0.0
        raw = (self.xy - self.x * self.y / self.n) / math.sqrt(variances) * self.n / (self.n + 1)
        return round(min(max(raw, -_CORRELATION_MAX), _CORRELATION_MAX), 4)


class StreamTally:
    """Counts chunks and gaps of one tool's streams, or of several tools'."""

    def __init__(self) -> None:
        self._chunks: Counter[int] = Counter()
        self._gaps: Counter[int | None] = Counter()
        self._neighbours = _Products()
        self._with_latency = _Products()

    def add(self, record: TraceRecord) -> None:
        """Count one record; one that is no stream, or has no gaps, tells nothing."""
        gaps_ns = record.chunk_gaps_ns
        was_left = record.response_body_truncated or record.latency_censoring not in (None, "none")
        if not record.stream or not gaps_ns or was_left:
            return
        chunk_count = len(gaps_ns) + 1
        self._chunks[chunk_count] += 1
        if record.duration_ns:
            self._with_latency.add(math.log(chunk_count), math.log(record.duration_ns))
        mean_ns = sum(gaps_ns) / len(gaps_ns)
        if len(gaps_ns) < 2 or not mean_ns:
            # A single gap is its own mean: it says nothing of how gaps differ.
            return
        logs = [math.log(max(gap_ns / mean_ns, _SMALLEST_GAP)) for gap_ns in gaps_ns]
        for gap_ns, log in zip(gaps_ns, logs, strict=True):
            self._gaps[round(log / _LOG_STEP) if gap_ns > _SMALLEST_GAP * mean_ns else None] += 1
        for before, after in pairwise(logs):
            self._neighbours.add(before, after)

    def join(self, other: "StreamTally") -> None:
        """Add the counts of other streams."""
        self._chunks.update(other._chunks)
        self._gaps.update(other._gaps)
        self._neighbours.join(other._neighbours)
        self._with_latency.join(other._with_latency)

    def law(self) -> StreamLaw | None:
        """Return the law of these streams; None where there are fewer than `STREAMS_MIN`."""
        count = sum(self._chunks.values())
        if count < STREAMS_MIN:
            return None
        chunks = _quantiles({float(size): times for size, times in self._chunks.items()}, CHUNK_LEVELS)
        relative = {
            0.0 if step is None else math.exp(step * _LOG_STEP): times for step, times in self._gaps.items()
        }
        return StreamLaw(
            count=count,
            chunks=chunks,
            gaps=_quantiles(relative or {1.0: 1}, GAP_LEVELS),
            chunk_rank_correlation=self._with_latency.correlation(),
            gap_memory=max(0.0, self._neighbours.correlation()),
        )


def _quantiles(counts: dict[float, int], levels: tuple[float, ...]) -> tuple[float, ...]:
    """Return quantiles of counted values, interpolated between the middles of their steps."""
    total, passed = sum(counts.values()), 0
    middles: list[tuple[float, float]] = []
    for value, times in sorted(counts.items()):
        middles.append(((passed + times / 2) / total, value))
        passed += times
    return tuple(float(f"{_at(level, middles):.4g}") for level in levels)


def _at(level: float, middles: list[tuple[float, float]]) -> float:
    if level <= middles[0][0]:
        return middles[0][1]
    for (below, low), (above, high) in pairwise(middles):
        if level <= above:
            return low + (high - low) * (level - below) / (above - below)
    return middles[-1][1]
