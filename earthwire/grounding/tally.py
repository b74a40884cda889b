"""Mergeable counts: all that fitting the laws needs to know of a set of calls.

One pass per shard makes a `Tally`; tallies add up, in any grouping and order, to the tally of the whole, provided that
no session is split between shards. Latencies are counted in logarithmic bins 1 % wide.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earthwire.fault_models.outcome import START
from earthwire.fault_models.regime import AGE_BINS
from earthwire.traces.calls import Calls, FloatArray, IntArray
from earthwire.traces.outcome_kind import is_fault

BIN_WIDTH = 0.01
"""Width of a bin in log latency: at most 0.5 % error on any one latency."""

NOT_DRAWN = ("cancelled",)
"""Outcome kinds that the agent brings about, not the tool: they say nothing of how the tool ends its calls."""

CLOCK_STEPS_S = (1.0, 0.1, 0.01, 0.001, 0.0001)
"""Steps of a recorder's clock that are looked for, in seconds, coarsest first."""

_STEP_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Cells:
    """Integer sums by integer keys.

    Rows of `keys`, shape (n_cells, n_key_columns), are unique and sorted; `counts` has shape (n_cells,), or
    (n_cells, n_sums) where several things are summed.
    """

    keys: IntArray
    counts: IntArray

    def select(self, rows: npt.NDArray[np.bool_]) -> "Cells":
        """Return the cells of a mask."""
        return Cells(self.keys[rows], self.counts[rows])


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of one set of calls.

    Attributes:
        tool_names, kind_names: what the codes in the cells stand for; `START` is a kind, as a previous one.
        latency: cells (tool, kind, bin) of calls with a known latency.
        session_sums: cells (tool, kind) with six sums over the calls with a known latency, in bins: n, Σ b, Σ b²,
            and over their sessions Σ (Σ b)²/n_s, Σ n_s², Σ 1.
        censored: cells (tool, kind, bin) of calls that outlived the limit in that bin.
        transitions: cells (tool, previous kind, kind).
        hazards: cells (tool, previous kind, age bin) of calls that follow one of their tool in the session, with two
            sums: calls, and those that are a fault where the previous one was none, or the other way round. The age
            is that of the run of faults, or of other calls, that the previous call is part of.
        sessions: cells (tool,) counting the sessions that use the tool.
        on_step: cells (tool, i) counting the latencies that are whole multiples of ``CLOCK_STEPS_S[i]``.
        calls, session_count: totals.
    """

    tool_names: tuple[str, ...]
    kind_names: tuple[str, ...]
    latency: Cells
    session_sums: Cells
    censored: Cells
    transitions: Cells
    hazards: Cells
    sessions: Cells
    on_step: Cells
    calls: int
    session_count: int


def tally(calls: Calls) -> Tally:
    """Count one shard of calls, which holds whole sessions."""
    kind_names = (*calls.kind_names, START)
    not_drawn = [i for i, name in enumerate(kind_names) if name in NOT_DRAWN]
    drawn = calls.select(~np.isin(calls.kind, not_drawn))
    known = drawn.latency_s > 0
    full, cut = drawn.select(known & ~drawn.censored), drawn.select(known & drawn.censored)
    pairs = count_cells(drawn.tool, drawn.session)
    return Tally(
        tool_names=calls.tool_names,
        kind_names=kind_names,
        latency=count_cells(full.tool, full.kind, latency_bin(full.latency_s)),
        session_sums=_session_sums(full),
        censored=count_cells(cut.tool, cut.kind, latency_bin(cut.latency_s)),
        transitions=count_cells(drawn.tool, previous_kind(drawn, start=len(kind_names) - 1), drawn.kind),
        hazards=_hazards(drawn),
        sessions=count_cells(pairs.keys[:, 0]),
        on_step=_on_clock_steps(full),
        calls=len(calls),
        session_count=calls.session_count,
    )


def merge(tallies: Sequence[Tally]) -> Tally:
    """Add up tallies of shards that have no session in common."""
    tool_names = tuple(sorted({name for part in tallies for name in part.tool_names}))
    kind_names = tuple(sorted({name for part in tallies for name in part.kind_names}))
    tool_codes = [_positions(part.tool_names, tool_names) for part in tallies]
    kind_codes = [_positions(part.kind_names, kind_names) for part in tallies]

    def added(cells: list[Cells], kind_columns: tuple[int, ...] = ()) -> Cells:
        keys = []
        for part, tool_code, kind_code in zip(cells, tool_codes, kind_codes, strict=True):
            columns = list(part.keys.T)
            columns[0] = tool_code[columns[0]]
            for column in kind_columns:
                columns[column] = kind_code[columns[column]]
            keys.append(np.column_stack(columns))
        return sum_cells(np.concatenate(keys), np.concatenate([part.counts for part in cells]))

    return Tally(
        tool_names=tool_names,
        kind_names=kind_names,
        latency=added([part.latency for part in tallies], (1,)),
        session_sums=added([part.session_sums for part in tallies], (1,)),
        censored=added([part.censored for part in tallies], (1,)),
        transitions=added([part.transitions for part in tallies], (1, 2)),
        hazards=added([part.hazards for part in tallies], (1,)),
        sessions=added([part.sessions for part in tallies]),
        on_step=added([part.on_step for part in tallies]),
        calls=sum(part.calls for part in tallies),
        session_count=sum(part.session_count for part in tallies),
    )


def latency_bin(latency_s: FloatArray) -> IntArray:
    """Return the logarithmic bin of each latency."""
    return np.floor(np.log(latency_s) / BIN_WIDTH).astype(np.int64)


def bin_log_s(bins: IntArray) -> FloatArray:
    """Return the log of the latency in seconds at the middle of each bin."""
    return (bins.astype(np.float64) + 0.5) * BIN_WIDTH


def count_cells(*columns: IntArray) -> Cells:
    """Count the distinct rows of integer columns of equal length."""
    keys = np.column_stack(columns)
    return sum_cells(keys, np.ones(len(keys), dtype=np.int64))


def sum_cells(keys: IntArray, counts: IntArray) -> Cells:
    """Add up the counts, shape (n,) or (n, n_sums), of equal rows of `keys`, shape (n, n_key_columns)."""
    unique, position = np.unique(keys, axis=0, return_inverse=True)
    summed = np.zeros((len(unique), *counts.shape[1:]), dtype=np.int64)
    np.add.at(summed, position.reshape(-1), counts)
    return Cells(unique.reshape(-1, keys.shape[1]), summed)


def previous_kind(calls: Calls, start: int) -> IntArray:
    """Return the kind of the same tool's previous call in the session; the code `start` where there is none."""
    order = np.lexsort((np.arange(len(calls)), calls.tool, calls.session))
    tool, session = calls.tool[order], calls.session[order]
    same = np.zeros(len(calls), dtype=bool)
    same[1:] = (tool[1:] == tool[:-1]) & (session[1:] == session[:-1])
    previous = np.empty(len(calls), dtype=np.int64)
    previous[order] = np.where(same, np.roll(calls.kind[order], 1), start)
    return previous


