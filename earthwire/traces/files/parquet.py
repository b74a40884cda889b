"""Parquet in and out: one column per field of the record, read and written in batches of bounded size.

A column that is missing is all unknown. pandas makes numbers with gaps doubles and keeps its row labels in a column:
doubles without fractions are read as integers, the labels are passed over. An HTTP status below 100 is unknown too:
browser exports write 0 or -2 for a request that was cancelled or failed.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec
import msgspec.inspect

from earthwire.traces.errors import BadLineHandler, TraceFileError, report_bad_line
from earthwire.traces.extras import install_command
from earthwire.traces.files.jsonl import FORMAT_NAME, FORMAT_VERSION
from earthwire.traces.files.whole_file import whole_file
from earthwire.traces.record import FIELDS, RecordError, TraceRecord, record_from_dict, record_to_dict

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

NAME = "Parquet"
CANNOT_TELL: tuple[str, ...] = ()
BATCH_ROWS = 4096
_ROW_GROUP_BATCHES = 32
"""Batches of one row group, about 131,000 rows: enough that reading does not spend its time on what is between them."""

STATUS_MIN = 100
"""Statuses below are none: browser exports say so in numbers."""

_STATUS = "http_response_status_code"
_HEADER = "http_response_header"
_MAGIC = b"PAR1"
_ROW_LABELS = re.compile(r"__index_level_\d+__")


def recognises(head: bytes) -> bool:
    """Tell by its first bytes whether a file is Parquet."""
    return head.startswith(_MAGIC)


def read_parquet(path: Path, on_bad_row: BadLineHandler | None = None) -> Iterator[TraceRecord]:
    """Yield the records of a Parquet file, in order.

    Args:
        path: the file.
        on_bad_row: called with the error of each row that is left out.

    Raises:
        TraceFileError: if pyarrow is not installed, the file is not Parquet, a column is unknown or of
            another type, or, without `on_bad_row`, at the first bad row.
    """
    with open_parquet(path) as file:
        check_columns(path, file.schema_arrow)
        row_number = 0
        fields = [name for name in file.schema_arrow.names if not _ROW_LABELS.fullmatch(name)]
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=fields):
            for row in with_integers(path, batch).to_pylist():
                row_number += 1
                try:
                    record = record_from_dict(cleaned_row(row))
                except RecordError as error:
                    bad_row = TraceFileError(path, f"row {row_number}: {error}")
                    bad_row.__cause__ = error
                    report_bad_line(bad_row, on_bad_row)
                    continue
                yield record


def write_parquet(records: Iterable[TraceRecord], path: Path) -> int:
    """Write records to a Parquet file (zstd); the file appears whole or not at all.

    Returns:
        The number of records written.

    Raises:
        TraceFileError: if pyarrow is not installed or the file cannot be written.
    """
    arrow, parquet = _pyarrow(path)
    schema = parquet_schema(arrow)
    count = 0
    try:
        with (
            whole_file(path) as partial,
            parquet.ParquetWriter(partial, schema, compression="zstd") as writer,
        ):
            batches = (arrow.RecordBatch.from_pylist(rows, schema=schema) for rows in _batches(records))
            while group := list(islice(batches, _ROW_GROUP_BATCHES)):
                writer.write_table(arrow.Table.from_batches(group))
                count += sum(map(len, group))
    except OSError as error:
        raise TraceFileError(path, f"cannot be written: {error.strerror or error}") from error
    return count


def _pyarrow(path: Path) -> tuple[ModuleType, ModuleType]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        problem = f"Parquet needs pyarrow; install it with: {install_command('parquet')}"
        raise TraceFileError(path, problem) from error
    return pyarrow, pyarrow.parquet


def keep_freed_memory() -> None:
    """Let Arrow, where it is installed, take memory from an allocator that is slow to return it to the kernel."""
    try:
        import pyarrow
    except ImportError:
        return
    if "jemalloc" in pyarrow.supported_memory_backends():
        pyarrow.set_memory_pool(pyarrow.jemalloc_memory_pool())


def open_parquet(path: Path, read_as_codes: Sequence[str] = ()) -> "pq.ParquetFile":
    """Open a file for reading.

    Args:
        path: the file.
        read_as_codes: string columns to read as codes into a dictionary.

    Raises:
        TraceFileError: if pyarrow is not installed or the file is not Parquet.
    """
    arrow, parquet = _pyarrow(path)
    try:
        return parquet.ParquetFile(path, read_dictionary=list(read_as_codes))
    except OSError as error:
        raise TraceFileError(path, f"cannot be read as Parquet: {error}") from error
    except arrow.ArrowInvalid as error:
        raise TraceFileError(path, f"not a whole Parquet file: {error}") from error


def _batches(records: Iterable[TraceRecord]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    for record in records:
        rows.append(record_to_dict(record))
        if len(rows) == BATCH_ROWS:
            yield rows
            rows = []
    if rows:
        yield rows


def cleaned_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as the fields of a record."""
    status = row.get(_STATUS)
    if status is not None and status < STATUS_MIN:
        row[_STATUS] = None
    if isinstance(row.get(_HEADER), list):
        row[_HEADER] = dict(row[_HEADER])
    return row


