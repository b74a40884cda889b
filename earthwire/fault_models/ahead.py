"""Draws ahead of need: outcome kinds and latencies of a tool's next calls, hundreds at a time.

They are those that `Simulation.draw` gives one by one, to the last bit: additions and multiplications are done in the
same order on arrays, and powers and normal quantiles by the very same functions. Only loops without
waits can draw ahead: what depends on the time of a call cannot be known before it.
"""

from collections.abc import Callable, Iterator
from itertools import chain

import numpy as np
import numpy.typing as npt

from earthwire.fault_models.call import Foreseen
from earthwire.fault_models.laws.compact_ranks import CompactRanks
from earthwire.fault_models.laws.dependence import normal_quantile
from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
from earthwire.fault_models.laws.outcome_path import OutcomePath
from earthwire.fault_models.uniforms import CELL, Purpose, UniformStream

Floats = npt.NDArray[np.float64]

AHEAD_COUNT_MIN = 64
AHEAD_COUNT_MAX = 512
"""Calls drawn at once: few at first, since most episodes are short."""

_PURPOSES = (Purpose.OUTCOME, Purpose.LATENCY, Purpose.LEVEL, Purpose.FIRST_BYTE)

_LEVELS = np.array(LEVELS)


class Curve:
    """A latency table, prepared for many ranks at once.

    Args:
        table: the table; None stands for no latency at all.
    """

    def __init__(self, table: LatencyTable | None) -> None:
        self._table = table
        quantiles = (0.0,) if table is None else table.quantiles_s
        self._low = np.array(quantiles[:-1])
        self._first, self._last = quantiles[0], quantiles[-1]
        self._growths = np.array(quantiles[1:]) / self._low
        self._widths = _LEVELS[1:] - _LEVELS[:-1]

    def latencies_s(self, ranks: Floats) -> list[float]:
        """Return `LatencyTable.quantile_s` of each rank."""
        if self._table is None:
            return [0.0] * len(ranks)
        above = np.searchsorted(_LEVELS, ranks, side="right")
        inside = np.clip(above - 1, 0, len(self._widths) - 1)
        shares = (ranks - _LEVELS[inside]) / self._widths[inside]
        # Not numpy's power, whose last bit differs from that of Python's.
        grown = list(map(pow, self._growths[inside].tolist(), shares.tolist()))
        found = self._low[inside] * np.array(grown)
        found[above == 0] = self._first
        found[above == len(_LEVELS)] = self._last
        latencies: list[float] = found.tolist()
        return latencies


class Ahead:
    """The next calls of one tool in one episode.

    Args:
        uniforms, outcomes, ranks: of the tool in the episode; they advance as if the calls had been drawn one by one.
        table: gives the latency table of an outcome kind.
        start: index of the next call.
        count_max: most calls drawn at once; what is drawn and not asked for yet waits in memory.
    """

    def __init__(
        self,
        uniforms: UniformStream,
        outcomes: OutcomePath,
        ranks: CompactRanks,
        table: Callable[[str], LatencyTable | None],
        start: int,
        count_max: int = AHEAD_COUNT_MAX,
    ) -> None:
        self._uniforms = uniforms
        self._outcomes = outcomes
        self._ranks = ranks
        self._table = table
        self._next_index = start
        self._count = AHEAD_COUNT_MIN
        self._count_max = count_max
        self._curves: dict[str, Curve] = {}

    def __iter__(self) -> Iterator[Foreseen]:
        """Return an iterator over the calls, without end."""
        return chain.from_iterable(self._blocks())

    def _blocks(self) -> Iterator[Iterator[Foreseen]]:
        while True:
            yield self._some()

    def _some(self) -> Iterator[Foreseen]:
        start, count = self._next_index, self._count
        self._next_index = start + count
        self._count = min(2 * count, self._count_max)
        indexes = range(start, start + count)
        outcome_u, latency_u, level_u, first_u = uniform_columns(self._uniforms, indexes, _PURPOSES)
        kinds = self._kinds(indexes, outcome_u)
        steps, noise = map(normal_quantile, level_u.tolist()), map(normal_quantile, latency_u.tolist())
        ranks = self._ranks.next_ranks(start, steps, noise, kinds)
        latencies_s = self._latencies_s(kinds, ranks)
        return zip(indexes, kinds, ranks.tolist(), latencies_s, first_u.tolist(), strict=True)

    def _kinds(self, indexes: range, us: Floats) -> list[str]:
        if type(self._outcomes) is OutcomePath:
            return self._outcomes.next_many(us)
        following = self._outcomes.next
        return [following(index, u) for index, u in zip(indexes, us.tolist(), strict=True)]

    def _latencies_s(self, kinds: list[str], ranks: Floats) -> list[float]:
        usual = max(set(kinds), key=kinds.count)
        latencies_s = self._curve(usual).latencies_s(ranks)
        for i, kind in enumerate(kinds):
            if kind != usual:
                table = self._table(kind)
                latencies_s[i] = 0.0 if table is None else table.quantile_s(float(ranks[i]))
        return latencies_s

    def _curve(self, kind: str) -> Curve:
        curve = self._curves.get(kind)
        if curve is None:
            curve = self._curves[kind] = Curve(self._table(kind))
        return curve


def uniform_columns(
    stream: UniformStream, indexes: range, purposes: tuple[Purpose, ...]
) -> tuple[Floats, ...]:
    """Return the uniforms of many calls, one array of shape (n_calls,) a purpose."""
    cells = np.frombuffer(stream.digests(indexes), "<u4").reshape(len(indexes), -1)
    return tuple((cells[:, int(purpose)] + 0.5) * CELL for purpose in purposes)