def _hazards(calls: Calls) -> Cells:
    """Count how runs of faults, and of other calls, go on or end; only for tools that failed at all."""
    is_bad = np.array([is_fault(name) for name in calls.kind_names], dtype=bool)
    failed = np.zeros(len(calls.tool_names), dtype=bool)
    failed[calls.tool[is_bad[calls.kind]]] = True
    calls = calls.select(failed[calls.tool])
    order = np.lexsort((np.arange(len(calls)), calls.tool, calls.session))
    tool, session, kind = calls.tool[order], calls.session[order], calls.kind[order]
    bad = is_bad[kind]
    follows = (tool[1:] == tool[:-1]) & (session[1:] == session[:-1])
    leaves = bad[1:] != bad[:-1]
    begins = np.concatenate(([True], ~follows | leaves))[: len(bad)]
    at = np.arange(len(bad))
    age = at - np.maximum.accumulate(np.where(begins, at, 0)) + 1
    bins = np.minimum(np.log2(age).astype(np.int64), AGE_BINS - 1)
    keys = np.column_stack((tool[:-1], kind[:-1], bins[:-1]))[follows]
    return sum_cells(keys, np.column_stack((np.ones(len(keys), dtype=np.int64), leaves[follows])))


def _session_sums(calls: Calls) -> Cells:
    bins = latency_bin(calls.latency_s)
    keys = np.column_stack((calls.tool, calls.kind, calls.session))
    by_session = sum_cells(keys, np.column_stack((np.ones(len(bins), dtype=np.int64), bins, bins**2)))
    n, total, squares = by_session.counts.T
    between = np.rint(total.astype(float) ** 2 / np.maximum(n, 1)).astype(np.int64)
    sums = np.column_stack((n, total, squares, between, n**2, np.ones_like(n)))
    return sum_cells(by_session.keys[:, :2], sums)


def _on_clock_steps(calls: Calls) -> Cells:
    """Count the whole multiples of each step; what is a multiple of a coarse step is one of the finer ones too."""
    parts = []
    for i, step_s in enumerate(CLOCK_STEPS_S):
        in_steps = calls.latency_s / step_s
        on_step = np.abs(in_steps - np.round(in_steps)) < _STEP_TOLERANCE
        tools = calls.tool[on_step & (in_steps > 0.5)]
        parts.append(np.column_stack((tools, np.full(len(tools), i))))
    keys = np.concatenate(parts)
    return sum_cells(keys, np.ones(len(keys), dtype=np.int64))


def _positions(names: tuple[str, ...], among: tuple[str, ...]) -> IntArray:
    position = {name: i for i, name in enumerate(among)}
    return np.array([position[name] for name in names], dtype=np.int64)
