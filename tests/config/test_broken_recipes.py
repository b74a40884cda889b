"""Broken recipes and what their authors are told, held against `broken_recipes.txt`.

After a change of a message run this file as a program and look at the difference:

    python tests/config/test_broken_recipes.py
"""

import tempfile
from pathlib import Path

import pytest

from earthwire.config.located_yaml import FileError
from earthwire.config.recipe import read_recipe

SNAPSHOT = Path(__file__).with_suffix("").parent / "broken_recipes.txt"
_TITLE, _ANSWER = "=== ", "--- answer"


def cases() -> dict[str, tuple[str, str]]:
    """Return recipe and answer by title."""
    found = {}
    for block in SNAPSHOT.read_text("utf-8").split(_TITLE)[1:]:
        title, _, rest = block.partition("\n")
        recipe, _, answer = rest.partition(f"{_ANSWER}\n")
        found[title] = (recipe, answer.rstrip("\n"))
    return found


def answer_to(recipe: str, folder: Path) -> str:
    """Return what the author of a recipe is told."""
    path = folder / "recipe.yaml"
    path.write_text(recipe, "utf-8")
    with pytest.raises(FileError) as caught:
        read_recipe(path)
    return caught.value.illustrated.replace(str(path), "recipe.yaml")


@pytest.mark.parametrize("title", cases())
def test_a_broken_recipe_gets_the_answer_that_was_agreed_on(title: str, tmp_path: Path) -> None:
    recipe, expected = cases()[title]
    assert answer_to(recipe, tmp_path) == expected


@pytest.mark.parametrize("title", cases())
def test_every_answer_has_a_place_and_a_caret(title: str) -> None:
    """A misplaced caret would be seen in the snapshot; one that is missing might not."""
    lines = cases()[title][1].splitlines()
    problems = [line for line in lines if line.startswith("recipe.yaml:")]
    carets = [line for line in lines if line.strip() == "^"]
    assert len(problems) == len(carets) >= 1


def test_there_are_thirty_of_them() -> None:
    assert len(cases()) >= 30


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        texts = [
            f"{_TITLE}{title}\n{recipe}{_ANSWER}\n{answer_to(recipe, Path(folder))}\n"
            for title, (recipe, _) in cases().items()
        ]
    SNAPSHOT.write_text("\n".join(texts), "utf-8")
