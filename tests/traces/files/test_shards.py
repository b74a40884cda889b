"""A recording of several workers is read as one."""

from pathlib import Path

import pytest

from earthwire.traces import JsonlWriter, TraceFileError, TraceRecord, read_all, shard_path, with_shards


def write(path: Path, *tools: str) -> Path:
    with JsonlWriter(path) as writer:
        for tool in tools:
            writer.write(TraceRecord(tool=tool))
    return path


def test_a_file_without_shards_is_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "calls.jsonl", "a")
    assert with_shards(path) == (path,)


def test_shards_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    for number in (10, 2, 0):
        write(shard_path(path, number), f"tool-{number}")
    assert [record.tool for record in read_all([path])] == ["tool-0", "tool-2", "tool-10"]


def test_a_recording_that_began_with_one_process_keeps_its_first_file(tmp_path: Path) -> None:
    path = write(tmp_path / "calls.jsonl", "first")
    write(shard_path(path, 0), "second")
    assert [record.tool for record in read_all([path])] == ["first", "second"]


def test_shards_of_other_recordings_are_left_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "calls.jsonl", "a")
    write(tmp_path / "other-calls.worker-0.jsonl", "b")
    write(tmp_path / "calls.worker-x.jsonl", "c")
    assert with_shards(path) == (path,)


def test_a_recording_that_is_not_there_is_named_as_it_was_given(tmp_path: Path) -> None:
    with pytest.raises(TraceFileError, match=r"absent\.jsonl: cannot be read"):
        list(read_all([tmp_path / "absent.jsonl"]))
