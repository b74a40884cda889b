from pathlib import Path

import pytest

from earthwire.config.located_yaml import FileError
from earthwire.config.recipe import ListenSection, RecipeFile, read_recipe

SMALL = "earthwire_recipe: 1\nroutes: {tools: {upstream: 'http://127.0.0.1:8000'}}\n"
FULL = """\
earthwire_recipe: 1
profile: tools.yaml
seed: 7
server: api.example.com
regime_clock: time
routes:
  tools: {upstream: "http://127.0.0.1:8000"}
  more-2.x_: {upstream: "https://api.example.com/v1"}
replay: {traces: [a.jsonl, /elsewhere/b.jsonl], on_miss: nearest, timing: calibrated}
listen: {host: "::1", port: 0, allow_public: true}
record: {path: out/simulated.jsonl, bodies: true}
"""


def read_text(folder: Path, text: str) -> RecipeFile:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return read_recipe(path)


def problem(folder: Path, text: str) -> str:
    with pytest.raises(FileError) as caught:
        read_text(folder, text)
    return str(caught.value).removeprefix(f"{folder / 'recipe.yaml'}:")


def test_a_small_recipe_has_defaults(tmp_path: Path) -> None:
    recipe = read_text(tmp_path, SMALL)
    assert (recipe.profile, recipe.seed, recipe.replay, recipe.record) == (None, 0, None, None)
    assert recipe.listen == ListenSection(host="127.0.0.1", port=8900, allow_public=False)


def test_every_key_is_read(tmp_path: Path) -> None:
    recipe = read_text(tmp_path, FULL)
    assert recipe.seed == 7
    assert recipe.server == "api.example.com"
    assert recipe.regime_clock == "time"
    assert {name: route.upstream for name, route in recipe.routes.items()} == {
        "tools": "http://127.0.0.1:8000",
        "more-2.x_": "https://api.example.com/v1",
    }
    assert recipe.listen == ListenSection(host="::1", port=0, allow_public=True)
    assert recipe.replay is not None
    assert (recipe.replay.on_miss, recipe.replay.timing) == ("nearest", "calibrated")
    assert recipe.record is not None
    assert recipe.record.bodies


def test_relative_paths_count_from_the_folder_of_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "recipes"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    recipe = read_text(folder, FULL)
    assert recipe.profile == str(folder / "tools.yaml")
    assert recipe.record is not None
    assert recipe.record.path == str(folder / "out" / "simulated.jsonl")
    assert recipe.replay is not None
    assert recipe.replay.traces == [str(folder / "a.jsonl"), "/elsewhere/b.jsonl"]


def test_a_recipe_may_answer_from_recordings_alone(tmp_path: Path) -> None:
    assert read_text(tmp_path, "earthwire_recipe: 1\nreplay: {traces: [a.jsonl]}\n").routes == {}


@pytest.mark.parametrize("text", ["earthwire_recipe: 1\n", "earthwire_recipe: 1\nroutes: {}\n"])
def test_a_recipe_with_nothing_to_answer_with_is_refused(tmp_path: Path, text: str) -> None:
    assert problem(tmp_path, text) == (
        "1:1: (file): name at least one of `routes`, `mcp` and `replay`, or there is nothing to answer with"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SMALL + "sed: 7\n", "3:1: sed: unknown key; did you mean `seed`?"),
        (
            SMALL + "listen: {workers: 65}\n",
            "3:19: listen.workers: 65: input should be less than or equal to 64",
        ),
        (SMALL + "listen: {unix: a.sock, workers: 2}\n", "3:1: listen: `unix` goes with one worker"),
        (SMALL + "listen: {prot: 80}\n", "3:10: listen.prot: unknown key; did you mean `port`?"),
        (
            SMALL + "listen: {port: 65536}\n",
            "3:16: listen.port: 65536: input should be less than or equal to 65535",
        ),
        (SMALL + "listen: {port: -1}\n", "3:16: listen.port: -1: input should be greater than or equal to 0"),
        (SMALL + "seed: lucky\n", "3:7: seed: 'lucky': input should be a valid integer"),
        (
            SMALL + f"seed: {2**63}\n",
            f"3:7: seed: {2**63}: input should be less than or equal to {2**63 - 1}",
        ),
        (
            SMALL + "replay: {traces: []}\n",
            "3:18: replay.traces: []: list should have at least 1 item after validation, not 0",
        ),
        (SMALL + "replay: {on_miss: error}\n", "3:9: replay.traces: this key is missing"),
        (
            SMALL + "replay: {traces: [a], timing: fast}\n",
            "3:31: replay.timing: 'fast': input should be 'recorded' or 'calibrated'",
        ),
        (SMALL + "record: {bodies: true}\n", "3:9: record.path: this key is missing"),
        (
            SMALL.replace("http:", "ftp:"),
            "2:28: routes.tools.upstream: 'ftp://127.0.0.1:8000': string should match pattern '^(https?|",
        ),
        (
            SMALL.replace("//127.0.0.1:8000", "//"),
            "2:28: routes.tools.upstream: 'http://': string should match pattern '^(https?|http\\+unix)://[^/?#]'",
        ),
        (
            SMALL.replace("tools:", "my tools:"),
            "2:20: routes.my tools: 'my tools': string should match pattern '^[A-Za-z0-9._-]{1,64}$'",
        ),
        (
            SMALL.replace("earthwire_recipe: 1", "earthwire_recipe: 2"),
            "1:19: earthwire_recipe: 2: input should be 1",
        ),
        (SMALL.replace("earthwire_recipe: 1", "seed: 1"), "1:1: earthwire_recipe: this key is missing"),
    ],
)
def test_bad_values_are_one_line_in_their_place(tmp_path: Path, text: str, expected: str) -> None:
    assert problem(tmp_path, text).startswith(expected)


def test_files_of_tls_and_sockets_count_from_the_recipe_s_folder(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "earthwire_recipe: 1\n"
        "routes: {tool: {upstream: 'http+unix://%2Frun%2Ftool.sock'}}\n"
        "listen: {unix: proxy.sock, certificate: c.pem, key: c.key}\n"
        "upstream_tls: {ca: /etc/ca.pem}\n"
    )
    recipe = read_recipe(path)
    assert recipe.listen.unix == str(tmp_path / "proxy.sock")
    assert (recipe.listen.certificate, recipe.listen.key) == (
        str(tmp_path / "c.pem"),
        str(tmp_path / "c.key"),
    )
    assert (recipe.upstream_tls.ca, recipe.upstream_tls.certificate) == ("/etc/ca.pem", None)


@pytest.mark.parametrize("section", ["listen", "upstream_tls"])
def test_key_without_certificate_is_refused(tmp_path, section):
    path = tmp_path / "recipe.yaml"
    path.write_text(
        f"earthwire_recipe: 1\nroutes: {{t: {{upstream: 'http://a'}}}}\n{section}: {{key: c.key}}\n"
    )
    with pytest.raises(FileError, match="is that of a `certificate`; give both"):
        read_recipe(path)
