"""The documents name commands and options as they are."""

import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from earthwire.cli.app import command_line
from earthwire.config.recipe import read_recipe

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "commands.md"
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MAKE_COMMAND_DOCS = runpy.run_path(str(ROOT / "scripts" / "make_command_docs.py"))
COMMANDS = MAKE_COMMAND_DOCS["commands"](typer.main.get_command(command_line()))
_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`(earthwire [^`]+)`")


def options_of(command: str) -> set[str]:
    parameters = COMMANDS[command].params
    return {name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)} | {
        "--help"
    }


def command_of(words: list[str]) -> str:
    """Return the command that a line calls, which may belong to a group."""
    names = (" ".join(words[1:3]), words[1])
    return next(name for name in names if name in COMMANDS)


def command_lines(text: str) -> Iterator[str]:
    """Yield what a document shows as typed: lines of code blocks and spans of code that begin with ``earthwire``."""
    for block in _BLOCK.findall(text):
        joined = block.replace("\\\n", " ")
        yield from (line.strip() for line in joined.splitlines() if re.match(r"\s*earthwire [a-z]", line))
    yield from _INLINE.findall(_BLOCK.sub("", text))


SHOWN = [
    pytest.param(line, id=f"{path.name}: {line}")
    for path in DOCUMENTS
    for line in command_lines(path.read_text("utf-8"))
]


def test_the_page_of_commands_is_what_the_script_makes_of_the_help_texts() -> None:
    made = MAKE_COMMAND_DOCS["page"]()
    assert PAGE.read_text("utf-8") == made, "run: python scripts/make_command_docs.py"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_is_documented(command: str) -> None:
    page = PAGE.read_text("utf-8")
    section = page.partition(f"\n## {command}\n")[2].partition("\n## ")[0]
    names = options_of(command) - {"--help"}
    assert [name for name in names if f"`{name}`" not in section] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_parameter_has_a_help_text(command: str) -> None:
    assert [parameter.name for parameter in COMMANDS[command].params if not parameter.help] == []


@pytest.mark.parametrize("line", SHOWN)
def test_command_lines_in_documents_exist(line: str) -> None:
    words = shlex.split(line, comments=True)
    if words[1].isupper() or words[1].startswith("-"):
        return
    command = command_of(words)
    if "--" in words:
        words = words[: words.index("--")]  # What follows is another program's.
    given = {word.partition("=")[0] for word in words[2:] if word.startswith("-")}
    assert given <= options_of(command)


def test_the_readme_shows_every_command() -> None:
    lines = command_lines((ROOT / "README.md").read_text("utf-8"))
    shown = {command_of(line.split()) for line in lines if not line.split()[1].isupper()}
    assert shown >= set(COMMANDS) - {"demo"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_files_of_the_repository_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text("utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_recipe_in_the_readme_is_valid(tmp_path: Path) -> None:
    blocks = _BLOCK.findall((ROOT / "README.md").read_text("utf-8"))
    recipes = [block for block in blocks if block.startswith("earthwire_recipe")]
    assert recipes
    for text in recipes:
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        assert read_recipe(path).routes
