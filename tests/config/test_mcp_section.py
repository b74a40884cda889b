"""MCP servers in a recipe."""

import re
from pathlib import Path

import pytest

from earthwire.config.located_yaml import FileError
from earthwire.config.recipe import read_recipe

PAGE = Path(__file__).parents[2] / "docs" / "mcp.md"


def read(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    path.write_text(f"earthwire_recipe: 1\nmcp:\n  files: {text}\n")
    return read_recipe(path).mcp["files"]


def test_by_default_faults_surface_where_sessions_survive_them(tmp_path):
    section = read(tmp_path, "{url: 'http://127.0.0.1:8000/mcp?key=1'}")
    assert (section.layers, section.methods) == (["tool", "jsonrpc"], ["tools/call"])


@pytest.mark.parametrize("method", ["initialize", "ping", "server/discover", "notifications/cancelled"])
def test_what_holds_a_session_together_cannot_be_made_to_fail(tmp_path, method):
    with pytest.raises(FileError, match="holds sessions together"):
        read(tmp_path, f"{{url: 'http://127.0.0.1/mcp', methods: [{method}]}}")


@pytest.mark.parametrize(
    "text",
    [
        "{url: 'http://h/mcp', layers: [tcp]}",
        "{url: 'ftp://h/mcp'}",
        "{url: 'http://h/mcp', command: [x]}",
        "{}",
    ],
)
def test_mistakes_are_told(tmp_path, text):
    with pytest.raises(FileError):
        read(tmp_path, text)


def test_the_recipe_of_the_page_is_valid(tmp_path):
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    assert read_recipe(path).mcp["files"].server == "filesystem"
