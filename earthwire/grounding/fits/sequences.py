"""Fits how the latency of a call follows from the tool's earlier calls in its session; see `SequenceLaw`.

Calls are compared inside their session, so that sessions that are slow as a whole do not count as sessions of many
calls. What the number of earlier calls says, and what a fault before says, is kept only where it is beyond chance: the
errors of calls of one session hang together, so it is sessions that are counted (Liang and Zeger, "Longitudinal data
analysis using generalized linear models", 1986). A tool differs from the others as far as its own sessions bear that
out.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from earthwire.fault_models.laws.sequence import SequenceLaw
from earthwire.grounding.samples.rounding import rounded
from earthwire.traces.columns.calls import BoolArray, Calls, FloatArray, IntArray
from earthwire.traces.labels.outcome_kind import is_fault

SESSIONS_MIN = 20
"""Sessions that have to show a number of earlier calls, or a call after a fault, before anything is said of it."""
SIGNIFICANCE = 1e-3

_NODES_MAX = 8
_SESSION_CALLS_MAX = 50
"""Calls that one session weighs at most: the longest few are not to speak for all."""
_SCALE_CALLS = 30
"""Calls that the usual spread counts for beside those of a node."""
_CELL_WEIGHT_MAX = 20


@dataclass(frozen=True, slots=True)
class SequenceFit:
    """What earlier calls say.

    Attributes:
        laws: by tool code; empty where nothing is beyond chance.
        overall: of all tools together; None where nothing is beyond chance.
        free: normal score of each call without it, of mean 0 and variance 1, shape (n_calls,).
    """

    laws: dict[int, SequenceLaw]
    overall: SequenceLaw | None
    free: FloatArray


@dataclass(frozen=True, slots=True)
class _Past:
    """What came before each call, all of shape (n_calls,) but `around`.

    Attributes:
        session: position of its session, from 0 without gaps.
        earlier: calls of the same tool before it in the session.
        after_fault: whether the last of them was a fault.
        around: how near it is to each node, shape (n_calls, n_nodes); rows sum to 1.
    """

    session: IntArray
    earlier: IntArray
    after_fault: BoolArray
    around: FloatArray

    @classmethod
    def of(cls, calls: Calls) -> "_Past":
        _, session = np.unique(calls.session, return_inverse=True)
        order = calls.by_tool_in_session
        cell = session[order] * len(calls.tool_names) + calls.tool[order]
        goes_on = np.zeros(len(order), dtype=bool)
        goes_on[1:] = cell[1:] == cell[:-1]
        at = np.arange(len(order))
        earlier, after_fault = np.empty(len(order), dtype=np.int64), np.zeros(len(order), dtype=bool)
        earlier[order] = at - np.maximum.accumulate(np.where(goes_on, 0, at))
        faults = np.array([is_fault(name) for name in calls.kind_names])[calls.kind]
        after_fault[order[1:]] = faults[order[:-1]] & goes_on[1:]
        return cls(session, earlier, after_fault, _around_nodes(earlier, _node_count(session, earlier)))

    def without_position(self) -> "_Past":
        """Return the same with one node for all calls."""
        return _Past(self.session, self.earlier, self.after_fault, np.ones((len(self.session), 1)))

    def without_faults(self) -> "_Past":
        """Return the same as if no call had come after a fault."""
        return _Past(self.session, self.earlier, np.zeros_like(self.after_fault), self.around)

    @property
    def has_faults(self) -> bool:
        """Whether enough sessions have a call after a fault."""
        return len(np.unique(self.session[self.after_fault])) >= SESSIONS_MIN

    @property
    def columns(self) -> FloatArray:
        """What is regressed on: the nodes but the last, which the others are compared with, and the faults."""
        columns = self.around[:, :-1]
        return np.column_stack((columns, self.after_fault)) if self.has_faults else columns


def fit_sequences(calls: Calls, scores: FloatArray) -> SequenceFit:
    """Fit the laws of all tools.

    Args:
        calls: calls in session order.
        scores: normal score of each call, shape (n_calls,), of variance 1.
    """
    past = _beyond_chance(_Past.of(calls), scores)
    if not past.columns.shape[1]:
        return SequenceFit({}, None, scores)
    effects, _ = _within_sessions(past, scores)
    nodes = past.around.shape[1]
    pooled, fault_shift = np.append(effects[: nodes - 1], 0.0), float(effects[nodes - 1 :].sum())
    left = scores - past.around @ pooled - past.after_fault * fault_shift
    shifts = pooled + _departures(calls, past, _in_sessions(past.session, left))
    moved = (past.around * shifts[calls.tool]).sum(axis=1) + past.after_fault * fault_shift
    scales, fault_scale = _scales(past, _in_sessions(past.session, scores - moved))
    free = (scores - moved) / ((past.around @ scales) * np.where(past.after_fault, fault_scale, 1.0))
    deviation = float(free.std())

    def law(own_shifts: FloatArray, rows: IntArray | slice) -> SequenceLaw:
        return SequenceLaw(
            rounded(own_shifts, 4),
            rounded(scales * deviation, 4),
            rounded(past.around[rows].mean(axis=0), 4),
            round(fault_shift, 3),
            round(fault_scale, 3),
            round(float(past.after_fault[rows].mean()), 4),
        )

    laws = {tool: law(shifts[tool], rows) for tool, rows in calls.rows_by_tool.items()}
    return SequenceFit(laws, law(pooled, slice(None)), (free - free.mean()) / deviation)


def _node_count(session: IntArray, earlier: IntArray) -> int:
    """Return how many nodes there are: the last is one that enough sessions have come to."""
    longest = np.zeros(session.max() + 1, dtype=np.int64)
    np.maximum.at(longest, session, earlier)
    reached = [(longest >= (1 << i) - 1).sum() >= SESSIONS_MIN for i in range(1, _NODES_MAX)]
    return 1 + int(sum(reached))


def _around_nodes(earlier: IntArray, count: int) -> FloatArray:
    around = np.zeros((len(earlier), count))
    position = np.minimum(np.log2(earlier + 1), count - 1)
    below = np.minimum(position.astype(np.int64), max(count - 2, 0))
    rows = np.arange(len(earlier))
    around[rows, below] = 1.0 - (position - below)
    if count > 1:
        around[rows, below + 1] = position - below
    return around


def _beyond_chance(past: _Past, scores: FloatArray) -> _Past:
    """Return the past without what says nothing: the number of earlier calls, faults, both or neither."""
    if not past.has_faults:
        past = past.without_faults()
    positions = past.around.shape[1] - 1
    columns = past.columns.shape[1]
    if not columns:
        return past
    effects, covariance = _within_sessions(past, scores)
    if columns > positions and not _is_significant(effects[positions:], covariance[positions:, positions:]):
        past = past.without_faults()
    if positions and not _is_significant(effects[:positions], covariance[:positions, :positions]):
        past = past.without_position()
    return past


def _is_significant(effects: FloatArray, covariance: FloatArray) -> bool:
    """Tell whether effects are beyond chance, by Wald's test."""
    wald = float(effects @ np.linalg.pinv(covariance) @ effects)
    return bool(special.chdtrc(len(effects), wald) < SIGNIFICANCE)


