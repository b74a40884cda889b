"""Integer sums by integer keys: how counts are kept, made and added up.

A row of keys is packed into one whole number, since sorting numbers is many times as fast as sorting rows, and where
few numbers are possible they need no sorting at all.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earthwire.traces.columns.calls import BoolArray, IntArray

_NUMBERS_MAX = 1 << 62
_DENSE_MIN = 1 << 12
_DENSE_FACTOR = 4


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

    def pairs(self) -> Iterator[tuple[list[int], int]]:
        """Yield the keys and the sum of each cell, where one thing is summed."""
        return zip(self.keys.tolist(), self.counts.tolist(), strict=True)


def count_cells(*columns: npt.NDArray[np.integer], where: BoolArray | None = None) -> Cells:
    """Count the distinct rows of integer columns of equal length, or those of a mask."""
    packing = packing_of(columns)
    if packing is None:
        keys = np.column_stack(columns) if where is None else np.column_stack(columns)[where]
        return _sum_rows(keys, np.ones(len(keys), dtype=np.int64))
    packed = packing.pack(columns)
    packed = packed if where is None else packed[where]
    found, counts = count_numbers(packed, packing.end)
    return Cells(packing.unpack(found), counts)


def count_numbers(numbers: IntArray, end: int) -> tuple[IntArray, IntArray]:
    """Count the distinct values of whole numbers from 0 to before `end`: (values, rising; how often each comes)."""
    if _are_few(end, len(numbers)):
        all_counts = np.bincount(numbers)
        found = np.flatnonzero(all_counts)
        return found, all_counts[found]
    numbers = np.sort(numbers)
    starts = starts_of(numbers)
    return numbers[starts], np.diff(np.append(starts, len(numbers)))


def sum_cells(keys: IntArray, counts: IntArray) -> Cells:
    """Add up the counts, shape (n,) or (n, n_sums), of equal rows of `keys`, shape (n, n_key_columns)."""
    columns = list(keys.T)
    packing = packing_of(columns)
    if packing is None:
        return _sum_rows(keys, counts)
    packed = packing.pack(columns)
    if counts.ndim == 1 and _are_few(packing.end, len(packed)):
        return Cells(*_sum_numbers(packing, packed, counts))
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


def sums_from(values: IntArray, starts: IntArray) -> IntArray:
    """Add up values, shape (n,), from each start to the next, as `add_groups` does: faster for short groups."""
    before = np.concatenate(([0], np.cumsum(values)))
    return np.asarray(np.diff(before.take(np.append(starts, len(values)))))


@dataclass(frozen=True, slots=True)
class Packing:
    """Rows of integers as single whole numbers in the same order.

    Attributes:
        low: least value of each column.
        size: how many values each column may have from there on.
    """

    low: tuple[int, ...]
    size: tuple[int, ...]

    @property
    def end(self) -> int:
        """The number after the greatest one."""
        return math.prod(self.size)

    def pack(self, columns: Sequence[npt.NDArray[np.integer]]) -> IntArray:
        """Return the number of each row, shape (n,)."""
        packed = columns[0] - np.int64(self.low[0])
        for column, low, size in zip(columns[1:], self.low[1:], self.size[1:], strict=True):
            packed *= size
            packed += column
            if low:
                packed -= low
        return packed

    def unpack(self, packed: IntArray) -> IntArray:
        """Return the rows of numbers, shape (n, n_columns)."""
        rows = np.empty((len(packed), len(self.low)), dtype=np.int64)
        for i in reversed(range(len(self.low))):
            packed, rows[:, i] = np.divmod(packed, self.size[i])
            rows[:, i] += self.low[i]
        return rows


def packing_of(columns: Sequence[npt.NDArray[np.integer]]) -> Packing | None:
    """Return how rows of these columns fit into one whole number; None where they do not."""
    if not len(columns[0]):
        return Packing((0,) * len(columns), (1,) * len(columns))
    low = tuple(int(column.min()) for column in columns)
    size = tuple(int(column.max()) - least + 1 for column, least in zip(columns, low, strict=True))
    packing = Packing(low, size)
    return packing if packing.end <= _NUMBERS_MAX else None


def _are_few(end: int, count: int) -> bool:
    """Tell whether an array of all possible numbers is not many times as long as the column."""
    return end <= max(_DENSE_MIN, _DENSE_FACTOR * count)


def _sum_numbers(packing: Packing, packed: IntArray, counts: IntArray) -> tuple[IntArray, IntArray]:
    """Add up the counts of equal numbers; as floats, which hold them exactly up to 2⁵³."""
    found = np.flatnonzero(np.bincount(packed))
    totals = np.bincount(packed, weights=counts).take(found)
    return packing.unpack(found), totals.astype(np.int64)


def _sum_rows(keys: IntArray, counts: IntArray) -> Cells:
    order = np.lexsort(keys.T[::-1])
    keys = keys[order]
    starts = starts_of(*keys.T)
    return Cells(keys[starts], add_groups(counts[order], starts))
