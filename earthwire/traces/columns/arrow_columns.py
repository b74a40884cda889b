"""Columns of Arrow as numpy arrays: strings as codes into a dictionary, integers as floats with NaN for null."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from earthwire.traces.columns.call_columns import BoolArray, FloatArray, IntArray

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
    codes = _values(column.indices)
    if column.indices.null_count:
        codes = np.where(is_known(column.indices), codes, codes.dtype.type(len(column.dictionary)))
    return codes, column.dictionary


def numbers(batch: "pa.RecordBatch", name: str) -> FloatArray:
    """Return an integer column; NaN where it is null or not there."""
    if name not in batch.schema.names:
        return np.full(len(batch), np.nan)
    column = plain(batch.column(name))
    values = _values(column).astype(np.float64)
    if column.null_count:
        np.copyto(values, np.nan, where=~is_known(column))
    return values


def is_known(column: "pa.Array") -> BoolArray:
    """Tell where a column is not null, shape (n,)."""
    bits = column.buffers()[0]
    if bits is None:
        return np.ones(len(column), dtype=bool)
    of_rows = np.unpackbits(np.frombuffer(bits, dtype=np.uint8), bitorder="little").view(bool)
    return of_rows[column.offset : column.offset + len(column)]


def rows_at(batch: "pa.RecordBatch", positions: IntArray) -> list[dict[str, Any]]:
    """Return the rows at some positions, by column name."""
    import pyarrow as arrow

    # A numpy array would be converted by what loads pandas; see `_values`.
    buffer = arrow.py_buffer(np.ascontiguousarray(positions))
    indices = arrow.Array.from_buffers(arrow.int64(), len(positions), [None, buffer])
    rows: list[dict[str, Any]] = batch.take(indices).to_pylist()
    return rows


def plain(column: "pa.Array") -> "pa.Array":
    """Return a column without its dictionary, if it has one."""
    return column.dictionary_decode() if hasattr(column, "indices") else column


def _values(column: "pa.Array") -> npt.NDArray[Any]:
    """Return a column of numbers, without copying it; where it is null, anything.

    Arrow's own `to_numpy` and `fill_null` load pandas where it is installed, which takes as long as to read a million
    rows.
    """
    import pyarrow as arrow

    buffers = [None, column.buffers()[1]]
    return np.from_dlpack(arrow.Array.from_buffers(column.type, len(column), buffers, offset=column.offset))