def _within_sessions(past: _Past, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the least-squares effects of the columns inside sessions, and their covariance over sessions."""
    calls = np.bincount(past.session)
    root_weight = np.sqrt(np.minimum(1.0, _SESSION_CALLS_MAX / calls))[past.session]
    x = np.column_stack([_in_sessions(past.session, column) for column in past.columns.T])
    x *= root_weight[:, None]
    y = _in_sessions(past.session, scores) * root_weight
    inverse = np.linalg.pinv(x.T @ x)
    effects: FloatArray = inverse @ (x.T @ y)
    error = y - x @ effects
    of_session = np.column_stack([np.bincount(past.session, column * error) for column in x.T])
    return effects, inverse @ (of_session.T @ of_session) @ inverse


def _in_sessions(session: IntArray, values: FloatArray) -> FloatArray:
    """Return by how much each value is above the mean of its session."""
    means = np.bincount(session, values) / np.bincount(session)
    return np.asarray(values - means[session])


def _departures(calls: Calls, past: _Past, left: FloatArray) -> FloatArray:
    """Return by how much the shifts of each tool differ from the common ones, shape (n_tools, n_nodes).

    The means of a tool around a node scatter about those of all tools by what tools truly differ by and by the noise of
    few sessions; they are shrunk as the best guess of each (Efron and Morris 1973).

    Args:
        left: of each call's score inside its session, what the common shifts leave.
    """
    tools, nodes = len(calls.tool_names), past.around.shape[1]
    if nodes == 1:
        return np.zeros((tools, nodes))
    nearest = past.around.argmax(axis=1)
    cell = (calls.tool * nodes + nearest) * (past.session.max() + 1) + past.session
    cells, position, size = np.unique(cell, return_inverse=True, return_counts=True)
    mean_of_cell, kind = np.bincount(position, left) / size, cells // (past.session.max() + 1)
    count = np.bincount(kind, minlength=tools * nodes).astype(float)
    mean = np.bincount(kind, mean_of_cell, tools * nodes) / np.maximum(count, 1.0)
    scatter = ((mean_of_cell - mean[kind]) ** 2).sum() / max((count[count > 0] - 1).sum(), 1.0)
    calls_around = np.bincount(calls.tool * nodes + nearest, minlength=tools * nodes).reshape(tools, nodes)
    mean, count = mean.reshape(tools, nodes), count.reshape(tools, nodes)
    calls_of_tool = np.maximum(calls_around.sum(axis=1, keepdims=True), 1)
    mean -= (mean * calls_around).sum(axis=1, keepdims=True) / calls_of_tool
    noise = scatter / np.maximum(count, 1.0)
    weight = np.minimum(count, _CELL_WEIGHT_MAX)
    true_variance = max(float(((mean**2 - noise) * weight).sum() / weight.sum()), 0.0)
    shrunk: FloatArray = np.where(
        count > 0, mean * true_variance / np.maximum(true_variance + noise, 1e-12), 0.0
    )
    return shrunk


def _scales(past: _Past, left: FloatArray) -> tuple[FloatArray, float]:
    """Return the spread around each node over the usual one, and that after a fault over that otherwise."""
    squares = left**2
    usual = float(squares.mean())

    def spread(weight: FloatArray) -> float:
        return float(np.sqrt((weight @ squares / usual + _SCALE_CALLS) / (weight.sum() + _SCALE_CALLS)))

    scales = np.array([spread(column) for column in past.around.T])
    after = past.after_fault.astype(float)
    return scales, spread(after) / spread(1.0 - after) if after.any() else 1.0
