"""Parquet straight into columns: reads only what fitting needs, row group by row group, without making records.

Rows are checked like records: where a batch holds a value that no record may have, its bad rows are told or left out as
`read_parquet` does. Columns that are not read are not checked.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np

from earthwire.traces.columns.arrow_columns import (
    CodeArray,
    coded,
    is_known,
    names_and_codes,
    numbers,
    plain,
    rows_at,
)
from earthwire.traces.columns.call_columns import (
    CUT_OFF,
    NO_SESSION,
    BoolArray,
    CallColumns,
    Coded,
    CodedSessions,
    FloatArray,
    IntArray,
)
from earthwire.traces.columns.parquet_sessions import SessionColumn
from earthwire.traces.columns.row_pieces import PIECE_ROWS
from earthwire.traces.columns.session_hashes import session_hashes
from earthwire.traces.errors import BadLineHandler, TraceFileError, report_bad_line
from earthwire.traces.files.parquet import STATUS_MIN, check_columns, cleaned_row, open_parquet, with_integers
from earthwire.traces.labels.outcome_kind import outcome_kind
from earthwire.traces.record import (
    BODY_CLASSES,
    OUTCOMES,
    Censoring,
    RecordError,
    TraceRecord,
    record_from_dict,
)

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH_ROWS = PIECE_ROWS
RUN_ROWS = 1 << 20
"""Rows that are read at a stretch."""

_STATUS = "http_response_status_code"
_STATUS_MAX = 999
_METHOD = "mcp_method_name"

_NAMES = (
    "tool",
    "session_id",
    "latency_censoring",
    "outcome",
    "body_class",
    "rpc_response_status_code",
    "error_type",
)
_NUMBERS = ("seq", "start_time_unix_nano", "duration_ns", "ttfb_ns", "latency_limit_ns", _STATUS)
_PAYLOAD = (
    "chunk_count",
    "chunk_gaps_ns",
    "content_type",
    "declared_content_length",
    "error_message",
    "http_response_body_size",
    "http_response_header",
    "response_body",
    "response_body_encoding",
    "response_body_truncated",
    "retry_after_s",
    "stream",
    "url_full",
    "url_template",
)
_READ_AS_CODES = (*_NAMES, _METHOD, "content_type", "error_message", "response_body", "url_template")
_ALLOWED = {"latency_censoring": get_args(Censoring), "outcome": OUTCOMES, "body_class": BODY_CLASSES}
_REFINED = ("http_error", "rpc_error", "malformed", "semantic_error")
"""Outcomes whose kind depends on other columns."""
_SPEAKING = ("response_body", "http_response_header", "error_type", "chunk_count", "chunk_gaps_ns", "stream")
"""Columns that make even an ``ok`` row say something of payloads."""

ChooseRows = Callable[[CallColumns], BoolArray]
"""Tells which calls' records are wanted, shape (n_calls,)."""
WantsMethod = Callable[[str], bool]
"""Tells whether requests of a method of MCP are wanted."""


@dataclass(frozen=True, slots=True)
class ParquetShape:
    """What a file's footer tells.

    Attributes:
        path: the file.
        row_counts: of each row group.
        known_total, known_first: rows whose time to the last and to the first byte is known.
        columns: columns that hold anything.
    """

    path: Path
    row_counts: tuple[int, ...]
    known_total: int
    known_first: int
    columns: tuple[str, ...]

    @property
    def row_count(self) -> int:
        """Rows of the file."""
        return sum(self.row_counts)

    def runs(self) -> list[range]:
        """Return the row groups in runs of at most `RUN_ROWS` rows, or of one row group."""
        runs: list[range] = []
        rows = 0
        for group, count in enumerate(self.row_counts):
            rows += count
            if not runs or rows > RUN_ROWS:
                runs.append(range(group, group + 1))
                rows = count
            else:
                runs[-1] = range(runs[-1].start, group + 1)
        return runs


@dataclass(frozen=True, slots=True)
class ParquetBlock:
    """One batch of rows.

    Attributes:
        calls: its good rows, in columns.
        records: those of them that were chosen.
        row_count: rows that were read, good or bad.
        left_out: good rows that were not wanted, by method of MCP.
    """

    calls: CallColumns
    records: list[TraceRecord]
    row_count: int
    left_out: Counter[str]


def parquet_shape(path: Path) -> ParquetShape:
    """Read the footer of a file.

    Raises:
        TraceFileError: as `read_parquet` does.
    """
    with open_parquet(path) as file:
        check_columns(path, file.schema_arrow)
        groups = range(file.metadata.num_row_groups)
        known = {name: _known_count(file, name) for name in file.schema_arrow.names}
        return ParquetShape(
            path=path,
            row_counts=tuple(file.metadata.row_group(i).num_rows for i in groups),
            known_total=known.get("duration_ns", 0),
            known_first=known.get("ttfb_ns", 0),
            columns=tuple(name for name, count in known.items() if count),
        )


