import gzip
import json
from pathlib import Path

import pytest

from earthwire.traces.errors import TraceFileError
from earthwire.traces.files import jsonl
from earthwire.traces.files.formats import sniff
from earthwire.traces.files.jsonl import header_line, read_jsonl

RECORD = b'{"tool":"GET a.example/x","duration_ns":5}\n'


def write(path: Path, *lines: bytes) -> Path:
    path.write_bytes(header_line() + b"".join(lines))
    return path


def message(path: Path) -> str:
    with pytest.raises(TraceFileError) as caught:
        list(read_jsonl(path))
    return str(caught.value)


def test_reads_records_in_order(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", RECORD, b'{"tool":"b"}\n')
    assert [record.tool for record in read_jsonl(path)] == ["GET a.example/x", "b"]


def test_gzip_is_recognised_by_content_not_by_name(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(gzip.compress(header_line() + RECORD))
    assert [record.duration_ns for record in read_jsonl(path)] == [5]


def test_a_byte_order_mark_in_front_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + header_line() + RECORD)
    assert sniff(path).name == jsonl.NAME
    assert [record.duration_ns for record in read_jsonl(path)] == [5]


def test_unknown_stays_none_and_null_is_absent(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", b'{"tool":"a","ttfb_ns":null}\n')
    assert next(read_jsonl(path)).ttfb_ns is None


def test_a_whole_last_line_needs_no_line_end(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", RECORD.rstrip())
    assert len(list(read_jsonl(path))) == 1


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"", "no header, found an empty file"),
        (b'{"tool":"a"}\n', "no header, found"),
        (b"\x80\x81\n", "no header, found"),
        (b'{"format":"other","version":1}\n', 'names the format "other"'),
        (b'{"format":"earthwire-traces","version":2}\n', "newer than 1"),
        (b'{"format":"earthwire-traces","version":0}\n', "version 0 does not exist"),
    ],
)
def test_a_bad_header_is_named_with_what_is_expected(tmp_path: Path, line: bytes, expected: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(line)
    text = message(path)
    assert text.startswith(f"{path}:1: ")
    assert expected in text


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"tool":"a","duration":1}\n', "unknown field `duration`; did you mean `duration_ns`?"),
        (b'{"tool":"a","duration_ns":-5}\n', "duration_ns is -5"),
        (b'{"tool":"a","duration_ns":"5"}\n', "duration_ns is '5'"),
        (b'{"tool":"\xff"}\n', "not UTF-8 (byte 0xff)"),
        (b"[1]\n", "not an object"),
        (b"nonsense\n", "not one JSON object"),
        (b'{"duration_ns":1}\n', "tool"),
    ],
)
def test_a_bad_line_is_named_with_place_value_and_way_out(tmp_path: Path, line: bytes, expected: str) -> None:
    text = message(write(tmp_path / "t.jsonl", RECORD, line, RECORD))
    assert text.startswith(f"{tmp_path / 't.jsonl'}:3: ")
    assert expected in text
    assert "--skip-bad-lines" in text


def test_a_cut_record_says_how_many_are_intact(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", RECORD, RECORD, b'{"tool":"GET a.exa')
    assert f"{path}:4: the record is cut short" in message(path)
    assert "the 2 records before it are intact" in message(path)


def test_bad_lines_can_be_left_out_and_are_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", RECORD, b"nonsense\n", RECORD, b'{"to')
    errors: list[TraceFileError] = []
    assert len(list(read_jsonl(path, errors.append))) == 2
    assert [error.line for error in errors] == [3, 5]


def test_a_line_over_the_bound_is_reported_and_the_next_one_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "LINE_BYTES_MAX", 100)
    long_line = json.dumps({"tool": "a" * 500}).encode() + b"\n"
    path = write(tmp_path / "t.jsonl", long_line, RECORD)
    assert "more than 100 bytes" in message(path)
    errors: list[TraceFileError] = []
    assert [record.tool for record in read_jsonl(path, errors.append)] == ["GET a.example/x"]
    assert len(errors) == 1


def test_gzip_data_that_end_early_lose_only_the_end(tmp_path: Path) -> None:
    content = gzip.compress(
        header_line()
        + b"".join(
            b'{"tool":"a%d","record_id":"%x"}\n' % (number, hash(str(number)) & (1 << 64) - 1)
            for number in range(5000)
        )
    )
    path = tmp_path / "t.jsonl.gz"
    path.write_bytes(content[: len(content) // 2])
    assert "the gzip data end here" in message(path)
    errors: list[TraceFileError] = []
    assert 0 < len(list(read_jsonl(path, errors.append))) < 5000
    assert len(errors) == 1


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in message(tmp_path / "absent.jsonl")
