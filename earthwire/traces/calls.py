"""Trace records as columns: what fitting and scoring need of a set of calls, in session order.

Kept apart from the package's face, because it needs numpy and the readers do not.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from earthwire.traces.outcome_kind import outcome_kind
from earthwire.traces.record import TraceRecord

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
LatencyMeasure = Literal["duration", "ttfb"]

_NO_SESSION = "(no session)"
_MOSTLY = 0.9
"""Where nearly as many total times are known as first ones, they are the latency: they tell both."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls in columns of equal length, shape (n_calls,), sorted by session and by order inside the session.

    Attributes:
        tool_names, session_names, kind_names: what the codes stand for.
        tool, session, kind: codes into those names.
        latency_s: seconds to the last byte, or to the first one where `measure` is ``ttfb``; NaN where unknown.
        first_byte_s: seconds to the first byte; NaN where unknown.
        censored: True where the call outlived its time limit: `latency_s` is a lower bound then (NaN: not even that).
        start_s: start time in seconds since the epoch; NaN where unknown.
        body_bytes: size of the response body; NaN where unknown.
        measure: which of the two latencies `latency_s` holds.
    """

    tool_names: tuple[str, ...]
    session_names: tuple[str, ...]
    kind_names: tuple[str, ...]
    tool: IntArray
    session: IntArray
    kind: IntArray
    latency_s: FloatArray
    first_byte_s: FloatArray
    censored: BoolArray
    start_s: FloatArray
    body_bytes: FloatArray
    measure: LatencyMeasure

    def __len__(self) -> int:
        return len(self.tool)

    def select(self, rows: BoolArray | IntArray) -> "Calls":
        """Return the calls at `rows` (a mask or positions), in the same order and under the same codes."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _COLUMNS})

    def with_latency(self) -> "Calls":
        """Return the calls whose latency is known and positive."""
        return self.select(self.latency_s > 0)

    def timed(self) -> "Calls":
        """Return the calls whose latency is known in full: positive, and not cut off by a time limit."""
        return self.select((self.latency_s > 0) & ~self.censored)

    def of_sessions(self, sessions: IntArray) -> "Calls":
        """Return the calls of these session codes."""
        return self.select(np.isin(self.session, sessions))

    @property
    def first_of_session(self) -> BoolArray:
        """True where a session begins, shape (n_calls,)."""
        first = np.ones(len(self), dtype=bool)
        first[1:] = self.session[1:] != self.session[:-1]
        return first

    @property
    def session_count(self) -> int:
        """Number of sessions that have a call here."""
        return len(np.unique(self.session))


_COLUMNS = ("tool", "session", "kind", "latency_s", "first_byte_s", "censored", "start_s", "body_bytes")


def calls_from_records(records: Iterable[TraceRecord]) -> Calls:
    """Gather trace records into columns.

    Records are sorted by session, then by `seq`, then by start time, then as they come.
    """
    rows = [_row(record) for record in records]
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * 10
    tool, session, kind, seq, start, duration, ttfb, censoring, limit, body = columns
    return assemble(
        tool=encode(tool),
        session=encode(session),
        kind=encode(kind),
        seq=_floats(seq),
        start_ns=_floats(start),
        duration_ns=_floats(duration),
        ttfb_ns=_floats(ttfb),
        censored=np.array([value in ("right", "right_unknown_limit") for value in censoring], dtype=bool),
        limit_ns=_floats(limit),
        body_bytes=_floats(body),
    )


def encode(values: Sequence[str]) -> tuple[tuple[str, ...], IntArray]:
    """Replace strings by codes: (sorted names, codes of shape (n,))."""
    if not len(values):
        return (), np.zeros(0, dtype=np.int64)
    names, codes = np.unique(np.asarray(values, dtype=object), return_inverse=True)
    return tuple(names.tolist()), codes.astype(np.int64)


def assemble(
    *,
    tool: tuple[tuple[str, ...], IntArray],
    session: tuple[tuple[str, ...], IntArray],
    kind: tuple[tuple[str, ...], IntArray],
    seq: FloatArray,
    start_ns: FloatArray,
    duration_ns: FloatArray,
    ttfb_ns: FloatArray,
    censored: BoolArray,
    limit_ns: FloatArray,
    body_bytes: FloatArray,
) -> Calls:
    """Build sorted `Calls` from columns in file order; NaN stands for unknown."""
    known_total, known_first = np.isfinite(duration_ns).sum(), np.isfinite(ttfb_ns).sum()
    measure: LatencyMeasure = "duration" if known_total >= _MOSTLY * known_first else "ttfb"
    latency_ns = duration_ns if measure == "duration" else ttfb_ns
    latency_ns = np.where(censored & ~(latency_ns > 0), limit_ns, latency_ns)
    order = np.lexsort((np.nan_to_num(start_ns), np.nan_to_num(seq), session[1]))
    return Calls(
        tool_names=tool[0],
        session_names=session[0],
        kind_names=kind[0],
        tool=tool[1][order],
        session=session[1][order],
        kind=kind[1][order],
        latency_s=latency_ns[order] / 1e9,
        first_byte_s=ttfb_ns[order] / 1e9,
        censored=censored[order],
        start_s=start_ns[order] / 1e9,
        body_bytes=body_bytes[order],
        measure=measure,
    )


def split_sessions(calls: Calls, rng: np.random.Generator) -> tuple[Calls, Calls]:
    """Split into two halves by session, never by row: a row split leaks the session and flatters every model."""
    sessions = np.unique(calls.session)
    rng.shuffle(sessions)
    half = len(sessions) // 2
    return calls.of_sessions(sessions[:half]), calls.of_sessions(sessions[half:])


def map_tools(calls: Calls, name_of: Callable[[str], str]) -> tuple[tuple[str, ...], IntArray]:
    """Group tools under coarser names: (names of the groups, group code of each call, shape (n_calls,))."""
    names, group_of_tool = encode([name_of(tool) for tool in calls.tool_names])
    return names, group_of_tool[calls.tool] if len(calls) else np.zeros(0, dtype=np.int64)


def _row(record: TraceRecord) -> tuple[Any, ...]:
    kind = outcome_kind(
        record.outcome,
        record.http_response_status_code,
        record.body_class,
        record.rpc_response_status_code,
        record.error_type,
    )
    return (
        record.tool,
        record.session_id or _NO_SESSION,
        kind,
        record.seq,
        record.start_time_unix_nano,
        record.duration_ns,
        record.ttfb_ns,
        record.latency_censoring,
        record.latency_limit_ns,
        record.http_response_body_size,
    )


def _floats(values: Sequence[int | None]) -> FloatArray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