def read_row_groups(
    shape: ParquetShape,
    groups: range,
    first_position: int,
    choose: ChooseRows,
    on_bad_row: BadLineHandler | None = None,
    wants_method: WantsMethod | None = None,
) -> Iterator[ParquetBlock]:
    """Yield the rows of some row groups in batches; several runs may be read at once, each in a thread of its own.

    Args:
        shape: of the file.
        groups: numbers of the row groups.
        first_position: position of the first row of the file.
        choose: tells which rows' records are wanted, with what payloads need; ``ok`` rows that hold nothing of that
            kind are never made records.
        on_bad_row: called with the error of each row that is left out.
        wants_method: tells which requests of MCP are wanted; None for all.

    Raises:
        TraceFileError: without `on_bad_row`, at the first bad row.
    """
    wanted = [name for name in (*_NAMES, _METHOD, *_NUMBERS, *_PAYLOAD) if name in shape.columns]
    first_row = sum(shape.row_counts[: groups.start])
    with open_parquet(shape.path, [name for name in _READ_AS_CODES if name in wanted]) as file:
        sessions = SessionColumn()
        for batch in file.iter_batches(
            BATCH_ROWS, row_groups=list(groups), columns=wanted, use_threads=False
        ):
            batch = with_integers(shape.path, batch)
            rows = np.arange(first_row, first_row + len(batch))
            first_row += len(batch)
            good = _good_rows(shape.path, batch, rows, on_bad_row)
            wanted_rows, left_out = _wanted_rows(batch, good, wants_method)
            if not wanted_rows.all():
                batch, rows = batch.filter(wanted_rows), rows[wanted_rows]
            calls = _columns(batch, sessions, (first_position + rows).astype(np.float64))
            yield ParquetBlock(calls, _chosen_records(batch, calls, choose), len(good), left_out)


def read_sessions(
    shape: ParquetShape, groups: range, wants_method: WantsMethod | None = None
) -> Iterator[CodedSessions]:
    """Yield the sessions alone of some row groups, in batches of rows, the bad ones included.

    Rows whose method of MCP is not wanted have the code -1.
    """
    if "session_id" not in shape.columns:
        rows = sum(shape.row_counts[groups.start : groups.stop])
        yield CodedSessions((NO_SESSION,), np.zeros(rows, dtype=np.int32), session_hashes((NO_SESSION,)))
        return
    columns = _with_method(shape, wants_method, "session_id")
    with open_parquet(shape.path, columns) as file:
        sessions = SessionColumn()
        for batch in file.iter_batches(
            BATCH_ROWS, row_groups=list(groups), columns=columns, use_threads=False
        ):
            found = sessions.read(batch)
            is_wanted = _method_is_wanted(batch, wants_method)
            if is_wanted is not None:
                found = replace(found, codes=np.where(is_wanted, found.codes, -1))
            yield found


def unwanted_count(shape: ParquetShape, wants_method: WantsMethod) -> int:
    """Return how many rows of a file are requests of MCP that are not wanted, the bad ones included."""
    columns = _with_method(shape, wants_method)
    if not columns:
        return 0
    with open_parquet(shape.path, columns) as file:
        count = 0
        for batch in file.iter_batches(BATCH_ROWS, columns=columns, use_threads=False):
            is_wanted = _method_is_wanted(batch, wants_method)
            count += 0 if is_wanted is None else int((~is_wanted).sum())
        return count


def _with_method(shape: ParquetShape, wants_method: WantsMethod | None, *columns: str) -> list[str]:
    """Return columns, and that of methods where it tells rows that are wanted from others."""
    return [*columns, *([_METHOD] if wants_method is not None and _METHOD in shape.columns else [])]


def _method_is_wanted(batch: "pa.RecordBatch", wants_method: WantsMethod | None) -> BoolArray | None:
    """Tell which rows are wanted by their method, shape (n_rows,); None where all are."""
    if wants_method is None or _METHOD not in batch.schema.names:
        return None
    names, codes = names_and_codes(batch, _METHOD, "")
    is_wanted = np.array([not name or wants_method(name) for name in names], dtype=bool)
    return None if is_wanted.all() else is_wanted.take(codes)


def _known_count(file: "pq.ParquetFile", name: str) -> int:
    """Return how many values of a column are known; where the footer does not tell, they are counted."""
    leaf = next(i for i in range(len(file.schema)) if file.schema.column(i).path.split(".")[0] == name)
    total = 0
    for i in range(file.metadata.num_row_groups):
        chunk = file.metadata.row_group(i).column(leaf)
        statistics = chunk.statistics
        if statistics is not None and statistics.has_null_count:
            total += chunk.num_values - statistics.null_count
        else:
            column = file.read_row_group(i, columns=[name]).column(0)
            total += len(column) - column.null_count
    return total


def _good_rows(
    path: Path, batch: "pa.RecordBatch", rows: IntArray, on_bad_row: BadLineHandler | None
) -> BoolArray:
    """Return which rows hold what a record may hold; only those that look bad are looked at one by one."""
    good = np.ones(len(batch), dtype=bool)
    for i in np.flatnonzero(_looks_bad(batch)).tolist():
        try:
            record_from_dict(cleaned_row(batch.slice(i, 1).to_pylist()[0]))
        except RecordError as error:
            bad_row = TraceFileError(path, f"row {rows[i] + 1}: {error}")
            bad_row.__cause__ = error
            report_bad_line(bad_row, on_bad_row)
            good[i] = False
    return good


