"""Recipes, profiles and schemas by name, as users ask for them."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from earthwire.config.shipped import shipped_profiles, shipped_recipes

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_lists_name_everything_that_is_shipped(run: Run) -> None:
    assert list(json.loads(run("recipes", "list", "--json").stdout)) == list(shipped_recipes())
    assert list(json.loads(run("profiles", "list", "--json").stdout)) == list(shipped_profiles())


def test_the_table_of_profiles_tells_learned_from_hand_picked(run: Run) -> None:
    lines = run("profiles", "list").stdout.splitlines()
    six = next(line for line in lines if line.strip().startswith("six-faults"))
    cloud = next(line for line in lines if line.strip().startswith("cloud-api"))
    assert "hand-picked" in six
    assert "39,788" in cloud


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
