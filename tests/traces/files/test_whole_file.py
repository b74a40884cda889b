"""Files appear whole or not at all, and nothing but files is ever replaced."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from earthwire.traces import JsonlWriter, TraceRecord, read_traces, write_jsonl, write_otlp
from earthwire.traces.files.whole_file import whole_file

RECORD = TraceRecord(tool="t")


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """What is no file, as /dev/null is none; whoever replaced that broke every program of the machine."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no named pipes on this platform")
    path = tmp_path / "pipe.jsonl"
    os.mkfifo(path)
    other_end = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    yield path, other_end
    os.close(other_end)


def test_a_file_that_was_not_finished_leaves_the_old_one_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail() -> None:
        with whole_file(path) as partial:
            partial.write_text("new")
            raise ValueError("half of it")

    with pytest.raises(ValueError, match="half"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    with whole_file(link) as partial:
        partial.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


@pytest.mark.parametrize("write", [write_jsonl, write_otlp])
def test_what_is_no_file_is_written_to_and_never_replaced(pipe: tuple[Path, int], write) -> None:
    path, other_end = pipe
    assert write([RECORD], path) == 1
    assert path.is_fifo()
    assert os.read(other_end, 65536).endswith(b"\n")


def test_records_can_be_appended_to_what_is_no_file(pipe: tuple[Path, int]) -> None:
    path, other_end = pipe
    with JsonlWriter(path, append=True) as writer:
        writer.write(RECORD)
    assert path.is_fifo()
    copy = path.with_name("copy.jsonl")
    copy.write_bytes(os.read(other_end, 65536))
    assert list(read_traces(copy)) == [RECORD]
