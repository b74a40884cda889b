import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from earthwire.traces.columns.arrow_columns import coded, numbers
from earthwire.traces.columns.call_columns import CallColumns
from earthwire.traces.columns.calls import calls_from_columns, calls_from_records
from earthwire.traces.columns.parquet_columns import (
    ParquetBlock,
    ParquetShape,
    parquet_shape,
    read_row_groups,
)
from earthwire.traces.errors import TraceFileError
from earthwire.traces.files.parquet import read_parquet, write_parquet
from earthwire.traces.record import TraceRecord
from tests.traces.columns.test_call_store import assert_same, made_records

DATA = Path(__file__).parents[3].parent / "shared" / "data"
SETS = (
    "dev_auth0",
    "dev_jupiterone_har",
    "dev_livemcp",
    "dev_llmperf",
    "dev_scaleway",
    "dev_upptime",
    "dev_web_har",
)


def everything(columns: CallColumns) -> np.ndarray:
    return np.ones(len(columns), dtype=bool)


def blocks_of(path: Path, on_bad_row=None, choose=everything) -> list[ParquetBlock]:
    shape = parquet_shape(path)
    return [block for run in shape.runs() for block in read_row_groups(shape, run, 0, choose, on_bad_row)]


def table(path: Path, row_group_size: int | None = None, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=row_group_size)
    return path


def test_columns_hold_what_the_records_hold(tmp_path: Path) -> None:
    records = made_records(300)
    write_parquet(records, tmp_path / "t.parquet")
    blocks = blocks_of(tmp_path / "t.parquet")
    assert_same(calls_from_columns([block.calls for block in blocks]), calls_from_records(records))


@pytest.mark.parametrize("name", SETS)
def test_columns_of_real_data_are_those_of_its_records(name: str) -> None:
    path = DATA / name / "records.parquet"
    if not path.exists():
        pytest.skip(f"needs {path}")
    blocks = blocks_of(path, choose=lambda columns: np.zeros(len(columns), dtype=bool))
    expected = calls_from_records(read_parquet(path))
    assert_same(calls_from_columns([block.calls for block in blocks]), expected)


def test_kinds_are_refined_by_what_makes_them_differ(tmp_path: Path) -> None:
    path = table(
        tmp_path / "t.parquet",
        tool=["a"] * 7,
        outcome=["http_error", "http_error", "rpc_error", "malformed", "malformed", "semantic_error", None],
        http_response_status_code=[503, 0, None, 200, None, None, None],
        rpc_response_status_code=[None, None, "-32603", None, None, None, None],
        body_class=[None, None, None, "html", "html", None, None],
        error_type=[None, None, None, None, "truncated", "schema_drift", None],
    )
    kind = blocks_of(path)[0].calls.kind
    assert [kind.names[code] for code in kind.codes] == [
        "http_5xx:503",
        "http_error",
        "rpc_error:-32603",
        "malformed:html",
        "malformed:truncated",
        "semantic_error:schema_drift",
        "unknown",
    ]


def test_only_rows_that_say_something_of_payloads_become_records_and_of_those_the_chosen(
    tmp_path: Path,
) -> None:
    records = [
        TraceRecord(tool="a", seq=0, outcome="ok"),
        TraceRecord(tool="a", seq=1, outcome="ok", response_body="{}"),
        TraceRecord(tool="a", seq=2, outcome="http_error", http_response_status_code=500),
        TraceRecord(tool="a", seq=3, outcome="ok", http_response_header={"server": ["x"]}),
    ]
    write_parquet(records, tmp_path / "t.parquet")
    (block,) = blocks_of(tmp_path / "t.parquet")
    assert [record.seq for record in block.records] == [1, 2, 3]
    assert block.records[2].http_response_header == {"server": ["x"]}
    (block,) = blocks_of(tmp_path / "t.parquet", choose=lambda columns: columns.seq == 2)
    assert [record.seq for record in block.records] == [2]


@pytest.mark.parametrize(
    ("column", "values", "problem"),
    [
        ("duration_ns", [1, -1, 3], "row 2: duration_ns is -1"),
        ("outcome", ["ok", "great", "ok"], "row 2: outcome is 'great': allowed are ok, http_error, "),
        ("http_response_status_code", [200, 1000, 0], "row 2: http_response_status_code is 1000"),
        ("tool", ["a", None, "c"], "row 2: "),
        ("tool", ["a", "", "c"], "row 2: tool is ''"),
        ("latency_censoring", ["none", "left", None], "row 2: latency_censoring is 'left'"),
    ],
)
@pytest.mark.parametrize("row_group_size", [None, 1])
def test_bad_rows_are_told_as_the_records_reader_tells_them(
    tmp_path: Path, column: str, values: list, problem: str, row_group_size: int | None
) -> None:
    columns = {"tool": ["a", "b", "c"], "seq": [1, 2, 3], column: values}
    path = table(tmp_path / "t.parquet", row_group_size, **columns)
    with pytest.raises(TraceFileError, match="row 2") as caught:
        blocks_of(path)
    with pytest.raises(TraceFileError) as expected:
        list(read_parquet(path))
    assert problem in str(caught.value)
    assert str(caught.value) == str(expected.value)
    errors: list[TraceFileError] = []
    blocks = blocks_of(path, errors.append)
    assert [seq for block in blocks for seq in block.calls.seq.tolist()] == [1, 3]
    told: list[TraceFileError] = []
    list(read_parquet(path, told.append))
    assert [str(error) for error in errors] == [str(error) for error in told]
    assert len(told) == 1
    assert str(expected.value).startswith(f"{told[0]}; --skip-bad-lines")
    assert sum(block.row_count for block in blocks) == 3


