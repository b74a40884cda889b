import numpy as np
import pytest

from earthwire.traces.columns.call_columns import columns_from_records
from earthwire.traces.columns.calls import Calls, calls_from_records
from earthwire.traces.columns.session_hashes import session_hashes
from earthwire.traces.columns.session_order import mended_order, ordered_calls
from tests.traces.columns.test_call_store import columns_at, made_records


def named(calls: Calls) -> Calls:
    """Return calls with their sessions in the order of the hashes of their names."""
    order = np.argsort(session_hashes(calls.session_names))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return calls.select(np.argsort(place[calls.session], kind="stable"))


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_calls_are_in_the_order_of_the_records_however_they_come(seed: int | None) -> None:
    records = made_records(600)
    rows = np.arange(600) if seed is None else np.random.default_rng(seed).permutation(600)
    found = ordered_calls(columns_at(records, rows), np.arange(600), "duration")
    expected = named(calls_from_records(records))
    for name in ("tool", "kind", "latency_s", "first_byte_s", "censored", "start_s"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    assert (found.tool_names, found.kind_names) == (expected.tool_names, expected.kind_names)
    np.testing.assert_array_equal(found.first_of_session, expected.first_of_session)


def test_only_the_rows_asked_for_are_returned() -> None:
    records = made_records(300)
    columns = columns_from_records(records)
    of_one = np.flatnonzero(columns.session.codes == 2)
    assert ordered_calls(columns, of_one, "duration").session_count == 1
    assert len(ordered_calls(columns, of_one, "duration")) == len(of_one)
    assert len(ordered_calls(columns, np.zeros(0, dtype=np.int64), "duration")) == 0


@pytest.mark.parametrize("place_bits", [0, 60])
@pytest.mark.parametrize("places", [1, 4, 1_000])
def test_order_is_that_of_a_sort_by_all_columns(places: int, place_bits: int) -> None:
    """With few places many calls of a session agree in `seq`; with large ones they do not fit into one number."""
    rng = np.random.default_rng(places)
    session = np.sort(rng.integers(20, size=500))
    seq = rng.integers(places, size=500) * 2.0**place_bits
    start, latency_s = rng.integers(5, size=500).astype(np.float64), rng.permutation(500)
    found = mended_order(session, seq, start, lambda at: (latency_s[at],))
    assert found is not None
    np.testing.assert_array_equal(found, np.lexsort((latency_s, start, seq, session)))


def test_what_is_in_order_stays() -> None:
    session, seq = np.repeat([3, 7], 5), np.tile(np.arange(5.0), 2)
    assert mended_order(session, seq, np.zeros(10), lambda at: (at,)) is None