def _wanted_rows(
    batch: "pa.RecordBatch", good: BoolArray, wants_method: WantsMethod | None
) -> tuple[BoolArray, Counter[str]]:
    """Return which good rows are wanted, and how many are not, by method of MCP."""
    is_wanted = _method_is_wanted(batch, wants_method)
    if is_wanted is None:
        return good, Counter()
    names, codes = names_and_codes(batch, _METHOD, "")
    left_out = Counter[str]()
    for code, count in enumerate(np.bincount(codes[good & ~is_wanted], minlength=len(names)).tolist()):
        if count:
            left_out[names[code]] += count
    return good & is_wanted, left_out


def _looks_bad(batch: "pa.RecordBatch") -> BoolArray:
    bad = np.zeros(len(batch), dtype=bool)
    names, tool = names_and_codes(batch, "tool", "")
    if not all(names):
        bad |= np.array([not name for name in names], dtype=bool).take(tool)
    for field, allowed in _ALLOWED.items():
        names, codes = names_and_codes(batch, field, allowed[0])
        wrong = np.array([name not in allowed for name in names], dtype=bool)
        if wrong.any():
            bad |= wrong[codes]
    for field in _NUMBERS:
        low, high = _range(batch, field)
        if field == _STATUS and high > _STATUS_MAX:
            bad |= numbers(batch, field) > _STATUS_MAX
        elif field != _STATUS and low < 0:
            bad |= numbers(batch, field) < 0
    return bad


def _range(batch: "pa.RecordBatch", name: str) -> tuple[int, int]:
    """Return the least and the greatest value of an integer column; zeros where nothing is known."""
    import pyarrow.compute as compute

    if name not in batch.schema.names:
        return 0, 0
    found = compute.min_max(plain(batch.column(name))).as_py()
    return found["min"] or 0, found["max"] or 0


def _columns(batch: "pa.RecordBatch", sessions: SessionColumn, position: FloatArray) -> CallColumns:
    tool, tools = coded(batch, "tool")
    censoring_names, censoring = names_and_codes(batch, "latency_censoring", "none")
    return CallColumns(
        tool=Coded(tuple(tools.to_pylist()), tool),
        session=sessions.read(batch),
        kind=_kinds(batch),
        seq=numbers(batch, "seq"),
        start_ns=numbers(batch, "start_time_unix_nano"),
        duration_ns=numbers(batch, "duration_ns"),
        ttfb_ns=numbers(batch, "ttfb_ns"),
        limit_ns=numbers(batch, "latency_limit_ns"),
        censored=np.array([name in CUT_OFF for name in censoring_names], dtype=bool).take(censoring),
        position=position,
    )


def _kinds(batch: "pa.RecordBatch") -> Coded:
    """Return the outcome kinds: those that depend on the outcome alone from a table, the others one by one."""
    outcomes, outcome = names_and_codes(batch, "outcome", "unknown")
    kinds: dict[str, int] = {}
    plain = [-1 if name in _REFINED else kinds.setdefault(name, len(kinds)) for name in outcomes]
    kind = np.array(plain, dtype=np.int32).take(outcome)
    rows = np.flatnonzero(kind < 0)
    if not len(rows):
        return Coded(tuple(kinds), kind)
    status = numbers(batch, _STATUS)[rows]
    columns: list[CodeArray] = [outcome[rows], np.where(status >= STATUS_MIN, status, 0).astype(np.int64)]
    names: list[tuple[str, ...]] = []
    for field in ("body_class", "rpc_response_status_code", "error_type"):
        of_field, codes = names_and_codes(batch, field, "")
        names.append(of_field)
        columns.append(codes[rows])
    width = (len(outcomes), _STATUS_MAX + 1, *map(len, names))
    combined, first, which = np.unique(
        np.ravel_multi_index(columns, width), return_index=True, return_inverse=True
    )
    refined = np.empty(len(combined), dtype=np.int32)
    for i, row in enumerate(first.tolist()):
        told = [of_field[codes[row]] or None for of_field, codes in zip(names, columns[2:], strict=True)]
        name = outcome_kind(outcomes[columns[0][row]], int(columns[1][row]) or None, *told)
        refined[i] = kinds.setdefault(name, len(kinds))
    kind[rows] = refined[which]
    return Coded(tuple(kinds), kind)


def _chosen_records(batch: "pa.RecordBatch", calls: CallColumns, choose: ChooseRows) -> list[TraceRecord]:
    """Return the records of the rows that say something of payloads, as far as they are chosen."""
    speaks = np.array([name != "ok" for name in calls.kind.names], dtype=bool).take(calls.kind.codes)
    for field in _SPEAKING:
        if field in batch.schema.names and batch.column(field).null_count < len(batch):
            speaks |= is_known(batch.column(field))
    rows = np.flatnonzero(speaks)
    if not len(rows):
        return []
    rows = rows[choose(calls.take(rows))]
    return [record_from_dict(cleaned_row(row)) for row in rows_at(batch, rows)]