def test_the_footer_tells_what_is_known(tmp_path: Path) -> None:
    for statistics in (True, False):
        columns = {"tool": ["a"] * 4, "duration_ns": [1, None, 3, None], "ttfb_ns": [None, None, 1, None]}
        path = tmp_path / f"{statistics}.parquet"
        pq.write_table(pa.table(columns), path, row_group_size=2, write_statistics=statistics)
        shape = parquet_shape(path)
        assert (shape.row_counts, shape.known_total, shape.known_first) == ((2, 2), 2, 1)
        assert shape.columns == ("tool", "duration_ns", "ttfb_ns")


def test_a_file_without_tools_is_one_clear_error(tmp_path: Path) -> None:
    path = table(tmp_path / "t.parquet", seq=[1])
    with pytest.raises(TraceFileError, match=r"row 1: .*tool"):
        blocks_of(path)


def test_plain_and_dictionary_columns_of_any_integer_width_are_read(tmp_path: Path) -> None:
    path = table(
        tmp_path / "t.parquet",
        tool=pa.array(["a", "b"]).dictionary_encode(),
        session_id=pa.array(["", "s"], pa.large_string()),
        duration_ns=pa.array([5, 7], pa.uint32()),
        seq=pa.array([1, 2], pa.int8()).dictionary_encode(),
    )
    (block,) = blocks_of(path)
    session = block.calls.session
    assert [session.names[code] for code in session.codes] == ["(no session)", "s"]
    assert block.calls.duration_ns.tolist() == [5, 7]
    assert block.calls.seq.tolist() == [1, 2]


def test_small_row_groups_are_read_together_and_large_ones_alone() -> None:
    counts = (600_000, 400_000, 100_000, 2_000_000, 1, 1)
    shape = ParquetShape(Path("t.parquet"), counts, 0, 0, ())
    assert shape.runs() == [range(2), range(2, 3), range(3, 4), range(4, 6)]
    assert ParquetShape(Path("t.parquet"), (), 0, 0, ()).runs() == []
    assert ParquetShape(Path("t.parquet"), (0, 0, 5), 0, 0, ()).runs() == [range(3)], (
        "an empty one to begin with"
    )


def test_row_groups_with_names_of_their_own_are_read_as_one(tmp_path: Path) -> None:
    names = [f"s{i // 10}" for i in range(1_000)]
    path = table(tmp_path / "t.parquet", 64, tool=["a", "b"] * 500, session_id=names, seq=list(range(1_000)))
    blocks = blocks_of(path)
    assert [
        s for b in blocks for s in (b.calls.session.names[code] for code in b.calls.session.codes)
    ] == names
    assert [position for block in blocks for position in block.calls.position.tolist()] == list(range(1_000))


def test_reading_does_not_load_pandas_where_it_is_installed(tmp_path: Path) -> None:
    write_parquet(made_records(300), tmp_path / "t.parquet")
    (tmp_path / "pandas.py").write_text("", "utf-8")
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from earthwire.traces.columns.parquet_columns import parquet_shape, read_row_groups, read_sessions\n"
        "shape = parquet_shape(Path('t.parquet'))\n"
        "everything = lambda calls: np.ones(len(calls), dtype=bool)\n"
        "list(read_sessions(shape, range(1)))\n"
        "records = [one for block in read_row_groups(shape, range(1), 0, everything) for one in block.records]\n"
        "print(len(records) > 0, 'pandas' in sys.modules)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == ["True", "False"]


def test_codes_and_numbers_know_what_is_null_in_a_part_of_a_column() -> None:
    columns = {
        "tool": pa.array(["a", None, "b", "a", None]).dictionary_encode(),
        "seq": pa.array([1, None, 2**60, None, 5]),
    }
    part = pa.RecordBatch.from_pydict(columns).slice(1)
    codes, names = coded(part, "tool")
    assert [names[code].as_py() if code < len(names) else None for code in codes.tolist()] == [
        None,
        "b",
        "a",
        None,
    ]
    np.testing.assert_array_equal(numbers(part, "seq"), [np.nan, 2.0**60, np.nan, 5.0])


def test_columns_of_a_table_that_pandas_rewrote_are_those_of_its_records(tmp_path: Path) -> None:
    path = table(
        tmp_path / "t.parquet",
        tool=["a", "b", "c"],
        duration_ns=[5.0, None, float("nan")],
        http_response_status_code=[200.0, 503.0, None],
        outcome=["ok", "http_error", "ok"],
        __index_level_0__=[0, 2, 4],
    )
    blocks = blocks_of(path)
    assert_same(calls_from_columns([block.calls for block in blocks]), calls_from_records(read_parquet(path)))


def test_fractions_of_integers_are_the_same_error_as_for_records(tmp_path: Path) -> None:
    with pytest.raises(TraceFileError, match="duration_ns has type double and is not whole"):
        blocks_of(table(tmp_path / "t.parquet", tool=["a"], duration_ns=[0.5]))
