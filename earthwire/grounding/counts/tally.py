"""Mergeable counts: all that fitting the laws needs to know of a set of calls.

One pass per shard makes a `Tally`; tallies add up, in any grouping and order, to the tally of the whole, provided that
no session is split between shards. Latencies are counted in logarithmic bins 1 % wide.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earthwire.fault_models.laws.outcome import START, OutcomeCounts
from earthwire.fault_models.laws.regime import AGE_BINS
from earthwire.grounding.counts.cells import (
    Cells,
    Packing,
    count_cells,
    count_numbers,
    starts_of,
    sum_cells,
    sums_from,
)
from earthwire.traces.columns.calls import BoolArray, Calls, FloatArray, IntArray
from earthwire.traces.columns.tool_sequences import ToolSequences, sequences_of
from earthwire.traces.labels.outcome_kind import TAKEN_BACK, is_fault

BIN_WIDTH = 0.01
"""Width of a bin in log latency: at most 0.5 % error on any one latency."""

CLOCK_STEPS_S = (1.0, 0.1, 0.01, 0.001, 0.0001)
"""Steps of a recorder's clock that are looked for, in seconds, coarsest first."""

_STEP_TOLERANCE = 1e-3


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

    def outcomes(self) -> dict[int, OutcomeCounts]:
        """Return the counts of outcome kinds of each tool code that has any."""
        after: dict[int, dict[str, dict[str, int]]] = {}
        for (tool, previous, kind), count in self.transitions.pairs():
            of_tool = after.setdefault(tool, {})
            of_tool.setdefault(self.kind_names[previous], {})[self.kind_names[kind]] = count
        return {tool: OutcomeCounts(of_tool) for tool, of_tool in after.items()}


def tally(calls: Calls) -> Tally:
    """Count one shard of calls, which holds whole sessions."""
    return tally_of(sequences_of(calls))