def with_integers(path: Path, batch: "pa.RecordBatch") -> "pa.RecordBatch":
    """Return a batch whose columns of integers are no doubles; what is not a number is null.

    Raises:
        TraceFileError: if such a column holds fractions.
    """
    import pyarrow as arrow
    import pyarrow.compute as compute

    kinds = _field_kinds()
    for i, column in enumerate(batch.schema):
        if kinds.get(column.name) != "integer" or not arrow.types.is_floating(column.type):
            continue
        values = batch.column(i)
        known = compute.if_else(compute.is_nan(values), None, values)
        try:
            batch = batch.set_column(i, column.name, known.cast(arrow.int64()))
        except arrow.ArrowInvalid as error:
            problem = (
                f"column {column.name} has type {column.type} and is not whole ({error}); expected integer"
            )
            raise TraceFileError(path, problem) from error
    return batch


def _field_kinds() -> dict[str, str]:
    """Map each field of the record to the kind of column that holds it."""
    info = msgspec.inspect.type_info(TraceRecord)
    assert isinstance(info, msgspec.inspect.StructType)
    return {field.name: _kind(field.type) for field in info.fields}


def _kind(kind: msgspec.inspect.Type) -> str:
    if isinstance(kind, msgspec.inspect.UnionType):
        kind = next(member for member in kind.types if not isinstance(member, msgspec.inspect.NoneType))
    match kind:
        case msgspec.inspect.LiteralType(values=values):
            return "integer" if isinstance(values[0], int) else "string"
        case msgspec.inspect.IntType():
            return "integer"
        case msgspec.inspect.FloatType():
            return "number"
        case msgspec.inspect.BoolType():
            return "boolean"
        case msgspec.inspect.ListType():
            return "list of integers"
        case msgspec.inspect.DictType():
            return "map of string lists"
    return "string"


def parquet_schema(arrow: ModuleType) -> "pa.Schema":
    """Return the columns of a file: one for each field of a record."""
    types = {
        "string": arrow.string(),
        "integer": arrow.int64(),
        "number": arrow.float64(),
        "boolean": arrow.bool_(),
        "list of integers": arrow.list_(arrow.int64()),
        "map of string lists": arrow.map_(arrow.string(), arrow.list_(arrow.string())),
    }
    metadata = {"format": FORMAT_NAME, "version": str(FORMAT_VERSION)}
    return arrow.schema([(name, types[kind]) for name, kind in _field_kinds().items()], metadata=metadata)


def check_columns(path: Path, schema: "pa.Schema") -> None:
    """Raise `TraceFileError` unless every column is a field of a record, and of its type."""
    kinds = _field_kinds()
    for column in schema:
        if _ROW_LABELS.fullmatch(column.name):
            continue
        if column.name not in kinds:
            near = difflib.get_close_matches(column.name, FIELDS, n=1)
            hint = f"did you mean {near[0]}?" if near else "the column `attributes` holds what has no field"
            raise TraceFileError(path, f"column {column.name} is not a field of a trace record; {hint}")
        if not _fits(column.type, kinds[column.name]):
            problem = f"column {column.name} has type {column.type}; expected {kinds[column.name]}"
            raise TraceFileError(path, problem)


def _fits(column_type: "pa.DataType", kind: str) -> bool:
    import pyarrow.types as types

    if types.is_null(column_type):
        return True
    if types.is_dictionary(column_type):
        column_type = column_type.value_type
    match kind:
        case "integer":
            return bool(types.is_integer(column_type) or types.is_floating(column_type))
        case "number":
            return bool(types.is_floating(column_type) or types.is_integer(column_type))
        case "boolean":
            return bool(types.is_boolean(column_type))
        case "list of integers":
            return bool(types.is_list(column_type) or types.is_large_list(column_type))
        case "map of string lists":
            return bool(types.is_map(column_type))
    return bool(types.is_string(column_type) or types.is_large_string(column_type))
