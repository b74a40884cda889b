"""Integer sums by integer keys: how counts are kept, made and added up.

A row of keys is packed into one whole number, since sorting numbers is many times as fast as sorting rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earthwire.traces.calls import BoolArray, IntArray

_KEY_BITS = 62
_DENSE_MIN = 1 << 12
_DENSE_FACTOR = 4
"""Numbers are counted in an array of all possible ones while that is not many times as long as the column."""


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


def count_cells(*columns: npt.NDArray[np.integer], where: BoolArray | None = None) -> Cells:
    """Count the distinct rows of integer columns of equal length, or those of a mask."""
    packing = packing_of(columns)
    if packing is None:
        keys = np.column_stack(columns) if where is None else np.column_stack(columns)[where]
        return _sum_rows(keys, np.ones(len(keys), dtype=np.int64))
    packed = packing.pack(columns)
    packed = packed if where is None else packed[where]
    found, counts = count_numbers(packed, 1 << sum(packing.bits))
    return Cells(packing.unpack(found), counts)


def count_numbers(numbers: IntArray, end: int) -> tuple[IntArray, IntArray]:
    """Count the distinct values of whole numbers from 0 to before `end`: (values, rising; how often each comes)."""
    if end <= max(_DENSE_MIN, _DENSE_FACTOR * len(numbers)):
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
class Packing:
    """Rows of integers as single whole numbers in the same order.

    Attributes:
        low: least value of each column.
        bits: that the values of each column need above it.
    """

    low: tuple[int, ...]
    bits: tuple[int, ...]

    def pack(self, columns: Sequence[npt.NDArray[np.integer]]) -> IntArray:
        """Return the number of each row, shape (n,)."""
        packed = np.zeros(len(columns[0]), dtype=np.int64)
        for column, low, bits in zip(columns, self.low, self.bits, strict=True):
            packed <<= bits
            packed += column
            if low:
                packed -= low
        return packed

    def unpack(self, packed: IntArray) -> IntArray:
        """Return the rows of numbers, shape (n, n_columns)."""
        rows = np.empty((len(packed), len(self.low)), dtype=np.int64)
        for i in reversed(range(len(self.low))):
            rows[:, i] = (packed & ((1 << self.bits[i]) - 1)) + self.low[i]
            packed = packed >> self.bits[i]
        return rows


def packing_of(columns: Sequence[npt.NDArray[np.integer]]) -> Packing | None:
    """Return how rows of these columns fit into one whole number; None where they do not."""
    if not len(columns[0]):
        return Packing((0,) * len(columns), (0,) * len(columns))
    low = tuple(int(column.min()) for column in columns)
    bits = tuple((int(column.max()) - least).bit_length() for column, least in zip(columns, low, strict=True))
    return Packing(low, bits) if sum(bits) <= _KEY_BITS else None


def _sum_rows(keys: IntArray, counts: IntArray) -> Cells:
    order = np.lexsort(keys.T[::-1])
    keys = keys[order]
    starts = starts_of(*keys.T)
    return Cells(keys[starts], add_groups(counts[order], starts))
