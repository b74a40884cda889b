import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from earthwire.cli.commands.import_traces import import_traces
from earthwire.traces import read_traces
from earthwire.traces.files.jsonl import header_line

CASSETTE = """---
version: 2
interactions:
- request: {{method: GET, url: "https://a.example/v1/zones/{zone}?token=s3cret"}}
  response: {{code: 200, duration: 5ms, body: '{{"password":"s3cret"}}'}}
- request: {{method: GET, url: "https://a.example/v1/zones/{zone}"}}
  response: {{code: 404, duration: 6ms}}
"""
TREES = ["alder", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine"]


def run(*arguments: str | Path) -> Result:
    app = typer.Typer()
    app.command()(import_traces)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def cassettes(tmp_path: Path) -> Path:
    folder = tmp_path / "cassettes"
    folder.mkdir()
    for tree in TREES:
        (folder / f"{tree}.yaml").write_text(CASSETTE.format(zone=tree))
    return folder


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.parquet"])
def test_every_output_format_holds_all_records(cassettes: Path, tmp_path: Path, name: str) -> None:
    result = run(cassettes, "-o", tmp_path / name)
    assert result.exit_code == 0, result.output
    assert len(list(read_traces(tmp_path / name))) == 20
    assert f"20 records written to {tmp_path / name}" in result.output.replace("\n", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cassettes", name]


def test_the_summary_counts_and_says_what_cannot_be_told(cassettes: Path) -> None:
    result = run(cassettes)
    assert "go-vcr cassette cannot tell: Calls whose round trip failed" in result.output
    assert "all 10 sources" in result.output
    assert "ok 10" in result.output
    assert "http_error 10" in result.output


def test_json_holds_the_same(cassettes: Path) -> None:
    (cassettes / "README.md").write_text("notes")
    (cassettes / ".git").mkdir()
    report = json.loads(run(cassettes, "--json").stdout)
    first = report["sources"][0]
    assert first["records"] == 2
    assert first["with_latency"] == 2
    assert first["outcomes"] == {"ok": 1, "http_error": 1}
    assert list(report["cannot_tell"]) == ["go-vcr cassette"]
    assert [Path(path).name for path in report["ignored"]] == ["README.md"]
    assert report["hidden"] == 1


def test_templates_are_learned_unless_told_otherwise(cassettes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    run(cassettes, "-o", out)
    assert {record.tool for record in read_traces(out)} == {"GET a.example/v1/zones/{id}"}
    run(cassettes, "-o", out, "--no-learn-templates")
    assert len({record.tool for record in read_traces(out)}) == 10
    run(cassettes, "-o", out, "--template", "/v1/zones/{zone}")
    assert {record.tool for record in read_traces(out)} == {"GET a.example/v1/zones/{zone}"}


def test_bodies_and_urls_are_kept_only_on_request_and_redacted(cassettes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    run(cassettes, "-o", out)
    assert all(record.response_body is record.url_full is None for record in read_traces(out))
    run(cassettes, "-o", out, "--keep-bodies", "--keep-urls")
    assert "s3cret" not in out.read_text()
    assert '{"password":"REDACTED"}' in {record.response_body for record in read_traces(out)}
    assert any("token=REDACTED" in (record.url_full or "") for record in read_traces(out))


def test_bad_input_is_one_error_and_exit_code_2(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(header_line() + b'{"tool":"a"}\n{"tool":"b","duration":1}\n')
    out = tmp_path / "out.jsonl"
    result = run(path, "-o", out)
    assert result.exit_code == 2
    assert f"{path}:3: unknown field `duration`" in result.stderr
    assert not out.exists()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["t.jsonl"]


def test_bad_lines_and_bad_files_can_be_left_out_and_are_named(cassettes: Path, tmp_path: Path) -> None:
    (cassettes / "bad.jsonl").write_bytes(header_line() + b'{"tool":"a"}\nnonsense\n')
    (cassettes / "bad.har").write_text('{"log": {"entries": [')
    result = run(cassettes, "--skip-bad-lines", "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 0
    assert "bad.jsonl:3: not one JSON object" in result.output
    assert "bad.har:1: not JSON" in result.output
    assert len(list(read_traces(tmp_path / "out.jsonl"))) == 21


@pytest.mark.parametrize("name", ["out.csv", "out"])
def test_an_unknown_output_format_is_refused(cassettes: Path, tmp_path: Path, name: str) -> None:
    result = run(cassettes, "-o", tmp_path / name)
    assert result.exit_code == 2
    assert "must end in .jsonl, .jsonl.gz, .parquet" in result.stderr


def test_the_output_is_never_an_input(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(header_line() + b'{"tool":"a"}\n')
    result = run(path, "-o", path)
    assert result.exit_code == 2
    assert "is an input as well" in result.stderr


def test_a_missing_file_is_one_error(tmp_path: Path) -> None:
    result = run(tmp_path / "absent.har")
    assert result.exit_code == 2
    assert "cannot be read: No such file" in result.stderr
