"""Columns of Arrow as numpy arrays: strings as codes into a dictionary, integers as floats with NaN for null."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from earthwire.traces.call_columns import FloatArray

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
        return np.zeros(len(batch), dtype=np.int32), arrow.array([], "string")
    column = batch.column(name)
    if not hasattr(column, "indices"):
        column = column.dictionary_encode()
    indices = column.indices
    if indices.null_count:
        indices = indices.fill_null(len(column.dictionary))
    return indices.to_numpy(), column.dictionary


def numbers(batch: "pa.RecordBatch", name: str) -> FloatArray:
    """Return an integer column; NaN where it is null or not there."""
    if name not in batch.schema.names:
        return np.full(len(batch), np.nan)
    return np.asarray(plain(batch.column(name)).to_numpy(zero_copy_only=False), dtype=np.float64)


def plain(column: "pa.Array") -> "pa.Array":
    """Return a column without its dictionary, if it has one."""
    return column.dictionary_decode() if hasattr(column, "indices") else column
