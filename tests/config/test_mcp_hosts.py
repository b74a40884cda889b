"""Configurations of MCP hosts are changed in one place only, and back."""

import json

import pytest

from earthwire.config.jsonc import read_jsonc
from earthwire.config.mcp_hosts import (
    HostConfigError,
    Launch,
    read_launch,
    server_names,
    with_launch,
    wrapped_launch,
)

CLAUDE = """{
  "mcpServers": {
    "files": {
      "command": "npx",
      "args": [
        "-y",
        "@modelcontextprotocol/server-filesystem",
        "/home/me"
      ],
      "env": {"KEY": "value"}
    },
    "bare": {"command": "server"}
  },
  "other": true
}
"""
VS_CODE = """{
  // my servers
  "servers": {
    "files": {
      "type": "stdio", // started by the editor
      "command": "npx",
      "args": ["-y", "server"],
    },
  },
}
"""


@pytest.mark.parametrize("text", [CLAUDE, VS_CODE])
def test_wrapping_and_unwrapping_gives_the_same_bytes(text):
    launch = read_launch(text, "files")
    wrapped = wrapped_launch(launch, "/opt/earthwire", ["--seed", "3"], launch.command)
    changed = with_launch(text, "files", wrapped)
    assert read_launch(changed, "files") == wrapped
    assert wrapped.wrapped == launch
    assert with_launch(changed, "files", launch) == text


def test_all_else_stays_as_it_is():
    wrapped = Launch("/opt/earthwire", ("mcp", "wrap", "--", "npx", "-y", "server"))
    changed = with_launch(VS_CODE, "files", wrapped)
    assert "// my servers" in changed
    assert '"type": "stdio", // started by the editor' in changed
    before, after = CLAUDE, with_launch(CLAUDE, "files", wrapped)
    for section in ("other",):
        assert read_jsonc(after).plain[section] == read_jsonc(before).plain[section]
    assert json.loads(after)["mcpServers"]["bare"] == {"command": "server"}
    assert json.loads(after)["mcpServers"]["files"]["env"] == {"KEY": "value"}


def test_a_server_without_arguments_gets_some():
    changed = with_launch(CLAUDE, "bare", Launch("/opt/earthwire", ("mcp", "wrap", "--", "server")))
    assert json.loads(changed)["mcpServers"]["bare"] == {
        "command": "/opt/earthwire",
        "args": ["mcp", "wrap", "--", "server"],
    }


def test_names_are_listed():
    assert server_names(CLAUDE) == ["bare", "files"]


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        (CLAUDE, "absent", "no server 'absent'; there is bare, files"),
        ("{}", "a", "holds neither"),
        ("{", "a", "not JSON, even with comments: 1:2"),
        ('{"mcpServers": {"a": 5}}', "a", "is not an object"),
        ('{"mcpServers": {"a": {}}}', "a", "has no command"),
        ('{"mcpServers": {"a": {"command": "x", "args": [1]}}}', "a", "not a list of strings"),
        ('{"servers": {"a": {"url": "https://x.example/mcp"}}}', "a", "earthwire serve --mcp a=URL"),
    ],
)
def test_what_cannot_be_changed_is_refused_with_the_way_out(text, name, told):
    with pytest.raises(HostConfigError) as caught:
        read_launch(text, name)
    assert told in str(caught.value)
