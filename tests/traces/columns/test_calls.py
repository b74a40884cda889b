import numpy as np

from tests.grounding.synthetic import calls_of, make_calls


def test_rows_are_those_of_each_tool_in_order() -> None:
    calls = make_calls(sessions=60, noise_sd=1.0)
    found = calls.rows_by_tool
    assert found.keys() == {0, 1, 2, 3}
    for tool, rows in found.items():
        assert np.array_equal(calls.latency_s.take(rows), calls.latency_s[calls.tool == tool])
        assert np.all(np.diff(rows) > 0)


def test_no_calls_have_no_rows() -> None:
    assert calls_of(["a"], ["s"], ["ok"], np.array([1.0])).select(np.zeros(1, dtype=bool)).rows_by_tool == {}
