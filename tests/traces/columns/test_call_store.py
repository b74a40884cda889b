from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from earthwire.traces.columns.call_columns import CallColumns, columns_from_records
from earthwire.traces.columns.call_store import BUCKETS, CallStore
from earthwire.traces.columns.calls import Calls, calls_from_records, join_calls
from earthwire.traces.record import TraceRecord


def made_records(count: int, seed: int = 0) -> list[TraceRecord]:
    """Interleaved sessions; some records have no place, no start time, no latency, or are cut off."""
    rng = np.random.default_rng(seed)
    records = []
    for i in range(count):
        session = int(rng.integers(count // 20 + 1))
        is_cut = rng.random() < 0.05
        records.append(
            TraceRecord(
                tool=f"tool {rng.integers(5)}",
                session_id=f"session {session}" if session else None,
                seq=i if session % 3 else None,
                start_time_unix_nano=1_760_000_000_000_000_000 + i * 10**7 if session % 2 else None,
                duration_ns=None if is_cut else int(rng.integers(1, 10**9)),
                ttfb_ns=int(rng.integers(1, 10**8)) if rng.random() < 0.5 else None,
                latency_censoring="right" if is_cut else None,
                latency_limit_ns=10**9 if is_cut else None,
                outcome="timeout" if is_cut else ("ok" if rng.random() < 0.9 else "tool_error"),
            )
        )
    return records


def columns_at(records: list[TraceRecord], rows: np.ndarray) -> CallColumns:
    """Return the columns of some records, in the order given, with the positions that they have among all."""
    columns = columns_from_records([records[i] for i in rows.tolist()])
    return replace(columns, position=rows.astype(np.float64))


def stored(
    folder: Path, records: list[TraceRecord], parts: list[np.ndarray], held_max: int = 10**6
) -> CallStore:
    """Put records into a store, in parts that need not be in order."""
    store = CallStore(folder, "duration", calls_held_max=held_max)
    for part in parts:
        store.add(columns_at(records, part))
    return store


def all_calls(store: CallStore) -> Calls:
    parts, names = [], []
    for number in range(BUCKETS):
        calls, hashes = store.take(range(number, number + 1))
        parts.append(replace(calls, session=calls.session + len(names)))
        names += [store.session_name(hashed) for hashed in hashes.tolist()]
    return join_calls(parts, names)


def vars_of(calls: Calls) -> dict[str, object]:
    return {name: getattr(calls, name) for name in Calls.__dataclass_fields__}


def assert_same(a: Calls, b: Calls) -> None:
    for name, value in vars_of(a).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, getattr(b, name), err_msg=name)
        else:
            assert value == getattr(b, name), name


def test_the_buckets_together_hold_what_the_records_hold(tmp_path: Path) -> None:
    records = made_records(500)
    store = CallStore(tmp_path, "duration")
    store.add(columns_from_records(records))
    assert store.call_count == 500
    assert_same(all_calls(store), calls_from_records(records))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("held_max", [10**6, 100])
def test_neither_order_nor_parts_nor_files_change_what_is_handed_out(tmp_path: Path, held_max: int) -> None:
    records = made_records(500, seed=1)
    order = np.random.default_rng(2).permutation(500)
    store = stored(tmp_path, records, np.array_split(order, 7), held_max)
    assert bool(list(tmp_path.iterdir())) == (held_max == 100)
    assert_same(all_calls(store), calls_from_records(records))
    assert list(tmp_path.iterdir()) == []


def test_calls_of_one_place_and_time_are_ordered_by_what_they_hold(tmp_path: Path) -> None:
    records = [
        TraceRecord(tool=tool, session_id="s", seq=1, duration_ns=duration_ns, outcome="ok")
        for tool, duration_ns in (("b", 2), ("a", 3), ("b", 1))
    ]
    for i, order in enumerate(([0, 1, 2], [2, 0, 1])):
        folder = tmp_path / str(i)
        folder.mkdir()
        calls = all_calls(stored(folder, records, [np.array(order)]))
        assert [calls.tool_names[code] for code in calls.tool] == ["a", "b", "b"]
        assert calls.latency_s.tolist() == [3e-9, 1e-9, 2e-9]


def test_a_session_lies_in_one_bucket_and_sessions_are_in_the_order_of_their_hashes(tmp_path: Path) -> None:
    store = CallStore(tmp_path, "duration")
    store.add(columns_from_records(made_records(500)))
    found = np.concatenate([store.take(range(number, number + 1))[1] for number in range(BUCKETS)])
    assert (found[1:] > found[:-1]).all()


def test_tools_that_answer_are_those_with_an_ok_call_that_ended(tmp_path: Path) -> None:
    store = CallStore(tmp_path, "duration")
    store.add(
        columns_from_records(
            [
                TraceRecord(tool="a", outcome="ok", duration_ns=5),
                TraceRecord(tool="b", outcome="ok"),
                TraceRecord(tool="c", outcome="timeout", duration_ns=5),
                TraceRecord(tool="d", outcome="ok", duration_ns=5, latency_censoring="right"),
            ]
        )
    )
    assert store.answering_tools == {"a"}


def test_start_times_are_noted_where_they_are_known(tmp_path: Path) -> None:
    store = CallStore(tmp_path, "duration")
    store.add(columns_from_records([TraceRecord(tool="a")]))
    assert not np.isfinite(store.first_start_ns)
    store.add(columns_from_records([TraceRecord(tool="a", start_time_unix_nano=n) for n in (7, 5)]))
    assert (store.first_start_ns, store.last_start_ns) == (5, 7)