def tally_of(calls: ToolSequences) -> Tally:
    """Count one shard of calls, which holds whole sessions, in the order in which they are counted."""
    kind_names = (*calls.kind_names, START)
    taken_back = [i for i, name in enumerate(kind_names) if name in TAKEN_BACK]
    drawn = calls.select(~np.isin(calls.kind, taken_back)) if taken_back else calls
    begins, latencies = drawn.begins, _Latencies.of(drawn)
    latency, steps = _latency_cells(drawn, latencies), _steps(drawn, begins)
    return Tally(
        tool_names=calls.tool_names,
        kind_names=kind_names,
        latency=latency,
        session_sums=_session_sums(drawn, latencies, latency),
        censored=count_cells(
            *(each.take(latencies.cut) for each in (drawn.tool, drawn.kind, latencies.bins))
        ),
        transitions=sum_cells(steps.keys[:, :3], steps.counts),
        hazards=_hazards(steps, kind_names),
        sessions=_begun(steps, start=len(kind_names) - 1),
        on_step=_on_clock_steps(drawn, latencies),
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
    bins = np.log(latency_s)
    bins /= BIN_WIDTH
    return np.floor(bins, out=bins).astype(np.int64)


def bin_log_s(bins: IntArray) -> FloatArray:
    """Return the log of the latency in seconds at the middle of each bin."""
    return (bins.astype(np.float64) + 0.5) * BIN_WIDTH


@dataclass(frozen=True, slots=True)
class _Latencies:
    """Latencies in bins, shape (n_calls,); calls are not picked out before they are counted, which costs more.

    Attributes:
        bins: of each call; 0 where its latency is not known in full or as a limit.
        full: calls whose latency is known in full.
        others: positions of those whose is not, shape (n_others,).
        cut: positions of those that are known to have outlived a limit, shape (n_cut,).
    """

    bins: IntArray
    full: BoolArray
    others: IntArray
    cut: IntArray

    @classmethod
    def of(cls, calls: ToolSequences) -> "_Latencies":
        """Sort latencies into bins."""
        known = calls.latency_s > 0
        bins = latency_bin(calls.latency_s if known.all() else np.where(known, calls.latency_s, 1.0))
        full = known & ~calls.censored
        others = np.flatnonzero(~full)
        return cls(bins, full, others, others[known[others]])


def _latency_cells(calls: ToolSequences, latencies: _Latencies) -> Cells:
    """Count the latencies that are known in full by (tool, kind, bin)."""
    bins = latencies.bins
    low, high = (int(bins.min()), int(bins.max())) if len(bins) else (0, 0)
    packing = Packing((0, 0, low), (len(calls.tool_names) + 1, len(calls.kind_names), high - low + 1))
    packed = packing.pack((calls.tool, calls.kind, bins))
    # Those that do not count get the code of a tool that does not exist.
    unknown = len(calls.tool_names) * (packing.end // packing.size[0])
    packed[latencies.others] = unknown
    found, counts = count_numbers(packed, packing.end)
    end = int(np.searchsorted(found, unknown))
    return Cells(packing.unpack(found[:end]), counts[:end])


def _steps(calls: ToolSequences, begins: BoolArray) -> Cells:
    """Count calls by (tool, previous kind, kind, age bin of the run that the previous call is part of).

    The previous call is that of the same tool in the session; where there is none it is `START`, of age bin 0.
    """
    kinds = len(calls.kind_names)
    packing = Packing((0, 0, 0, 0), (len(calls.tool_names), kinds + 1, kinds, AGE_BINS))
    packed = calls.tool * (packing.end // packing.size[0])
    kind = calls.kind * AGE_BINS
    packed += kind
    kind *= kinds
    kind += _age_bins(calls, begins)
    kind[1:] = kind[:-1].copy()
    kind[begins] = kinds * kinds * AGE_BINS
    packed += kind
    found, counts = count_numbers(packed, packing.end)
    return Cells(packing.unpack(found), counts)


def _age_bins(calls: ToolSequences, begins: BoolArray) -> npt.NDArray[np.uint8]:
    """Return the whole part of log2 of how long the run of faults, or of other calls, has lasted at each call.

    An age is at least 2^j where no run began at the call or the 2^j - 2 before it. That takes a few passes over bytes,
    where places and their differences would take many over words.
    """
    bad = _are_faults(calls.kind_names).take(calls.kind)
    began = begins.copy()
    began[1:] |= bad[1:] != bad[:-1]
    age_bins = np.zeros(len(began), dtype=np.uint8)
    width = 1
    for _ in range(AGE_BINS - 1):
        age_bins += ~began
        # From the last `width` calls, the call itself included, to the last 2 width + 1.
        for shift in (1, width):
            earlier = began[:-shift].copy()
            began[shift:] |= earlier
        width = 2 * width + 1
    return age_bins


def _hazards(steps: Cells, kind_names: tuple[str, ...]) -> Cells:
    """Count how runs of faults, and of other calls, go on or end."""
    follows = steps.select(steps.keys[:, 1] != len(kind_names) - 1)
    bad = _are_faults(kind_names)
    ends = bad.take(follows.keys[:, 1]) != bad.take(follows.keys[:, 2])
    return sum_cells(follows.keys[:, (0, 1, 3)], np.column_stack((follows.counts, follows.counts * ends)))


def _begun(steps: Cells, start: int) -> Cells:
    """Count the sessions that use each tool: those that it has a first call in."""
    first = steps.select(steps.keys[:, 1] == start)
    return sum_cells(first.keys[:, :1], first.counts)


def _are_faults(kind_names: tuple[str, ...]) -> BoolArray:
    return np.array([name != START and is_fault(name) for name in kind_names], dtype=bool)


def _session_sums(calls: ToolSequences, latencies: _Latencies, latency: Cells) -> Cells:
    """Add up bins, and their sums over sessions: one kind after the other, whose calls lie session by session."""
    keys, bins, count = latency.keys[:, :2], latency.keys[:, 2], latency.counts
    of_calls = sum_cells(keys, np.column_stack((count, count * bins, count * bins * bins)))
    of_sessions = np.zeros((len(of_calls.keys), 3), dtype=np.int64)
    for kind in sorted(set(of_calls.keys[:, 1].tolist())):
        rows = np.flatnonzero((calls.kind == kind) & latencies.full)
        starts = starts_of(calls.sequence.take(rows))
        n = np.diff(np.append(starts, len(rows)))
        total = sums_from(latencies.bins.take(rows), starts)
        tool = calls.tool.take(rows.take(starts))
        cells = np.flatnonzero(of_calls.keys[:, 1] == kind)
        for i, column in enumerate((np.rint(total.astype(float) ** 2 / n), n * n, None)):
            # Floats hold these sums exactly: they stay far below 2⁵³.
            of_sessions[cells, i] = np.bincount(tool, weights=column).take(of_calls.keys[cells, 0])
    return Cells(of_calls.keys, np.column_stack((of_calls.counts, of_sessions)))


def _on_clock_steps(calls: ToolSequences, latencies: _Latencies) -> Cells:
    """Count the whole multiples of each step; what is a multiple of a coarse step is one of the finer ones too."""
    keys, counts = [np.zeros((0, 2), dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    latency_s, tool = calls.latency_s.copy(), calls.tool
    latency_s[latencies.others] = 0.0
    for i in reversed(range(len(CLOCK_STEPS_S))):
        rows = _multiples(latency_s, CLOCK_STEPS_S[i])
        latency_s, tool = latency_s.take(rows), tool.take(rows)
        cells = count_cells(tool)
        keys.append(np.column_stack((cells.keys, np.full(len(cells.counts), i))))
        counts.append(cells.counts)
    return sum_cells(np.concatenate(keys), np.concatenate(counts))


def _multiples(latency_s: FloatArray, step_s: float) -> IntArray:
    """Return the positions of the latencies that are a whole number of steps, at least one."""
    in_steps = latency_s / step_s
    is_multiple = in_steps > 0.5
    in_steps -= np.rint(in_steps)
    np.abs(in_steps, out=in_steps)
    is_multiple &= in_steps < _STEP_TOLERANCE
    return np.flatnonzero(is_multiple)


def _positions(names: tuple[str, ...], among: tuple[str, ...]) -> IntArray:
    position = {name: i for i, name in enumerate(among)}
    return np.array([position[name] for name in names], dtype=np.int64)
