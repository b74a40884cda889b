"""The same hash for recipes that do the same."""

from pathlib import Path

import pytest

from earthwire.config.recipe import RecipeFile, read_recipe
from earthwire.config.recipe_hash import profile_content_hash, recipe_hash
from earthwire.config.shipped import shipped_profile_path

WRITTEN = """\
earthwire_recipe: 1
seed: 3
severity: 2.0
routes:
  tools: {upstream: "http://127.0.0.1:8000"}
  more: {upstream: "http://127.0.0.1:8001"}
costs: {per_call: 0.5, tools: {"a*": {per_call: 1.0}, b: {per_call: 2.0}}}
"""
REORDERED = """\
# The same, written by somebody else.
costs:
  tools:
    b: {per_call: 2.0}
    "a*": {per_call: 1.0}   # dear
  per_call: 0.5
routes:
  more: {upstream: 'http://127.0.0.1:8001'}
  tools:
    upstream: http://127.0.0.1:8000
severity: 2.0
ground: false
seed: 3
earthwire_recipe: 1
"""


def read(folder: Path, text: str) -> RecipeFile:
    folder.mkdir(exist_ok=True)
    path = folder / "recipe.yaml"
    path.write_text(text)
    return read_recipe(path)


def test_order_comments_quotes_and_defaults_do_not_matter(tmp_path: Path) -> None:
    assert recipe_hash(read(tmp_path, REORDERED)) == recipe_hash(read(tmp_path, WRITTEN))


def test_where_it_runs_and_what_is_kept_does_not_matter(tmp_path: Path) -> None:
    here = read(tmp_path / "a", WRITTEN + "listen: {port: 1}\nrecord: {path: x.jsonl}\ndescription: mine\n")
    assert recipe_hash(here) == recipe_hash(read(tmp_path / "b", WRITTEN))


def test_the_folder_does_not_matter(tmp_path: Path) -> None:
    text = WRITTEN + "profile: tools.yaml\nreplay: {traces: [a.jsonl]}\n"
    assert recipe_hash(read(tmp_path / "a", text)) == recipe_hash(read(tmp_path / "b", text))


def test_the_laws_of_the_profile_count_and_not_its_name(tmp_path: Path) -> None:
    one = read(tmp_path, WRITTEN + "profile: one.yaml\n")
    other = read(tmp_path, WRITTEN + "profile: other.yaml\n")
    assert one.profile is not None
    assert other.profile is not None
    assert recipe_hash(one, {one.profile: "abc"}) == recipe_hash(other, {other.profile: "abc"})
    assert recipe_hash(one, {one.profile: "abc"}) != recipe_hash(one, {one.profile: "abd"})


@pytest.mark.parametrize(
    "change",
    [
        ("seed: 3", "seed: 4"),
        ("8000", "8002"),
        ("per_call: 2.0", "per_call: 2.5"),
        ("severity: 2.0", "severity: 1.0"),
    ],
)
def test_what_changes_a_run_changes_the_hash(tmp_path: Path, change: tuple[str, str]) -> None:
    assert recipe_hash(read(tmp_path, WRITTEN.replace(*change))) != recipe_hash(read(tmp_path, WRITTEN))


def test_the_laws_of_a_profile_have_one_hash_wherever_they_come_from(tmp_path: Path) -> None:
    text = shipped_profile_path("six-faults").read_text()
    elsewhere = tmp_path / "tools.yaml"
    elsewhere.write_text("# Mine.\n" + text.replace("Hand-picked", "Copied"))
    assert profile_content_hash(elsewhere) == profile_content_hash(shipped_profile_path("six-faults"))
    elsewhere.write_text(text.replace("timeout: 500", "timeout: 501"))
    assert profile_content_hash(elsewhere) != profile_content_hash(shipped_profile_path("six-faults"))


def test_the_hash_is_the_same_on_every_machine(tmp_path: Path) -> None:
    """A pinned value: a change of the algorithm would part old results from new ones."""
    assert recipe_hash(read(tmp_path, WRITTEN)) == "b26d344a77da3a24"
