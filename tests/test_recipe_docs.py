"""Every key of a recipe is documented, in the page and in the schema."""

import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
MAKE_RECIPE_DOCS: dict[str, Any] = runpy.run_path(str(ROOT / "scripts" / "make_recipe_docs.py"))
PAGE = ROOT / "docs" / "recipes.md"
KEYS: list[str] = MAKE_RECIPE_DOCS["keys"]()


def section_of(path: str) -> str:
    """Return the text of one section of the page."""
    title = f"## `{path}`\n" if path else "## Keys of a recipe\n"
    return PAGE.read_text("utf-8").partition(title)[2].partition("\n## ")[0]


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_in_the_page(key: str) -> None:
    path, _, name = key.rpartition(".")
    assert f"| `{name}` |" in section_of(path), "run: python scripts/make_recipe_docs.py"


def test_the_page_is_what_the_script_makes_of_the_models() -> None:
    text = PAGE.read_text("utf-8")
    assert text == MAKE_RECIPE_DOCS["page"](text), "run: python scripts/make_recipe_docs.py"


def test_every_key_says_what_it_is_for() -> None:
    silent = [
        f"{path}.{name}"
        for path, model in MAKE_RECIPE_DOCS["sections"]()
        for name, field in model.model_fields.items()
        if not MAKE_RECIPE_DOCS["description"](field)
    ]
    assert silent == []


def test_the_keys_of_all_channels_are_among_them() -> None:
    assert {"channels.observation.typos.rate", "channels.shield.mode", "costs.tools.NAME.per_kb"} <= set(KEYS)
    assert "expectations.faults[].kind" in KEYS
