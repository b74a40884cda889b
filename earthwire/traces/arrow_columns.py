"""Columns of Arrow as numpy arrays: strings as codes into a dictionary, integers as floats with NaN for null."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from earthwire.traces.call_columns import FloatArray, IntArray

if TYPE_CHECKING:
    import pyarrow as pa

CodeArray = npt.NDArray[np.integer]


def names_and_codes(batch: "pa.RecordBatch", name: str, unknown: str) -> tuple[tuple[str, ...], CodeArray]:
    """Return a string column as names and codes; where it is null, or not there, it is `unknown`."""
    codes, dictionary = coded(batch, name)
    names = tuple(dictionary.to_pylist())
    return (names if _are_known(batch, name) else (*names, unknown)), codes


def _are_known(batch: "pa.RecordBatch", name: str) -> bool:
    return name in batch.schema.names and batch.column(name).null_count == 0


def coded(batch: "pa.RecordBatch", name: str) -> tuple[CodeArray, "pa.Array"]:
    """Return a string column as codes into a dictionary; where it is null, or not there, its code lies beyond it."""
    import pyarrow as arrow

    if name not in batch.schema.names:
        return np.zeros(len(batch), dtype=np.int32), arrow.nulls(0, "string")
    column = batch.column(name)
    if not hasattr(column, "indices"):
        column = column.dictionary_encode()
    return _filled(column.indices, len(column.dictionary)), column.dictionary


def numbers(batch: "pa.RecordBatch", name: str) -> FloatArray:
    """Return an integer column; NaN where it is null or not there."""
    if name not in batch.schema.names:
        return np.full(len(batch), np.nan)
    return _filled(plain(batch.column(name)).cast("float64", safe=False), np.nan)


def known_rows(column: "pa.Array") -> IntArray:
    """Return the positions at which a column is not null, rising."""
    return _positions(column.is_valid())


def rows_at(batch: "pa.RecordBatch", positions: IntArray) -> list[dict[str, Any]]:
    """Return the rows at some positions, by column name."""
    import pyarrow as arrow

    # A numpy array would be converted by what loads pandas; see `_filled`.
    buffer = arrow.py_buffer(np.ascontiguousarray(positions))
    indices = arrow.Array.from_buffers(arrow.int64(), len(positions), [None, buffer])
    rows: list[dict[str, Any]] = batch.take(indices).to_pylist()
    return rows


def plain(column: "pa.Array") -> "pa.Array":
    """Return a column without its dictionary, if it has one."""
    return column.dictionary_decode() if hasattr(column, "indices") else column


def _filled(column: "pa.Array", instead: float) -> npt.NDArray[Any]:
    """Return a column of numbers, with `instead` where it is null.

    Arrow's own `to_numpy` and `fill_null` load pandas where it is installed, which takes as long as to read a million
    rows.
    """
    import pyarrow as arrow

    if not column.null_count:
        return np.from_dlpack(column)
    values = column.buffers()[1]
    known = arrow.Array.from_buffers(column.type, len(column), [None, values], offset=column.offset)
    filled = np.from_dlpack(known).copy()
    filled[_positions(column.is_null())] = instead
    return filled


def _positions(mask: "pa.Array") -> IntArray:
    import pyarrow.compute as compute

    return np.asarray(np.from_dlpack(compute.indices_nonzero(mask)), dtype=np.int64)
