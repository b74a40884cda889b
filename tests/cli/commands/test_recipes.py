"""Recipes, profiles and schemas by name, as users ask for them."""

import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from earthwire.config.shipped import shipped_profiles, shipped_recipes
from tests.tool_servers import ToolHandler, serving

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_lists_name_everything_that_is_shipped(run: Run) -> None:
    assert list(json.loads(run("recipes", "list", "--json").stdout)) == list(shipped_recipes())
    assert list(json.loads(run("profiles", "list", "--json").stdout)) == list(shipped_profiles())


def test_the_table_of_profiles_tells_learned_from_hand_picked(run: Run) -> None:
    lines = run("profiles", "list", COLUMNS="160").stdout.splitlines()
    six = next(line for line in lines if line.strip().startswith("six-faults"))
    cloud = next(line for line in lines if line.strip().startswith("cloud-api"))
    assert "hand-picked" in six
    assert "39,788" in cloud


def test_no_name_is_cut_at_80_columns(run: Run) -> None:
    """Names and hashes are what the next command needs; they ended in an ellipsis."""
    for kind, shipped in (("recipes", shipped_recipes()), ("profiles", shipped_profiles())):
        text = run(kind, "list", COLUMNS="80").stdout
        assert max(len(line) for line in text.splitlines() if not line.startswith("next: ")) <= 80
        assert "…" not in text
        assert set(shipped) <= set(text.split())


def test_a_shipped_profile_is_shown_with_its_provenance(run: Run) -> None:
    shown = run("profiles", "show", "llm-api", "--rows", "1")
    assert shown.returncode == 0
    assert "learned from dev_llmperf/records.parquet" in shown.stdout


def test_a_recipe_is_shown_as_it_is_written_after_its_hash(run: Run) -> None:
    shown = run("recipes", "show", "six-faults").stdout
    assert re.match(r".*six-faults\.yaml \(hash [0-9a-f]{16}\)\n", shown)
    assert shown.endswith(shipped_recipes()["six-faults"].read_text())


def test_a_difference_is_exit_code_1_and_none_is_0(run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy.yaml"
    copy.write_text("# A copy.\n" + shipped_recipes()["outages"].read_text())
    same = run("recipes", "diff", "outages", copy)
    assert (same.returncode, same.stdout) == (0, "no difference: the two do the same\n")
    copy.write_text(copy.read_text() + "severity: 2.0\n")
    other = run("recipes", "diff", "outages", copy, "--json")
    assert other.returncode == 1
    assert json.loads(other.stdout) == {"severity": {"before": None, "after": 2.0}}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("recipes", "show", "six-fault"), "did you mean 'six-faults'?"),
        (("profiles", "show", "cloud"), "did you mean 'cloud-api'?"),
        (("serve", "six-fault"), "did you mean 'six-faults'?"),
        (("serve", "--profile", "cloud", "--upstream", "http://127.0.0.1:1"), "did you mean 'cloud-api'?"),
        (("show", "cloud"), "did you mean 'cloud-api'?"),
        (("run", "--recipe", "six-fault", "--", "true"), "did you mean 'six-faults'?"),
        (("forward", "--recipe", "six-fault"), "did you mean 'six-faults'?"),
        (("mcp", "wrap", "--recipe", "six-fault"), "did you mean 'six-faults'?"),
        (("stress", "--recipe", "six-fault", "--agent", "true"), "did you mean 'six-faults'?"),
    ],
)
def test_an_unknown_name_is_exit_code_2_and_names_the_nearest(
    run: Run, arguments: tuple[str, ...], expected: str
) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert expected in done.stderr


