"""Integer sums by integer keys: how counts are kept, made and added up.

A row of keys is packed into one whole number, since sorting numbers is many times as fast as sorting rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earthwire.traces.calls import IntArray

_KEY_MAX = 1 << 62


@dataclass(frozen=True, slots=True)
class Cells:
    """Integer sums by integer keys.

    Rows of `keys`, shape (n_cells, n_key_columns), are unique and sorted; `counts` has shape (n_cells,), or
    (n_cells, n_sums) where several things are summed.
    """

    keys: IntArray
    counts: IntArray

    def select(self, rows: npt.NDArray[np.bool_]) -> "Cells":
        """Return the cells of a mask."""
        return Cells(self.keys[rows], self.counts[rows])


def count_cells(*columns: npt.NDArray[np.integer]) -> Cells:
    """Count the distinct rows of integer columns of equal length."""
    packing = _packing(columns)
    if packing is None:
        keys = np.column_stack(columns)
        return _sum_rows(keys, np.ones(len(keys), dtype=np.int64))
    packed = np.sort(packing.pack(columns))
    starts = starts_of(packed)
    return Cells(packing.unpack(packed[starts]), np.diff(np.append(starts, len(packed))))


def sum_cells(keys: IntArray, counts: IntArray) -> Cells:
    """Add up the counts, shape (n,) or (n, n_sums), of equal rows of `keys`, shape (n, n_key_columns)."""
    columns = list(keys.T)
    packing = _packing(columns)
    if packing is None:
        return _sum_rows(keys, counts)
    packed = packing.pack(columns)
    order = np.argsort(packed)
    packed = packed[order]
    starts = starts_of(packed)
    return Cells(packing.unpack(packed[starts]), add_groups(counts[order], starts))


def starts_of(*columns: npt.NDArray[np.integer]) -> IntArray:
    """Return where a new value begins in columns that are sorted together."""
    begins = np.zeros(len(columns[0]), dtype=bool)
    begins[:1] = True
    for column in columns:
        begins[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(begins)


def add_groups(values: IntArray, starts: IntArray) -> IntArray:
    """Add up values, shape (n,) or (n, n_sums), from each start to the next."""
    if not len(starts):
        return np.zeros((0, *values.shape[1:]), dtype=np.int64)
    return np.asarray(np.add.reduceat(values, starts, axis=0), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Packing:
    """The least value and the number of values of each key column."""

    low: tuple[int, ...]
    width: tuple[int, ...]

    def pack(self, columns: Sequence[npt.NDArray[np.integer]]) -> IntArray:
        packed = np.zeros(len(columns[0]), dtype=np.int64)
        for column, low, width in zip(columns, self.low, self.width, strict=True):
            packed *= width
            packed += column
            packed -= low
        return packed

    def unpack(self, packed: IntArray) -> IntArray:
        columns = []
        for low, width in zip(self.low[::-1], self.width[::-1], strict=True):
            packed, column = np.divmod(packed, width)
            columns.append(column + low)
        return np.column_stack(columns[::-1])


def _packing(columns: Sequence[npt.NDArray[np.integer]]) -> _Packing | None:
    """Return how rows fit into one whole number; None where they do not."""
    if not len(columns[0]):
        return _Packing((0,) * len(columns), (1,) * len(columns))
    low = tuple(int(column.min()) for column in columns)
    width = tuple(int(column.max()) - least + 1 for column, least in zip(columns, low, strict=True))
    total = 1
    for values in width:
        total *= values
    return _Packing(low, width) if total < _KEY_MAX else None


def _sum_rows(keys: IntArray, counts: IntArray) -> Cells:
    order = np.lexsort(keys.T[::-1])
    keys = keys[order]
    starts = starts_of(*keys.T)
    return Cells(keys[starts], add_groups(counts[order], starts))
