"""``earthwire mcp wrap-config`` on real files; `mcp wrap` is tested as a process beside the code that it runs."""

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from earthwire.cli.app import command_line
from earthwire.config import shipped_profile_path

CONFIG = {"mcpServers": {"files": {"command": "sh", "args": ["-c", "cat"]}, "web": {"url": "http://x/mcp"}}}


@pytest.fixture
def config(tmp_path):
    path = tmp_path / ".mcp.json"
    path.write_text(json.dumps(CONFIG, indent=2))
    path.chmod(0o600)
    return path


def run(*arguments):
    return CliRunner().invoke(command_line(), ["mcp", *map(str, arguments)])


def files(path):
    return json.loads(path.read_text())["mcpServers"]["files"]


def test_a_server_is_wrapped_with_absolute_paths_and_the_file_is_kept(config, tmp_path):
    before = config.read_text()
    profile = tmp_path / "p.yaml"
    profile.write_bytes(shipped_profile_path("demo").read_bytes())
    result = run(
        "wrap-config", config, "--server", "files", "--profile", profile, "--seed", 3, "--layers", "tool"
    )
    assert result.exit_code == 0
    changed = files(config)
    assert Path(changed["command"]).is_absolute()
    assert changed["args"][:2] == ["mcp", "wrap"]
    assert changed["args"][2:] == [
        *("--profile", str(profile), "--seed", "3", "--layers", "tool", "--name", "files", "--"),
        *(changed["args"][-3], "-c", "cat"),
    ]
    assert Path(changed["args"][-3]).name == "sh"
    assert Path(changed["args"][-3]).is_absolute()
    backup = config.with_name(config.name + ".before-earthwire")
    assert backup.read_text() == before
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


def test_wrapping_twice_wraps_once_and_undo_brings_the_file_back(config):
    before = config.read_text()
    assert run("wrap-config", config, "--server", "files").exit_code == 0
    assert run("wrap-config", config, "--server", "files", "--seed", 5).exit_code == 0
    assert files(config)["args"].count("wrap") == 1
    assert "5" in files(config)["args"]
    assert run("wrap-config", config, "--server", "files", "--undo").exit_code == 0
    assert config.read_text() == before


def test_undo_works_without_the_backup_and_after_other_changes(config):
    assert run("wrap-config", config, "--server", "files").exit_code == 0
    config.with_name(config.name + ".before-earthwire").unlink()
    config.write_text(config.read_text().replace("http://x/mcp", "http://y/mcp"))
    assert run("wrap-config", config, "--server", "files", "--undo").exit_code == 0
    assert files(config)["args"] == ["-c", "cat"]
    assert Path(files(config)["command"]).name == "sh"
    assert "http://y/mcp" in config.read_text()


def test_a_diff_changes_nothing(config):
    before = config.read_text()
    result = run("wrap-config", config, "--server", "files", "--diff")
    assert result.exit_code == 0
    assert '+      "command":' in result.stdout
    assert config.read_text() == before
    assert [path.name for path in config.parent.iterdir()] == [config.name]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "say which server with --server: files, web"),
        (["--server", "web"], "is reached over HTTP"),
        (["--server", "files", "--undo"], "is not wrapped"),
        (["--server", "files", "--layers", "tool,tcp"], "'tcp' is no layer"),
    ],
)
def test_what_cannot_be_done_is_one_error_and_changes_nothing(config, options, told):
    before = config.read_text()
    result = run("wrap-config", config, *options)
    assert result.exit_code == 2
    assert told in result.stderr
    assert config.read_text() == before


def test_a_wrap_without_a_server_says_what_is_missing():
    result = run("wrap")
    assert result.exit_code == 2
    assert "no server to run" in result.stderr
