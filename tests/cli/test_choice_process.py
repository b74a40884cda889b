"""The process that chooses the engine: a real one, with real calls."""

import io
import sys
from dataclasses import fields

import numpy as np
import pytest

from earthwire.cli import choice_process as module
from earthwire.cli.choice_process import calls_bytes, calls_from, choice_process
from earthwire.grounding import calibrate
from earthwire.traces.calls import Calls
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
        monkeypatch.setattr(module, "choose_engine", never)
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
    monkeypatch.setattr(module, "choose_engine", lambda *_: "replay")
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
