import gzip
import json
from pathlib import Path

import pytest

from earthwire.traces.errors import TraceFileError
from earthwire.traces.files.formats import FORMATS, find_sources, read_all, read_traces, sniff
from earthwire.traces.files.jsonl import header_line
from earthwire.traces.files.parquet import write_parquet
from earthwire.traces.record import TraceRecord

HAR = {
    "log": {
        "entries": [{"request": {"method": "GET", "url": "https://a.example/"}, "response": {"status": 200}}]
    }
}
CASSETTE = """---
version: 2
interactions:
- request: {method: GET, url: "https://a.example/"}
  response: {code: 200, duration: 5ms}
"""
SPAN = {
    "kind": 3,
    "attributes": [
        {"key": "http.request.method", "value": {"stringValue": "GET"}},
        {"key": "url.full", "value": {"stringValue": "https://a.example/"}},
        {"key": "http.response.status_code", "value": {"intValue": "200"}},
    ],
}
RECORD = b'{"tool":"GET a.example/","outcome":"ok"}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One file of each format, none with a telling name."""
    (tmp_path / "1").write_bytes(header_line() + RECORD)
    write_parquet([TraceRecord(tool="GET a.example/", outcome="ok")], tmp_path / "2")
    (tmp_path / "3").write_bytes(b"\xef\xbb\xbf" + json.dumps(HAR).encode())
    (tmp_path / "4").write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]}))
    (tmp_path / "5").write_text(CASSETTE)
    return tmp_path


def test_every_format_is_recognised_by_content(folder: Path) -> None:
    names = [sniff(path).name for path in sorted(folder.iterdir())]
    assert names == ["earthwire JSONL", "Parquet", "HAR 1.2", "OTLP JSON traces", "go-vcr cassette"]
    assert sorted(names) == sorted(known.name for known in FORMATS)


def test_every_format_gives_the_same_call_the_same_tool(folder: Path) -> None:
    records = list(read_all([folder]))
    assert [record.tool for record in records] == ["GET a.example/"] * 5
    assert {record.outcome for record in records} == {"ok"}


@pytest.mark.parametrize("name", ["1", "3", "4", "5"])
def test_gzip_of_any_text_format_is_fine(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert len(list(read_traces(path))) == 1


def test_an_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("some notes")
    with pytest.raises(TraceFileError, match="format not recognised") as caught:
        read_traces(path)
    assert "starts with 'some notes'" in str(caught.value)
    assert all(known.name in str(caught.value) for known in FORMATS)


def test_an_empty_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "t").touch()
    with pytest.raises(TraceFileError, match="an empty file"):
        sniff(tmp_path / "t")


def test_damaged_gzip_says_so(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(gzip.compress(b"x" * 1000)[:15])
    with pytest.raises(TraceFileError, match="damaged gzip data"):
        sniff(tmp_path / "t")


def test_records_without_a_header_get_the_error_of_the_reader(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(RECORD)
    with pytest.raises(TraceFileError, match="no header"):
        list(read_traces(tmp_path / "t"))


def test_a_directory_is_searched_and_what_is_foreign_reported(folder: Path) -> None:
    (folder / "below").mkdir()
    (folder / "below" / "more").write_text(CASSETTE)
    (folder / "below" / ".hidden").write_text(CASSETTE)
    (folder / "README.md").write_text("notes")
    sources = find_sources([folder])
    assert len(sources.files) == 6
    assert [path.name for path in sources.ignored] == ["README.md"]
    assert sources.hidden_count == 1


def test_a_search_tells_which_file_it_is_at(folder: Path) -> None:
    said: list[str] = []
    find_sources([folder], said.append)
    assert said == [f"looking for traces: file {i} of 5" for i in range(1, 6)]


def test_a_directory_without_traces_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("notes")
    with pytest.raises(TraceFileError, match=r"no trace file in this directory \(1 other files, 0 hidden"):
        list(read_all([tmp_path]))


def test_every_foreign_format_says_what_it_cannot_tell() -> None:
    for known in FORMATS:
        assert known.cannot_tell or known.name in ("Parquet", "earthwire JSONL")
        assert all(sentence.endswith(".") for sentence in known.cannot_tell)
