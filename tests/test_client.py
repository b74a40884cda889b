"""The client of the admin side, against a proxy that the command line started."""

import contextlib
import re
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from earthwire.client import EarthwireClient, EarthwireError

END_TIMEOUT_S = 30.0
TOKEN = "a-token-of-the-tests-alone"


class Tool(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def served(folder: Path, *arguments: str, **environment: str) -> Iterator[tuple[str, str]]:
    """Serve the demo profile before a tool; give the URL of the admin side and all that was said on stderr."""
    tool = ThreadingHTTPServer(("127.0.0.1", 0), Tool)
    Thread(target=tool.serve_forever, daemon=True).start()
    said = folder / "stderr"
    command = [sys.executable, "-c", "from earthwire.cli.main import main; main()", "serve"]
    command += ["--upstream", f"http://127.0.0.1:{tool.server_port}", "--profile", "demo", "--port", "0"]
    with said.open("w") as stderr:
        process = subprocess.Popen(
            [*command, "--admin-port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={"PATH": "/usr/bin:/bin", **environment},
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("earthwire serves")
            deadline = 200
            while "admin API" not in said.read_text() and deadline:
                deadline -= 1
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.05)
            text = said.read_text()
            found = re.search(r"admin API: (http://\S+?)/_earthwire", text)
            assert found, text
            yield found[1], text
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(END_TIMEOUT_S)
            assert process.stdout is not None
            process.stdout.close()
            tool.shutdown()
            tool.server_close()


def test_an_episode_from_its_declaration_to_its_last_report(tmp_path: Path) -> None:
    with served(tmp_path, EARTHWIRE_ADMIN_TOKEN=TOKEN) as (url, said):
        assert TOKEN not in said
        client = EarthwireClient(url, TOKEN)
        with client.episode(id="run-1", seed=7, clock="virtual", client_timeout_s=0.06) as episode:
            for _ in range(40):
                with contextlib.suppress(urllib.error.HTTPError):
                    urllib.request.urlopen(episode.base_url + "/search", timeout=10).read()
            report = episode.report()
        assert report.calls == 40
        assert report.achieved_s < report.virtual_s < report.intended_s
        assert report.logical_calls + report.retries == 40
        assert report.whole["seed"] == 7
        with pytest.raises(EarthwireError, match="no episode 'run-1'") as caught:
            client.report("run-1")
        assert (caught.value.status, caught.value.code) == (404, "no_such_episode")
        with pytest.raises(EarthwireError, match="seed") as caught:
            client.episode(seed=2**64)
        assert caught.value.status == 400
        with client.episode(id="run-2") as episode:
            episode.end()
        with pytest.raises(EarthwireError, match="token"):
            EarthwireClient(url, "wrong-token-wrong-token").episode()


def test_an_episode_has_urls_of_mcp_servers_and_a_budget_of_its_own(tmp_path: Path) -> None:
    with served(tmp_path, "--mcp", "files=http://127.0.0.1:1/mcp", EARTHWIRE_ADMIN_TOKEN=TOKEN) as (url, _):
        client = EarthwireClient(url, TOKEN)
        with client.episode(id="run-2", recipe={"profile": "demo", "clock": {"mode": "virtual"}}) as episode:
            assert episode.report().whole["clock"] == "virtual"
        with pytest.raises(EarthwireError, match="paths are not taken"):
            client.episode(recipe="./recipe.yaml")
        with client.episode(id="run-1", clock="virtual", budget={"calls_max": 0}) as episode:
            assert episode.mcp_urls == {"files": f"{episode.base_url}/m/files/mcp"}
            with pytest.raises(urllib.error.HTTPError, match="429"):
                urllib.request.urlopen(f"{episode.base_urls['upstream']}/search")
            costs = episode.report().costs
    assert costs is not None
    assert (costs["refused"], costs["budget_spent"]) == (1, "calls")


def test_an_agent_lets_virtual_time_pass_and_no_other(tmp_path: Path) -> None:
    with served(tmp_path, EARTHWIRE_ADMIN_TOKEN=TOKEN) as (url, _):
        client = EarthwireClient(url, TOKEN)
        with client.episode(clock="virtual") as episode:
            assert episode.advance(12.5).waited_s == 12.5
            assert episode.advance(0.5).waited_s == episode.report().waited_s == 13.0
            with pytest.raises(EarthwireError, match="seconds") as caught:
                episode.advance(-1.0)
            assert caught.value.status == 400
        with client.episode(clock="scaled", speed=5.0) as episode:
            with pytest.raises(EarthwireError, match="wait instead") as caught:
                episode.advance(1.0)
            assert (caught.value.status, caught.value.code) == (409, "clock_runs")
        with pytest.raises(EarthwireError, match="no episode 'gone'"):
            client.advance("gone", 1.0)


def test_a_token_file_is_written_for_its_owner_and_read_the_next_time(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "token"
    tokens = []
    for _ in range(2):
        with served(tmp_path, "--admin-token-file", str(path)) as (url, said):
            monkeypatch.setenv("EARTHWIRE_ADMIN_URL", url)
            monkeypatch.setenv("EARTHWIRE_ADMIN_TOKEN_FILE", str(path))
            EarthwireClient.from_environment().episode().end()
            tokens.append(path.read_text())
            assert path.read_text().strip() not in said
    assert tokens[0] == tokens[1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_token_that_nobody_gave_is_printed(tmp_path: Path) -> None:
    with served(tmp_path) as (url, said):
        token = re.search(r"admin token: (\S+)", said)
        assert token
        EarthwireClient(url, token[1]).episode().end()


def test_a_proxy_that_is_not_there_is_named() -> None:
    with pytest.raises(EarthwireError, match=r"127\.0\.0\.1:9 does not answer"):
        EarthwireClient("http://127.0.0.1:9", TOKEN).report("x")


@pytest.mark.parametrize("url", ["127.0.0.1:8901", "https://127.0.0.1:8901", "http://"])
def test_a_url_must_be_one(url: str) -> None:
    with pytest.raises(ValueError, match="no URL of an admin side"):
        EarthwireClient(url, TOKEN)


def test_what_is_not_an_admin_side_is_noticed() -> None:
    other = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    Thread(target=other.serve_forever, daemon=True).start()
    try:
        with pytest.raises(EarthwireError, match="without JSON"):
            EarthwireClient(f"http://127.0.0.1:{other.server_port}", TOKEN).report("x")
    finally:
        other.shutdown()
        other.server_close()


def test_the_client_needs_the_standard_library_alone() -> None:
    code = (
        "import sys; before = set(sys.modules); import earthwire.client; "
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(names - set(sys.stdlib_module_names)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "['earthwire']"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--admin-token-file", "x"), "goes with --admin-port"),
        (("--admin-port", "65535", "--workers", "2"), "--admin-port: 2 workers need as many ports"),
    ],
)
def test_options_that_do_not_go_together_are_named(arguments: tuple[str, ...], message: str) -> None:
    command = [sys.executable, "-c", "from earthwire.cli.main import main; main()", "serve"]
    result = subprocess.run(
        [*command, "--upstream", "http://127.0.0.1:9", *arguments], capture_output=True, text=True
    )
    assert result.returncode == 2
    assert message in result.stderr
