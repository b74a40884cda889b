import numpy as np
import pytest

from earthwire.traces.call_columns import columns_from_records
from earthwire.traces.calls import Calls, calls_from_records
from earthwire.traces.session_hashes import session_hashes
from earthwire.traces.session_order import ordered_calls
from tests.traces.test_call_store import columns_at, made_records


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
