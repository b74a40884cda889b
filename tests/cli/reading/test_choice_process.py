"""The process that chooses the engine: a real one, with real calls."""

import io
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from earthwire.cli.reading import choice_process as module
from earthwire.cli.reading.choice_process import calls_bytes, calls_from, choice_process
from earthwire.grounding import calibrate
from earthwire.traces.columns.calls import Calls
from tests.grounding.synthetic import make_calls
from tests.grounding.test_engine import seesaw_calls


def test_calls_come_out_as_they_went_in() -> None:
    calls = make_calls(sessions=5)
    odd = ("ends in a zero \0", "Ä", "", *calls.session_names[3:])
    calls = Calls(
        **{field.name: getattr(calls, field.name) for field in fields(Calls)} | {"session_names": odd}
    )
    found = calls_from(io.BytesIO(calls_bytes(calls)))
    for field in fields(Calls):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(calls, field.name))
    assert found.session_names == odd


@pytest.mark.parametrize("make", [seesaw_calls, make_calls])
def test_a_profile_is_the_same_as_without_it(make, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = make()
    expected = calibrate(calls)

    def never(*_: object) -> None:
        raise AssertionError("the choice was made here")

    with choice_process() as process:
        process.start()
        monkeypatch.setattr(module, "_choose", never)
        found = calibrate(calls, begin_choice=process.begin)
    assert found == expected
    assert bool(found.donor_levels) == (make is seesaw_calls)


@pytest.mark.parametrize(
    "command",
    [("/nowhere",), (sys.executable, "-c", "raise SystemExit(3)"), (sys.executable, "-c", "print('?')")],
)
def test_where_it_fails_the_choice_is_made_here(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A choice that is made in the process would be ``compact``: sessions are few."""
    monkeypatch.setattr(module, "_COMMAND", command)
    monkeypatch.setattr(module, "_choose", lambda *_: "replay")
    with choice_process() as process:
        process.start()
        assert process.begin(make_calls(sessions=5))() == "replay"


def test_it_ends_with_its_block_whether_it_was_asked_or_not() -> None:
    with choice_process() as process:
        process.start()
        started = process._process
    assert started is not None
    assert started.returncode is not None
    with choice_process():
        pass


def test_it_is_started_at_once_only_for_large_files_of_parquet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGE_BYTES", 100)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.parquet").write_bytes(bytes(60))
    (tmp_path / "b.jsonl").write_bytes(bytes(1_000))
    for more, is_started in ((39, False), (40, True)):
        (tmp_path / "c.parquet").write_bytes(bytes(more))
        with choice_process() as process:
            process.start_for([tmp_path / "deep", tmp_path / "b.jsonl", tmp_path / "c.parquet"])
            assert (process._process is not None) is is_started
            first = process._process
            process.start()
            assert process._process is first or not is_started


def test_a_file_that_is_not_there_starts_nothing(tmp_path: Path) -> None:
    with choice_process() as process:
        process.start_for([tmp_path / "none.parquet"])
        assert process._process is None
