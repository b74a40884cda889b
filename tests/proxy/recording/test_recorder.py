"""No record is lost: not at a full disk, not at the end."""

import asyncio
import os

import pytest

from earthwire.proxy.recording.recorder import BATCH_COUNT_MAX, Recorder
from earthwire.traces.errors import TraceFileError
from earthwire.traces.files.jsonl import read_jsonl
from earthwire.traces.record import TraceRecord


def test_records_are_written_in_order_and_appended(tmp_path, play):
    path = tmp_path / "records.jsonl"
    count = BATCH_COUNT_MAX + 7

    async def scenario(start):
        recorder = Recorder(path, asyncio.get_running_loop(), 10_000)
        for number in range(start, start + count):
            recorder.add(TraceRecord(tool="t", seq=number))
        recorder.close()
        return recorder.written_count

    assert play(scenario(0)) == count
    assert play(scenario(count)) == count
    assert [record.seq for record in read_jsonl(path)] == list(range(2 * count))


def test_records_reach_the_file_without_being_closed(tmp_path, harness, play):
    path = tmp_path / "records.jsonl"

    async def scenario():
        recorder = Recorder(path, asyncio.get_running_loop(), 10_000)
        recorder.add(TraceRecord(tool="t"))
        await harness.until(lambda: recorder.written_count)
        found = len(list(read_jsonl(path)))
        recorder.close()
        return found

    assert play(scenario()) == 1


def test_full_disk_makes_callers_wait_and_loses_nothing(tmp_path, harness, play, monkeypatch, capsys):
    path = tmp_path / "records.jsonl"
    full = True
    refused_count = 0

    async def scenario():
        nonlocal full, refused_count
        recorder = Recorder(path, asyncio.get_running_loop(), 10)
        write = os.write

        def write_or_fail(descriptor, data):
            nonlocal refused_count
            if full:
                refused_count += 1
                raise OSError(28, "No space left on device")
            return write(descriptor, data[:100])  # Short writes are to be continued.

        monkeypatch.setattr("earthwire.proxy.recording.recorder.os.write", write_or_fail)
        for number in range(12):
            recorder.add(TraceRecord(tool="t", seq=number))
        assert recorder.full
        waiting = asyncio.create_task(recorder.room())
        await harness.until(lambda: refused_count >= 3)
        assert not waiting.done()
        full = False
        await waiting
        recorder.close()

    play(scenario())
    assert [record.seq for record in read_jsonl(path)] == list(range(12))
    assert capsys.readouterr().err.count("No space left") == 1


def test_records_that_cannot_be_written_at_the_end_are_an_error(tmp_path, play, monkeypatch):
    path = tmp_path / "records.jsonl"

    async def scenario():
        recorder = Recorder(path, asyncio.get_running_loop(), 10)

        def fail(descriptor, data):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("earthwire.proxy.recording.recorder.os.write", fail)
        recorder.add(TraceRecord(tool="t"))
        recorder.close()

    with pytest.raises(OSError, match="the last 1 records could not be written"):
        play(scenario())


def test_close_writes_what_waits_behind_a_batch_that_the_disk_had_refused(tmp_path, play, monkeypatch):
    path = tmp_path / "records.jsonl"
    write = os.write
    full = True

    def write_or_fail(descriptor, data):
        if full:
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    async def scenario():
        nonlocal full
        recorder = Recorder(path, asyncio.get_running_loop(), 10_000)
        monkeypatch.setattr(os, "write", write_or_fail)
        for number in range(BATCH_COUNT_MAX + 5):
            recorder.add(TraceRecord(tool="t", seq=number))
        full = False
        recorder.close()

    play(scenario())
    assert [record.seq for record in read_jsonl(path)] == list(range(BATCH_COUNT_MAX + 5))


def test_there_is_no_room_until_the_queue_itself_is_shorter(tmp_path, play, monkeypatch):
    """What a disk takes first is the batch that it had refused; behind it the queue may still be full."""
    write = os.write
    full = True

    def write_or_fail(descriptor, data):
        if full:
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    async def scenario():
        nonlocal full
        queue_count_max = BATCH_COUNT_MAX + 6
        recorder = Recorder(tmp_path / "records.jsonl", asyncio.get_running_loop(), queue_count_max)
        monkeypatch.setattr(os, "write", write_or_fail)
        for number in range(BATCH_COUNT_MAX + queue_count_max):
            recorder.add(TraceRecord(tool="t", seq=number))
        was_full, full = recorder.full, False
        recorder._write_batch()
        after_batch = recorder.full
        recorder._write_batch()
        after_queue = recorder.full
        recorder.close()
        return was_full, after_batch, after_queue

    assert play(scenario()) == (True, True, False)


def test_file_of_another_format_is_refused(tmp_path, play):
    path = tmp_path / "notes.txt"
    path.write_text("hello\n")

    async def scenario():
        Recorder(path, asyncio.get_running_loop(), 10)

    with pytest.raises(TraceFileError):
        play(scenario())
    assert path.read_text() == "hello\n"


def test_compressed_recording_is_refused(tmp_path, play):
    async def scenario():
        Recorder(tmp_path / "records.jsonl.gz", asyncio.get_running_loop(), 10)

    with pytest.raises(ValueError, match=r"plain \.jsonl"):
        play(scenario())
