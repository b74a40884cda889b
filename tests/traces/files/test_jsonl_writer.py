import gzip
from pathlib import Path

import pytest

from earthwire.traces.errors import TraceFileError
from earthwire.traces.files.jsonl import header_line, read_jsonl
from earthwire.traces.files.jsonl_writer import JsonlWriter
from earthwire.traces.record import TraceRecord

FIRST = TraceRecord(tool="a", duration_ns=1)
SECOND = TraceRecord(tool="b", outcome="timeout", chunk_gaps_ns=[1, 2], http_response_header={"age": ["1"]})


def tools(path: Path) -> list[str]:
    return [record.tool for record in read_jsonl(path)]


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz"])
def test_what_is_written_is_read_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with JsonlWriter(path) as writer:
        writer.write(FIRST)
        writer.write(SECOND)
    assert list(read_jsonl(path)) == [FIRST, SECOND]
    assert (path.read_bytes()[:2] == b"\x1f\x8b") == name.endswith(".gz")


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz"])
def test_appending_keeps_what_is_there(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for record in (FIRST, SECOND):
        with JsonlWriter(path, append=True) as writer:
            writer.write(record)
    assert list(read_jsonl(path)) == [FIRST, SECOND]


def test_without_append_an_existing_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("something else\n")
    with JsonlWriter(path) as writer:
        writer.write(FIRST)
    assert tools(path) == ["a"]
    assert list(tmp_path.iterdir()) == [path]


def test_an_empty_file_has_its_header_from_the_start(tmp_path: Path) -> None:
    with JsonlWriter(tmp_path / "t.jsonl"):
        assert (tmp_path / "t.jsonl").read_bytes() == header_line()


def test_appending_to_a_foreign_file_is_refused_and_leaves_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("notes\n")
    with pytest.raises(TraceFileError, match="no header"):
        JsonlWriter(path, append=True)
    assert path.read_text() == "notes\n"


def test_a_cut_last_record_is_moved_aside_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(header_line() + b'{"tool":"a"}\n{"tool":"cut')
    warnings: list[str] = []
    with JsonlWriter(path, append=True, on_warning=warnings.append) as writer:
        writer.write(SECOND)
    assert tools(path) == ["a", "b"]
    assert (tmp_path / "t.jsonl.cut").read_bytes() == b'{"tool":"cut\n'
    assert len(warnings) == 1
    assert "cut short" in warnings[0]


def test_a_whole_last_record_without_line_end_is_not_moved(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(header_line() + b'{"tool":"a"}')
    with JsonlWriter(path, append=True) as writer:
        writer.write(SECOND)
    assert tools(path) == ["a", "b"]
    assert not (tmp_path / "t.jsonl.cut").exists()


def test_a_cut_line_longer_than_a_block_is_found_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    cut = b'{"tool":"' + b"x" * 200_000
    path.write_bytes(header_line() + b'{"tool":"a"}\n' + cut)
    with JsonlWriter(path, append=True):
        pass
    assert tools(path) == ["a"]
    assert (tmp_path / "t.jsonl.cut").read_bytes() == cut + b"\n"


def test_a_damaged_gzip_file_is_kept_and_its_whole_records_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl.gz"
    content = gzip.compress(header_line() + b'{"tool":"a"}\n') + gzip.compress(b'{"tool":"lost"}\n')[:12]
    path.write_bytes(content)
    warnings: list[str] = []
    with JsonlWriter(path, append=True, on_warning=warnings.append) as writer:
        writer.write(SECOND)
    assert tools(path) == ["a", "b"]
    assert (tmp_path / "t.jsonl.gz.cut").read_bytes() == content
    assert "1 whole records" in warnings[0]


def test_a_directory_that_does_not_exist_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(TraceFileError, match="cannot be written: No such file or directory"):
        JsonlWriter(tmp_path / "absent" / "t.jsonl")


def test_flush_makes_records_readable_while_the_file_is_open(tmp_path: Path) -> None:
    with JsonlWriter(tmp_path / "t.jsonl") as writer:
        writer.write(FIRST)
        writer.flush()
        assert tools(tmp_path / "t.jsonl") == ["a"]
