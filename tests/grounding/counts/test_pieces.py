from pathlib import Path

import numpy as np
import pytest

from earthwire.grounding.counts.gathered import gather
from earthwire.grounding.counts.pieces import count_piece
from earthwire.traces.columns.call_columns import CallColumns, columns_from_records
from earthwire.traces.columns.call_store import CallStore
from earthwire.traces.columns.session_census import SessionCensus, session_counts
from earthwire.traces.record import TraceRecord
from tests.grounding.counts.test_tally import assert_same
from tests.traces.columns.test_call_store import columns_at, made_records


def census_of(*parts: CallColumns) -> SessionCensus:
    return SessionCensus([session_counts([part.session]) for part in parts])


def counted_in(folder: Path, records: list[TraceRecord], parts: list[np.ndarray], sampled: int = 0):
    """Count records piece by piece, and what is kept at the end; with the number of calls that were kept."""
    folder.mkdir()
    store = CallStore(folder, "duration")
    columns = [columns_at(records, part) for part in parts]
    census, early = census_of(*columns), []
    for part in columns:
        counted = count_piece(part, census, sampled, "duration")
        store.add(part, counted.kept)
        early += [counted.counts] if counted.counts is not None else []
    kept = store.call_count
    return gather(store, sample_calls_max=10, counted=early, sampled_buckets=sampled).counts, kept


@pytest.mark.parametrize("sampled", [0, 32])
def test_counts_are_the_same_whether_sessions_are_counted_at_once_or_kept(
    tmp_path: Path, sampled: int
) -> None:
    records = made_records(600)
    whole, _ = counted_in(tmp_path / "all kept", records, [np.arange(600)], sampled=64)
    at_once, kept = counted_in(tmp_path / "at once", records, [np.arange(600)], sampled)
    assert_same(at_once, whole)
    assert kept < 600
    halves, kept = counted_in(tmp_path / "halves", records, [np.arange(300), np.arange(300, 600)], sampled)
    assert_same(halves, whole)
    assert kept == 600


def test_sessions_that_may_be_in_the_sample_are_kept() -> None:
    columns = columns_from_records(made_records(200))
    assert count_piece(columns, census_of(columns), 64, "duration").counts is None
    assert len(count_piece(columns, census_of(columns), 0, "duration").kept) == 0


def test_a_time_out_of_a_tool_that_may_answer_elsewhere_is_kept_with_its_session(tmp_path: Path) -> None:
    """In the second piece the tool answers: the time-out was a slow answer, whichever piece comes first."""
    cut = {"outcome": "timeout", "latency_censoring": "right", "latency_limit_ns": 10**9}
    records = [
        TraceRecord(tool="a", session_id="s0", seq=0, **cut),
        TraceRecord(tool="b", session_id="s0", seq=1, outcome="ok", duration_ns=5),
        TraceRecord(tool="b", session_id="s1", seq=0, outcome="ok", duration_ns=5),
        TraceRecord(tool="a", session_id="s2", seq=0, outcome="ok", duration_ns=10**8),
    ]
    first = columns_from_records(records[:3])
    assert count_piece(first, census_of(first), 0, "duration").kept.tolist() == [0, 1]
    parts = [np.arange(3), np.array([3])]
    for i, order in enumerate((parts, parts[::-1])):
        counts, kept = counted_in(tmp_path / str(i), records, order)
        assert kept == 2
        assert counts.censored.counts.sum() == 1
        assert_same(counts, counted_in(tmp_path / f"whole {i}", records, [np.arange(4)], sampled=64)[0])


def test_sessions_are_those_that_have_calls_in_the_piece() -> None:
    columns = columns_from_records(made_records(300)).take(np.arange(10))
    counted = count_piece(columns, census_of(columns), 0, "duration").counts
    assert counted is not None
    sessions = len(np.unique(columns.session.codes))
    assert sessions < len(columns.session.names)
    assert counted.session_count == sessions
