"""Mergeable counts: all that fitting the laws needs to know of a set of calls.

One pass per shard makes a `Tally`; tallies add up, in any grouping and order, to the tally of the whole, provided that
no session is split between shards. Latencies are counted in logarithmic bins 1 % wide.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from earthwire.fault_models.outcome import START
from earthwire.fault_models.regime import AGE_BINS
from earthwire.grounding.cells import Cells, add_groups, count_cells, starts_of, sum_cells
from earthwire.traces.calls import BoolArray, Calls, FloatArray, IntArray
from earthwire.traces.outcome_kind import is_fault
from earthwire.traces.tool_sequences import ToolSequences, sequences_of

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
    return tally_of(sequences_of(calls))


def tally_of(calls: ToolSequences) -> Tally:
    """Count one shard of calls, which holds whole sessions, in the order in which they are counted."""
    kind_names = (*calls.kind_names, START)
    not_drawn = [i for i, name in enumerate(kind_names) if name in NOT_DRAWN]
    drawn = calls.select(~np.isin(calls.kind, not_drawn)) if not_drawn else calls
    begins, latencies = drawn.begins, _Latencies.of(drawn)
    cut = np.flatnonzero(latencies.cut)
    return Tally(
        tool_names=calls.tool_names,
        kind_names=kind_names,
        latency=count_cells(drawn.tool, drawn.kind, latencies.bins, where=latencies.full),
        session_sums=_session_sums(drawn, latencies),
        censored=count_cells(*(column.take(cut) for column in (drawn.tool, drawn.kind, latencies.bins))),
        transitions=_transitions(drawn, begins, start=len(kind_names) - 1),
        hazards=_hazards(drawn, begins),
        sessions=count_cells(drawn.tool[begins]),
        on_step=_on_clock_steps(drawn, latencies.full),
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
    """Latencies in bins, shape (n_calls,); calls are not picked out before they are counted, which costs more.

    Attributes:
        bins: of each call; meaningless where its latency is not known.
        full: calls whose latency is known in full.
        cut: calls that are known to have outlived a limit.
    """

    bins: IntArray
    full: BoolArray
    cut: BoolArray

    @classmethod
    def of(cls, calls: ToolSequences) -> "_Latencies":
        """Sort latencies into bins."""
        known = calls.latency_s > 0
        bins = latency_bin(np.where(known, calls.latency_s, 1.0))
        return cls(bins, known & ~calls.censored, known & calls.censored)


def _transitions(calls: ToolSequences, begins: BoolArray, start: int) -> Cells:
    """Count outcome kinds by that of the same tool's previous call in the session; `start` where there is none."""
    previous = np.empty(len(calls), dtype=np.int64)
    previous[1:] = calls.kind[:-1]
    previous[begins] = start
    return count_cells(calls.tool, previous, calls.kind)


def _hazards(calls: ToolSequences, begins: BoolArray) -> Cells:
    """Count how runs of faults, and of other calls, go on or end."""
    is_bad = np.array([is_fault(name) for name in calls.kind_names], dtype=bool)
    bad = is_bad.take(calls.kind)
    leaves = bad[1:] != bad[:-1]
    starts = np.flatnonzero(np.concatenate(([True], leaves | begins[1:]))[: len(bad)])
    lengths = np.diff(np.append(starts, len(bad)))
    age = np.arange(1, len(bad) + 1) - np.repeat(starts, lengths)
    bins = _AGE_BIN.take(age[:-1], mode="clip")
    # The last column says whether the run ends, so that calls and ends come from one count.
    seen = count_cells(calls.tool[:-1], calls.kind[:-1], bins, leaves, where=~begins[1:])
    return sum_cells(seen.keys[:, :3], np.column_stack((seen.counts, seen.counts * seen.keys[:, 3])))


def _session_sums(calls: ToolSequences, latencies: _Latencies) -> Cells:
    """Add up bins over sessions, tool by tool: one kind after the other, whose calls lie session by session."""
    tools = len(calls.tool_names)
    keys, sums = [np.zeros((0, 2), dtype=np.int64)], [np.zeros((0, 6), dtype=np.int64)]
    for kind in range(len(calls.kind_names)):
        rows = np.flatnonzero((calls.kind == kind) & latencies.full)
        starts = starts_of(calls.sequence.take(rows))
        bins, tool = latencies.bins.take(rows), calls.tool.take(rows.take(starts))
        n = np.diff(np.append(starts, len(rows)))
        total, squares = add_groups(bins, starts), add_groups(bins * bins, starts)
        between = np.rint(total.astype(float) ** 2 / n)
        found = np.flatnonzero(np.bincount(tool, minlength=tools))
        columns = (n, total, squares, between, n * n, np.ones(len(n)))
        # Floats hold these sums exactly: they stay far below 2⁵³.
        of_tool = [np.bincount(tool, weights=column).take(found) for column in columns]
        keys.append(np.column_stack((found, np.full(len(found), kind))))
        sums.append(np.column_stack(of_tool).astype(np.int64))
    return sum_cells(np.concatenate(keys), np.concatenate(sums))


def _on_clock_steps(calls: ToolSequences, full: BoolArray) -> Cells:
    """Count the whole multiples of each step; what is a multiple of a coarse step is one of the finer ones too."""
    keys, counts = [np.zeros((0, 2), dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    latency_s, tool = np.where(full, calls.latency_s, 0.0), calls.tool
    for i in reversed(range(len(CLOCK_STEPS_S))):
        in_steps = latency_s / CLOCK_STEPS_S[i]
        on_step = np.abs(in_steps - np.rint(in_steps)) < _STEP_TOLERANCE
        on_step &= in_steps > 0.5
        rows = np.flatnonzero(on_step)
        latency_s, tool = latency_s.take(rows), tool.take(rows)
        cells = count_cells(tool)
        keys.append(np.column_stack((cells.keys, np.full(len(cells.counts), i))))
        counts.append(cells.counts)
    return sum_cells(np.concatenate(keys), np.concatenate(counts))


def _positions(names: tuple[str, ...], among: tuple[str, ...]) -> IntArray:
    position = {name: i for i, name in enumerate(among)}
    return np.array([position[name] for name in names], dtype=np.int64)
