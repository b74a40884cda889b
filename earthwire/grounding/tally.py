"""Mergeable counts: all that fitting the laws needs to know of a set of calls.

One pass per shard makes a `Tally`; tallies add up, in any grouping and order, to the tally of the whole, provided that
no session is split between shards. Latencies are counted in logarithmic bins 1 % wide.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from earthwire.fault_models.outcome import START
from earthwire.fault_models.regime import AGE_BINS
from earthwire.grounding.cells import Cells, add_groups, count_cells, packing_of, starts_of, sum_cells
from earthwire.traces.calls import BoolArray, Calls, FloatArray, IntArray
from earthwire.traces.outcome_kind import is_fault

BIN_WIDTH = 0.01
"""Width of a bin in log latency: at most 0.5 % error on any one latency."""

NOT_DRAWN = ("cancelled",)
"""Outcome kinds that the agent brings about, not the tool: they say nothing of how the tool ends its calls."""

CLOCK_STEPS_S = (1.0, 0.1, 0.01, 0.001, 0.0001)
"""Steps of a recorder's clock that are looked for, in seconds, coarsest first."""

_STEP_TOLERANCE = 1e-3
_AGE_BIN = np.array([0, *(min(age.bit_length() - 1, AGE_BINS - 1) for age in range(1, 1 << AGE_BINS))])
"""Bin of each age: the whole part of its logarithm to base 2."""


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
    drawn = calls.select(~np.isin(calls.kind, not_drawn)) if not_drawn else calls
    full, cut = _latencies(drawn, ~drawn.censored), _latencies(drawn, drawn.censored)
    sequences = _sequences(drawn)
    return Tally(
        tool_names=calls.tool_names,
        kind_names=kind_names,
        latency=count_cells(full.tool, full.kind, full.bins),
        session_sums=_session_sums(full),
        censored=count_cells(cut.tool, cut.kind, cut.bins),
        transitions=_transitions(sequences, start=len(kind_names) - 1),
        hazards=_hazards(sequences, calls.kind_names),
        sessions=count_cells(sequences.tool, where=~sequences.follows),
        on_step=_on_clock_steps(full.latency_s, full.tool),
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


@dataclass(frozen=True, slots=True)
class _Latencies:
    """Known latencies, shape (n,)."""

    tool: IntArray
    kind: IntArray
    session: IntArray
    latency_s: FloatArray
    bins: IntArray


def _latencies(calls: Calls, where: BoolArray) -> _Latencies:
    rows = np.flatnonzero((calls.latency_s > 0) & where)
    latency_s = calls.latency_s.take(rows)
    tool, kind, session = (column.take(rows) for column in (calls.tool, calls.kind, calls.session))
    return _Latencies(tool, kind, session, latency_s, latency_bin(latency_s))


@dataclass(frozen=True, slots=True)
class _Sequences:
    """Calls sorted by session and tool, shape (n,); `follows` where the one before is of the same session and tool."""

    tool: IntArray
    kind: IntArray
    follows: BoolArray


def _sequences(calls: Calls) -> _Sequences:
    packing = packing_of((calls.session, calls.tool, np.array([0, len(calls)])))
    if packing is None:
        order = calls.by_tool_in_session
        tool, session = calls.tool.take(order), calls.session.take(order)
        follows = np.ones(len(order), dtype=bool)
        follows[starts_of(tool, session)] = False
        return _Sequences(tool, calls.kind.take(order), follows)
    # One sort of whole numbers that hold their own positions is ten times as fast as a sort of positions.
    _, tool_bits, place_bits = packing.bits
    keys = np.sort(packing.pack((calls.session, calls.tool, np.arange(len(calls)))))
    kind = calls.kind.take(keys & ((1 << place_bits) - 1))
    keys >>= place_bits
    follows = np.zeros(len(keys), dtype=bool)
    np.equal(keys[1:], keys[:-1], out=follows[1:])
    keys &= (1 << tool_bits) - 1
    keys += packing.low[1]
    return _Sequences(keys, kind, follows)


def _transitions(calls: _Sequences, start: int) -> Cells:
    """Count outcome kinds by that of the same tool's previous call in the session; `start` where there is none."""
    previous = np.full(len(calls.kind), start, dtype=np.int64)
    np.copyto(previous[1:], calls.kind[:-1], where=calls.follows[1:])
    return count_cells(calls.tool, previous, calls.kind)


def _hazards(calls: _Sequences, kind_names: Sequence[str]) -> Cells:
    """Count how runs of faults, and of other calls, go on or end."""
    is_bad = np.array([is_fault(name) for name in kind_names], dtype=bool)
    bad = is_bad.take(calls.kind)
    leaves, follows = bad[1:] != bad[:-1], calls.follows[1:]
    starts = np.flatnonzero(np.concatenate(([True], leaves | ~follows))[: len(bad)])
    lengths = np.diff(np.append(starts, len(bad)))
    age = np.arange(1, len(bad) + 1) - np.repeat(starts, lengths)
    asked = np.flatnonzero(follows)
    bins = _AGE_BIN.take(age.take(asked), mode="clip")
    # The last column says whether the run ends, so that calls and ends come from one count.
    seen = count_cells(calls.tool.take(asked), calls.kind.take(asked), bins, leaves.take(asked))
    return sum_cells(seen.keys[:, :3], np.column_stack((seen.counts, seen.counts * seen.keys[:, 3])))


def _session_sums(calls: _Latencies) -> Cells:
    columns = (calls.tool, calls.kind, calls.session, calls.bins)
    packing = packing_of(columns)
    if packing is None:
        rows = np.column_stack(columns)[np.lexsort(columns[::-1])]
        cells, binned = rows[:, :3], rows[:, 3]
        starts = starts_of(*cells.T)
        keys = cells[starts, :2]
    else:
        # The bins come along in the lowest bits of what is sorted, so that nothing has to be put in order after it.
        packed = np.sort(packing.pack(columns))
        starts = starts_of(packed >> packing.bits[-1])
        keys = packing.unpack(packed[starts])[:, :2]
        binned = (packed & ((1 << packing.bits[-1]) - 1)) + packing.low[-1]
    n = np.diff(np.append(starts, len(binned)))
    total, squares = add_groups(binned, starts), add_groups(binned * binned, starts)
    between = np.rint(total.astype(float) ** 2 / np.maximum(n, 1)).astype(np.int64)
    groups = starts_of(*keys.T)
    sums = [add_groups(column, groups) for column in (n, total, squares, between, n**2, np.ones_like(n))]
    return Cells(keys[groups], np.column_stack(sums))


def _on_clock_steps(latency_s: FloatArray, tool: IntArray) -> Cells:
    """Count the whole multiples of each step; what is a multiple of a coarse step is one of the finer ones too."""
    parts = []
    for i in reversed(range(len(CLOCK_STEPS_S))):
        in_steps = latency_s / CLOCK_STEPS_S[i]
        on_step = (np.abs(in_steps - np.round(in_steps)) < _STEP_TOLERANCE) & (in_steps > 0.5)
        latency_s, tool = latency_s[on_step], tool[on_step]
        parts.append(np.column_stack((tool, np.full(len(tool), i))))
    keys = np.concatenate(parts)
    return sum_cells(keys, np.ones(len(keys), dtype=np.int64))


def _positions(names: tuple[str, ...], among: tuple[str, ...]) -> IntArray:
    position = {name: i for i, name in enumerate(among)}
    return np.array([position[name] for name in names], dtype=np.int64)
