"""`earthwire stress`: real agent processes, real proxies, a real tool."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from earthwire.cli.app import command_line
from tests.tool_servers import ToolHandler, serving

ITEMS = json.dumps({"items": [{"title": "seven green lanterns hang over the wide river"}] * 3}).encode()
AGENT = """
import json, os, sys, urllib.request
open(sys.argv[1], "a").write(os.environ["EARTHWIRE_SEED"] + "\\n")
try:
    for _ in range(4):
        with urllib.request.urlopen(os.environ["EARTHWIRE_URL"] + "/items", timeout=10) as response:
            title = json.loads(response.read())["items"][0]["title"]
            assert title == "seven green lanterns hang over the wide river"
except Exception:
    sys.exit(1)
"""
RECIPE = """
earthwire_recipe: 1
profile: six-faults
clock: {{mode: virtual}}
routes: {{tools: {{upstream: "{url}"}}}}
channels:
  observation: {{fields: ["**.title"], typos: {{rate: 0.05}}}}
costs: {{per_call: 0.01, per_second: 0.1}}
budget: {{calls_max: 4}}
"""


class Tool(ToolHandler):
    body = ITEMS


@pytest.fixture(scope="module")
def tool() -> Iterator[str]:
    with serving(Tool) as url:
        yield url


class Stress:
    """Runs the command in a folder.

    Attributes:
        runs_file: the agent writes the seed of each of its runs there.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        (folder / "agent.py").write_text(AGENT)
        (folder / "recipe.yaml").write_text(RECIPE.format(url=url))
        self.runs_file = folder / "runs"
        self.result = folder / "stress.json"

    def __call__(self, *options: str, agent: str | None = None, columns: str = "160") -> Any:
        command = agent or f"{sys.executable} {self.folder / 'agent.py'} {self.runs_file}"
        given = [f"--agent={command}", f"--recipe={self.folder / 'recipe.yaml'}", f"--output={self.result}"]
        return CliRunner().invoke(command_line(), ["stress", *given, *options], env={"COLUMNS": columns})

    @property
    def run_count(self) -> int:
        return len(self.runs_file.read_text().split()) if self.runs_file.exists() else 0

    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.result.read_text())
        return report


@pytest.fixture
def stress(tmp_path: Path, tool: str) -> Stress:
    return Stress(tmp_path, tool)


def without_timings(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_timings(part) for name, part in value.items() if name != "timings"}
    return [without_timings(part) for part in value] if isinstance(value, list) else value


def test_each_channel_does_its_own_and_nothing_else(stress: Stress) -> None:
    outcome = stress("--seeds=8", columns="80")
    assert outcome.exit_code == 1, outcome.output
    assert "verdict: FAIL" in outcome.output
    table, _, _ = outcome.output.partition("what each channel takes")
    assert "…" not in table, "no figure is cut at 80 columns"
    assert "transition, injected or changed: " in table
    report = stress.report()
    assert report["is_complete"]
    arms = {arm["arm"]: arm for arm in report["arms"]}
    assert list(arms) == ["clean", "observation", "transition", "reward", "all"]
    assert arms["clean"]["success"]["value"] == 1.0
    did = {
        name: (bool(arm["changes"]), bool(arm["injected"]), arm["reward"] < arm["success"]["value"])
        for name, arm in arms.items()
    }
    assert did == {
        "clean": (False, False, False),
        "observation": (True, False, False),
        "transition": (False, True, False),
        "reward": (False, False, True),
        "all": (True, True, True),
    }
    gaps = {gap["arm"]: gap["success"]["value"] for gap in report["gaps"]}
    assert min(gaps["observation"], gaps["transition"], gaps["all"]) > 0
    assert gaps["reward"] == 0
    assert arms["clean"]["cost_per_success"] == pytest.approx(
        sum(
            one["spent"]
            for one in report["episodes"]
            if one["exposure"] == dict.fromkeys(one["exposure"], 0.0)
        )
        / 8
    )


def test_the_same_seeds_give_the_same_file_but_for_timings(stress: Stress) -> None:
    stress("--seeds=3", "--jobs=4")
    first = stress.report()
    stress("--seeds=3", "--jobs=1", "--fresh")
    assert without_timings(stress.report()) == without_timings(first)
    assert stress.run_count == 30


