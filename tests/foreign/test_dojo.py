"""The tasks of `agentdojo`, over real HTTP: every channel moves the score, and one that is off leaves it alone."""

from pathlib import Path
from typing import Any

import pytest

from foreign.dojo_client import Notes, chosen
from foreign.dojo_runs import dojo_server, report_of, stress
from foreign.environments import EnvironmentUnavailableError

TASK_COUNT = 97


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("dojo")
    try:
        with dojo_server() as url:
            stress(folder, url, "--seeds=2", "--jobs=2")
    except EnvironmentUnavailableError as error:
        pytest.skip(f"agentdojo cannot be installed here: {error}")
    return report_of(folder)


@pytest.mark.slow
def test_clean_all_tasks_are_solved(report: dict[str, Any]) -> None:
    clean = report["arms"][0]
    assert (clean["arm"], clean["success"]["value"]) == ("clean", 1.0)
    assert {len(episode["tasks"]) for episode in report["episodes"]} == {TASK_COUNT}


@pytest.mark.slow
@pytest.mark.parametrize("channel", ["observation", "action", "transition", "reward", "all"])
def test_every_channel_moves_the_score(report: dict[str, Any], channel: str) -> None:
    gaps = {gap["arm"]: gap for gap in report["gaps"]}
    assert gaps[channel]["success"]["value"] > 0.05
    # R' of every run is lower, not only on average.
    assert gaps[channel]["reward"]["value"] > 5.0


@pytest.mark.slow
def test_a_channel_that_is_off_leaves_no_trace(report: dict[str, Any]) -> None:
    did = {
        arm["arm"]: {
            "observation": "typos" in arm["changes"],
            "action": "decoys_listed" in arm["changes"],
            "transition": bool(arm["injected"]),
            "reward": arm["refused"] > 0,
        }
        for arm in report["arms"]
    }
    channels = ("observation", "action", "transition", "reward")
    assert did == {
        "clean": dict.fromkeys(channels, False),
        **{alone: {channel: channel == alone for channel in channels} for alone in channels},
        "all": dict.fromkeys(channels, True),
    }


def test_the_agent_reads_what_the_prompt_does_not_say() -> None:
    notes = Notes("Invite Dora", ["name: Dora\nemail: 'dora@example.com' today"])
    notes.add("name: Dora\nemail: 'drao@example.com' today")
    assert notes.filled({"user": "Dora", "to": ["dora@example.com"], "count": 3}) == {
        "user": "Dora",
        "to": ["drao@example.com"],
        "count": 3,
    }


def test_what_was_cut_off_cannot_be_read() -> None:
    notes = Notes("", ["one two three"])
    notes.add("one")
    assert notes.filled("one three") == "one "


def test_of_tools_that_fit_alike_the_first_is_chosen() -> None:
    tools = [
        {"name": "send", "description": "Sends money."},
        {"name": "read", "description": "Reads the file at the path."},
        {"name": "read_v2", "description": "Reads the file at the path."},
    ]
    assert chosen(tools, "Reads the file at the path.") == "read"
