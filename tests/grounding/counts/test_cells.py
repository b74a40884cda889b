from collections import Counter

import numpy as np
import pytest

from earthwire.grounding.counts.cells import add_groups, count_cells, sum_cells, sums_from


@pytest.mark.parametrize("high", [5, 2**40])
def test_counts_are_those_of_the_plain_loop(high: int) -> None:
    """With wide columns rows do not fit into one number, and are sorted as rows."""
    rng = np.random.default_rng(0)
    columns = [rng.integers(-high, high, 400) // (high // 3 + 1) * (high // 3 + 1) for _ in range(3)]
    expected = Counter(zip(*(column.tolist() for column in columns), strict=True))
    found = count_cells(*columns)
    assert [tuple(key) for key in found.keys.tolist()] == sorted(expected)
    assert found.counts.tolist() == [expected[key] for key in sorted(expected)]


@pytest.mark.parametrize("high", [5, 2**40])
def test_sums_are_added_up_key_by_key(high: int) -> None:
    rng = np.random.default_rng(1)
    keys = rng.integers(0, 4, (300, 3)) * high
    counts = rng.integers(0, 9, (300, 2))
    found = sum_cells(keys, counts)
    for key, total in zip(found.keys, found.counts, strict=True):
        np.testing.assert_array_equal(total, counts[(keys == key).all(axis=1)].sum(axis=0))
    assert found.counts.sum() == counts.sum()
    assert found.keys.tolist() == sorted(map(list, {tuple(key) for key in keys.tolist()}))


def test_only_the_rows_of_a_mask_are_counted() -> None:
    values = np.array([3, 3, 4, 5])
    found = count_cells(values, where=np.array([True, False, True, False]))
    assert (found.keys.tolist(), found.counts.tolist()) == ([[3], [4]], [1, 1])


def test_nothing_gives_no_cells() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert count_cells(nothing, nothing).keys.shape == (0, 2)
    assert sum_cells(np.zeros((0, 2), dtype=np.int64), np.zeros((0, 3), dtype=np.int64)).counts.shape == (
        0,
        3,
    )


def test_sums_by_differences_are_those_of_the_groups() -> None:
    values, starts = np.array([4, -1, 7, 0, 2]), np.array([0, 1, 4])
    assert sums_from(values, starts).tolist() == add_groups(values, starts).tolist() == [4, 6, 2]
    assert sums_from(values[:0], starts[:0]).tolist() == []