def test_runs_that_the_file_holds_are_not_made_again(stress: Stress) -> None:
    stress("--seeds=2")
    assert stress.run_count == 10
    stress("--seeds=3")
    assert stress.run_count == 15
    resumed = stress.report()
    stress("--seeds=3", "--fresh")
    assert without_timings(stress.report()) == without_timings(resumed)


def test_an_unfinished_file_is_gone_on_with(stress: Stress) -> None:
    stress("--seeds=2")
    complete = stress.report()
    cut = {name: complete[name] for name in ("earthwire_stress", "subject", "channels", "multiples", "seeds")}
    stress.result.write_text(json.dumps({**cut, "is_complete": False, "episodes": complete["episodes"][:4]}))
    stress("--seeds=2")
    assert stress.run_count == 16
    assert without_timings(stress.report()) == without_timings(complete)


def test_radius_and_ranges_are_found_on_request(stress: Stress) -> None:
    outcome = stress("--seeds=2", "--radius", "--radius-step=4", "--adr", "--adr-rounds=1", "--json")
    report = json.loads(outcome.stdout)
    assert report == stress.report()
    assert report["radius"]["holds_to"] == 0.0
    assert [trial["channel"] for trial in report["randomisation"]["trials"]] == ["observation"]


def test_an_agent_that_calls_nothing_makes_the_test_invalid(stress: Stress) -> None:
    outcome = stress("--seeds=2", agent=f"{sys.executable} -c pass")
    assert outcome.exit_code == 4
    assert "no call came through the proxy" in outcome.output


def test_a_built_in_agent_brings_its_tool_along(stress: Stress) -> None:
    (stress.folder / "recipe.yaml").write_text(
        "earthwire_recipe: 1\nprofile: six-faults\nclock: {mode: virtual}\n"
        'routes: {tools: {upstream: "http://127.0.0.1:1"}}\n'
    )
    outcome = stress("--seeds=2", agent="builtin:immediate")
    assert outcome.exit_code == 3, outcome.output
    clean, transition = stress.report()["arms"]
    assert (clean["success"]["value"], clean["attempts"]["attempts"]) == (1.0, 10)
    assert transition["attempts"]["retries"] > 0


@pytest.mark.parametrize(
    ("options", "agent", "message"),
    [
        ((), "builtin:patient", "there is no built-in agent 'patient'; there is none, immediate"),
        ((), "no-such-program-here", "no-such-program-here: No such file or directory"),
        ((), "unclosed 'quote", "is no command"),
        (
            (),
            "agent {URL} {seed}",
            "--agent: nothing is put into {URL}; did you mean {url}?; {url} and {seed} can be",
        ),
        (("--severity=0",), None, "a multiple lies above 0"),
        (("--upstream=ftp://x",), None, "is not an http:// or https:// URL"),
    ],
)
def test_mistakes_are_told(stress: Stress, options: tuple[str, ...], agent: str | None, message: str) -> None:
    outcome = stress("--seeds=2", *options, agent=agent)
    assert outcome.exit_code == 2
    assert message in outcome.output


def test_a_recipe_without_channels_is_refused(stress: Stress) -> None:
    (stress.folder / "recipe.yaml").write_text(
        'earthwire_recipe: 1\nroutes: {tools: {upstream: "http://127.0.0.1:1"}}\n'
    )
    outcome = stress()
    assert outcome.exit_code == 2
    assert "nothing to stress an agent with" in outcome.output


@pytest.mark.parametrize(("text", "message"), [("[1]", "is no result"), ("{", "is no result")])
def test_a_file_that_is_something_else_is_left_alone(stress: Stress, text: str, message: str) -> None:
    stress.result.write_text(text)
    outcome = stress("--seeds=2")
    assert outcome.exit_code == 2
    assert message in outcome.output
    assert stress.result.read_text() == text


def test_a_file_of_another_agent_is_left_alone(stress: Stress) -> None:
    stress("--seeds=2", agent=f"{sys.executable} -c pass")
    outcome = stress("--seeds=2")
    assert outcome.exit_code == 2
    assert (
        "holds runs of another agent; choose another --output, or start anew with --fresh" in outcome.output
    )
