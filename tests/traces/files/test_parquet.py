import builtins
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from earthwire.traces.errors import TraceFileError
from earthwire.traces.extras import install_command
from earthwire.traces.files.parquet import read_parquet, write_parquet
from earthwire.traces.record import FIELDS, TraceRecord

DATA = Path(__file__).parents[3].parent / "shared" / "data"
ROWS = {
    "dev_auth0": 8788,
    "dev_jupiterone_har": 13985,
    "dev_livemcp": 396,
    "dev_llmperf": 2845,
    "dev_nezha_onlineboutique": 159324,
    "dev_scaleway": 39788,
    "dev_toolbench_sample": 328,
    "dev_upptime": 16029,
    "dev_web_har": 1510,
}


def table(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def message(path: Path) -> str:
    with pytest.raises(TraceFileError) as caught:
        list(read_parquet(path))
    return str(caught.value)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    records = [
        TraceRecord(tool="a", duration_ns=2**62, retry_after_s=1.5, stream=True, outcome="ok"),
        TraceRecord(tool="b", chunk_gaps_ns=[1, 2], http_response_header={"vary": ["x", "y"]}, seed=-1),
    ]
    assert write_parquet(records, tmp_path / "t.parquet") == 2
    assert list(read_parquet(tmp_path / "t.parquet")) == records


def test_the_file_has_one_column_per_field(tmp_path: Path) -> None:
    write_parquet([], tmp_path / "t.parquet")
    assert tuple(pq.read_schema(tmp_path / "t.parquet").names) == FIELDS
    assert list(read_parquet(tmp_path / "t.parquet")) == []


def test_a_failed_write_leaves_no_file(tmp_path: Path) -> None:
    def records():
        yield TraceRecord(tool="a")
        raise TraceFileError(tmp_path / "source", "broken")

    with pytest.raises(TraceFileError, match="broken"):
        write_parquet(records(), tmp_path / "t.parquet")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_column_names_the_nearest_field(tmp_path: Path) -> None:
    text = message(table(tmp_path / "t.parquet", tool=["a"], duration_nanos=[1]))
    assert "column duration_nanos is not a field of a trace record; did you mean duration_ns?" in text


def test_a_column_of_another_type_is_named(tmp_path: Path) -> None:
    text = message(table(tmp_path / "t.parquet", tool=["a"], duration_ns=["1"]))
    assert "column duration_ns has type string; expected integer" in text


def test_a_bad_row_is_named_and_can_be_left_out(tmp_path: Path) -> None:
    path = table(tmp_path / "t.parquet", tool=["a", "b", None], duration_ns=[1, -1, 3])
    assert "row 2: duration_ns is -1" in message(path)
    errors: list[TraceFileError] = []
    assert [record.tool for record in read_parquet(path, errors.append)] == ["a"]
    assert len(errors) == 2


def test_statuses_of_browsers_that_are_none_are_unknown(tmp_path: Path) -> None:
    path = table(tmp_path / "t.parquet", tool=["a"] * 3, http_response_status_code=[-2, 0, 200])
    assert [record.http_response_status_code for record in read_parquet(path)] == [None, None, 200]


def test_a_cut_file_is_one_clear_error(tmp_path: Path) -> None:
    whole = table(tmp_path / "t.parquet", tool=["a"]).read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[:-10])
    assert "not a whole Parquet file" in message(tmp_path / "cut.parquet")


def test_without_pyarrow_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_import = builtins.__import__

    def no_pyarrow(name: str, *arguments: object, **named: object) -> object:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real_import(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", no_pyarrow)
    assert install_command("parquet") in message(tmp_path / "t.parquet")


@pytest.mark.parametrize("name", ROWS)
def test_reads_every_row_of_the_real_data(name: str) -> None:
    path = DATA / name / "records.parquet"
    if not path.exists():
        pytest.skip(f"needs {path}")
    assert sum(1 for _ in read_parquet(path)) == ROWS[name]


def test_integers_that_pandas_made_doubles_are_integers(tmp_path: Path) -> None:
    path = table(tmp_path / "t.parquet", tool=["a", "b", "c"], duration_ns=[5.0, None, float("nan")])
    assert [record.duration_ns for record in read_parquet(path)] == [5, None, None]


def test_fractions_of_integers_are_an_error(tmp_path: Path) -> None:
    text = message(table(tmp_path / "t.parquet", tool=["a"], duration_ns=[0.5]))
    assert "column duration_ns has type double and is not whole" in text


def test_the_row_labels_of_pandas_are_passed_over(tmp_path: Path) -> None:
    path = table(tmp_path / "t.parquet", tool=["a", "b"], __index_level_0__=[0, 2])
    assert [record.tool for record in read_parquet(path)] == ["a", "b"]
