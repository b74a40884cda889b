"""How a streamed response comes: in how many chunks, and with which gaps between them.

Time to the first byte and total time are drawn by other laws. This one divides what lies between them: gaps are drawn
as multiples of the mean gap of their stream, a Gaussian process of one step's memory giving their ranks, and scaled so
that they fill the time exactly. So first byte, gaps and total always agree, and a call that is slow in its body has
longer gaps or more chunks, as recorded calls do.
"""

import math
from bisect import bisect_right
from itertools import accumulate

import msgspec

from earthwire.fault_models.damage.payload import Numbers
from earthwire.fault_models.laws.dependence import normal_probability, normal_quantile
from earthwire.fault_models.plan import Body, RelayBody, RelayDamaged, RelayPieces, Step, Wait
from earthwire.traces.labels.body_class import is_event_stream
from earthwire.traces.labels.stream_damage import events_of

CHUNK_LEVELS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""The probabilities of the quantiles of the number of chunks."""
GAP_LEVELS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)
"""The probabilities of the quantiles of the relative gap: stalls are in the last few."""
CHUNKS_MAX = 2_048
"""Pieces that one response is planned in; what comes in more of them comes several at a time."""

_RANK_MIN = 1e-9


class StreamLaw(msgspec.Struct, frozen=True):
    """Chunks and gaps of a tool's streamed responses.

    Attributes:
        count: streams that it rests on.
        chunks: quantiles of the number of chunks at `CHUNK_LEVELS`, shape (13,), at least 1, non-decreasing.
        gaps: quantiles of a gap over the mean gap of its stream at `GAP_LEVELS`, shape (16,), non-decreasing.
        chunk_rank_correlation: of the normal scores of latency and number of chunks, in (-1, 1).
        gap_memory: correlation of the normal scores of neighbouring gaps, in [0, 1).
    """

    count: int
    chunks: tuple[float, ...]
    gaps: tuple[float, ...]
    chunk_rank_correlation: float = 0.0
    gap_memory: float = 0.0

    def due_s(self, rank: float, u: float, first_byte_s: float, last_byte_s: float) -> tuple[float, ...]:
        """Return when the chunks of a call are due, the first with the first byte, the last with the last one.

        Args:
            rank: of its latency among those of its tool, in [0, 1].
            u: uniform in (0, 1), independent of the rank; decides everything here.
            first_byte_s, last_byte_s: seconds after the arrival of the request.
        """
        numbers = Numbers(u)
        gap_count = self._chunk_count(rank, numbers.next()) - 1
        if gap_count < 1:
            return (last_byte_s,)
        gaps = self._gaps(gap_count, numbers)
        total = math.fsum(gaps)
        if total <= 0.0:
            gaps, total = [1.0] * gap_count, float(gap_count)
        span_s = last_byte_s - first_byte_s
        inner = (first_byte_s + span_s * (passed / total) for passed in accumulate(gaps[:-1]))
        return (first_byte_s, *(min(due_s, last_byte_s) for due_s in inner), last_byte_s)

    def _chunk_count(self, rank: float, u: float) -> int:
        rho = self.chunk_rank_correlation
        score = rho * normal_quantile(min(max(rank, _RANK_MIN), 1.0 - _RANK_MIN))
        level = normal_probability(score + math.sqrt(1.0 - rho * rho) * normal_quantile(u))
        return min(max(round(_quantile(level, CHUNK_LEVELS, self.chunks)), 1), CHUNKS_MAX)

    def _gaps(self, count: int, numbers: Numbers) -> list[float]:
        memory, innovation = self.gap_memory, math.sqrt(1.0 - self.gap_memory**2)
        if not memory:
            return [_quantile(numbers.next(), GAP_LEVELS, self.gaps) for _ in range(count)]
        score = normal_quantile(numbers.next())
        found = []
        for _ in range(count):
            found.append(_quantile(normal_probability(score), GAP_LEVELS, self.gaps))
            score = memory * score + innovation * normal_quantile(numbers.next())
        return found


def streamed(steps: tuple[Step, ...], due_s: tuple[float, ...]) -> tuple[Step, ...]:
    """Return the steps with the body in pieces: the upstream's, or one of ours that is a stream of events.

    Args:
        steps: of a plan.
        due_s: when the pieces are due.
    """
    timed: list[Step] = []
    for step in steps:
        if isinstance(step, RelayBody) and step.fraction == 1.0:
            timed.append(RelayPieces(due_s))
        elif isinstance(step, RelayDamaged):
            timed.append(msgspec.structs.replace(step, due_s=due_s))
        elif isinstance(step, Body) and is_event_stream(_content_type(steps)):
            timed += _events(step.data, due_s)
        else:
            timed.append(step)
    return tuple(timed)


def piece_due_s(index: int, count: int, due_s: tuple[float, ...]) -> float:
    """Return when piece `index` of `count` is due, where the plan may have had another number of pieces in mind.

    >>> [piece_due_s(i, 2, (1.0, 2.0, 3.0)) for i in range(2)], [piece_due_s(i, 4, (1.0, 2.0)) for i in range(4)]
    ([1.0, 3.0], [1.0, 1.0, 2.0, 2.0])
    """
    if index == count - 1:
        return due_s[-1]
    return due_s[index * len(due_s) // count]


def _events(data: bytes, due_s: tuple[float, ...]) -> list[Step]:
    events = events_of(data)
    steps: list[Step] = []
    for i, event in enumerate(events):
        steps += (Wait(piece_due_s(i, len(events), due_s)), Body(event))
    return steps


def _content_type(steps: tuple[Step, ...]) -> str | None:
    for step in steps:
        for name, value in getattr(step, "headers", ()):
            if name.lower() == "content-type":
                return str(value)
    return None


def _quantile(level: float, levels: tuple[float, ...], values: tuple[float, ...]) -> float:
    i = bisect_right(levels, level)
    if i == 0:
        return values[0]
    if i == len(levels):
        return values[-1]
    low, high = values[i - 1], values[i]
    return low + (high - low) * (level - levels[i - 1]) / (levels[i] - levels[i - 1])