def test_a_broken_recipe_is_shown_with_a_caret(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("earthwire_recipe: 1\nreplay: {traces: [a]}\nclok: {mode: virtual}\n")
    done = run("recipes", "show", path)
    assert done.returncode == 2
    assert done.stderr == (
        f"error: {path}:3:1: clok: unknown key; did you mean `clock`?\n    clok: {{mode: virtual}}\n    ^\n"
    )


def test_the_schema_knows_every_key_and_goes_to_a_file(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "recipe.schema.json"
    assert run("schema", "recipe", "--output", target).returncode == 0
    schema = json.loads(target.read_text())
    assert schema["$schema"].endswith("2020-12/schema")
    assert {"channels", "costs", "budget", "expectations", "mcp"} <= set(schema["properties"])
    assert json.loads(run("schema", "profile").stdout)["title"] == "ProfileFile"


class Tool(ToolHandler):
    body = b'{"title": "Please find the new meeting about the purchase of water for the city."}'


@pytest.fixture
def tool_url() -> Iterator[str]:
    with serving(Tool) as url:
        yield url


def write_recipe(folder: Path, tool_url: str, extra: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(
        f"earthwire_recipe: 1\nroutes: {{tools: {{upstream: '{tool_url}'}}}}\nlisten: {{port: 0}}\n"
        f"record: {{path: run.jsonl}}\n{extra}"
    )
    return path


def serve_and_ask(recipe: Path, calls: int) -> tuple[int, str]:
    """Serve a recipe, make some calls, end it; return its exit code and what it said on stderr."""
    command = [sys.executable, "-c", "from earthwire.cli.main import main; main()", "serve", str(recipe)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[2]
        for _ in range(calls):
            try:
                urllib.request.urlopen(f"{url}/e/a/x", timeout=20).close()
            except urllib.error.HTTPError as error:
                error.close()
    finally:
        process.send_signal(signal.SIGTERM)
        errors = process.communicate(timeout=30)[1]
    return process.returncode, errors


TYPOS = "channels: {observation: {fields: [title], typos: {rate: 1.0}}}\n"


def test_a_run_that_showed_what_was_declared_is_valid(tool_url: str, tmp_path: Path, run: Run) -> None:
    recipe = write_recipe(
        tmp_path, tool_url, TYPOS + "costs: {per_call: 2.0}\nexpectations: {calls_min: 3}\n"
    )
    code, errors = serve_and_ask(recipe, 3)
    assert code == 0, errors
    assert "channels: typos 3" in errors
    assert "verdict: valid" in errors
    checked = run("recipes", "check", recipe, tmp_path / "run.jsonl", "--reward", "10", "--json")
    assert checked.returncode == 0
    report = json.loads(checked.stdout)
    assert (report["verdict"], report["calls"], report["channels"]) == ("valid", 3, {"typos": 3})
    assert report["episodes"]["a"]["reward"]["total"] == 4.0


def test_a_declared_fault_that_never_fired_makes_the_run_invalid(
    tool_url: str, tmp_path: Path, run: Run
) -> None:
    recipe = write_recipe(tmp_path, tool_url, "expectations: {faults: [{kind: 'http_5xx:*'}]}\n")
    code, errors = serve_and_ask(recipe, 1)
    assert code == 4, errors
    assert "http_5xx:* was injected 0 times, and 1 is declared" in errors
    checked = run("recipes", "check", recipe, tmp_path / "run.jsonl")
    assert checked.returncode == 4
    assert checked.stdout.endswith("verdict: INVALID\n")


def test_a_recording_of_another_seed_is_said_and_one_of_another_profile_is_invalid(
    tool_url: str, tmp_path: Path, run: Run
) -> None:
    recipe = write_recipe(tmp_path, tool_url, "profile: demo\nseverity: 0\nseed: 7\n")
    code, errors = serve_and_ask(recipe, 2)
    assert code == 0, errors
    checked = run("recipes", "check", recipe, tmp_path / "run.jsonl")
    assert checked.returncode == 0
    assert "note: " not in checked.stdout
    recipe.write_text(recipe.read_text().replace("seed: 7", "seed: 8"))
    checked = run("recipes", "check", recipe, tmp_path / "run.jsonl")
    assert checked.returncode == 0
    assert "note: 2 calls have another seed than the recipe's 8: 7" in checked.stdout
    recipe.write_text(recipe.read_text().replace("demo", "cloud-api"))
    checked = run("recipes", "check", recipe, tmp_path / "run.jsonl", "--json")
    assert checked.returncode == 4
    report = json.loads(checked.stdout)
    assert report["verdict"] == "INVALID"
    assert "no call was drawn from the recipe's profile" in report["reasons"][-1]
    assert report["notes"] == ["2 calls have another seed than the recipe's 8: 7"]


def test_earlier_runs_in_the_same_file_do_not_count(tool_url: str, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, tool_url, "expectations: {calls_min: 2}\n")
    assert serve_and_ask(recipe, 2)[0] == 0
    code, errors = serve_and_ask(recipe, 1)
    assert code == 4
    assert "1 calls, and 2 are the least" in errors


def test_a_channel_that_changed_nothing_makes_the_run_invalid(tool_url: str, tmp_path: Path) -> None:
    recipe = write_recipe(
        tmp_path, tool_url, TYPOS.replace("title", "nothing") + "expectations: {calls_min: 1}\n"
    )
    code, errors = serve_and_ask(recipe, 1)
    assert code == 4
    assert "typos is on and never changed anything" in errors


def test_a_shipped_recipe_is_served_by_its_name_before_any_upstream(tool_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from earthwire.cli.main import main; main()", "serve", "recorded-llm"]
    process = subprocess.Popen(
        [*command, "--upstream", tool_url, "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert "profile " in process.stdout.readline()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0
