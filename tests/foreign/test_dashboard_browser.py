"""The dashboard in a real browser: headless Chrome from npm, at a proxy that serves real calls."""

import asyncio
import contextlib
import json
import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from earthwire.client import EarthwireClient
from earthwire.config import read_profile, shipped_profile_path
from earthwire.fault_models import Simulation
from earthwire.proxy.admin_config import AdminConfig
from earthwire.proxy.mcp.server import McpConfig
from earthwire.proxy.server import ServeConfig, running_proxy
from foreign.environments import FOLDER, ROOT, EnvironmentUnavailableError, node_environment
from tests.tool_servers import serving

TOKEN = "a-token-of-the-tests-alone"
VIEWER = "another-token-that-only-looks"
PACKAGES = ("@sparticuz/chromium@147.0.0", "puppeteer-core@24.43.1")
BROWSER_TIMEOUT_S = 120.0
CALL_COUNT = 40
EVIL_TOOL = "<img src=x onerror=alert(1)>"


def make_calls(admin_url: str) -> None:
    """Make calls of two tools; the name of one is HTML."""
    params = {"name": EVIL_TOOL, "arguments": {}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    with contextlib.ExitStack() as episodes:
        episode = episodes.enter_context(
            EarthwireClient(admin_url, TOKEN).episode(id="run-1", clock="virtual", severity=8.0)
        )
        for _ in range(CALL_COUNT):
            with contextlib.suppress(urllib.error.HTTPError, OSError):
                request = urllib.request.Request(f"{episode.base_url}/m/files/mcp", body, headers)
                urllib.request.urlopen(request).close()
        for _ in range(CALL_COUNT):
            with contextlib.suppress(urllib.error.HTTPError, OSError):
                urllib.request.urlopen(f"{episode.base_url}/t/plain/search").close()
        # It stays declared: the dashboard is to show it.
        episodes.pop_all()


async def browse(programs: Path) -> dict:
    laws = Simulation(read_profile(shipped_profile_path("demo")), 1)
    with serving() as tool_url:
        config = ServeConfig(
            upstreams={"plain": tool_url},
            mcp={"files": McpConfig(url=tool_url)},
            port=0,
            admin=AdminConfig(TOKEN, viewer_token=VIEWER),
        )
        async with running_proxy(config, laws, lambda _: None) as proxy:
            admin_url = f"http://127.0.0.1:{proxy.admin.address[1]}"
            await asyncio.to_thread(make_calls, admin_url)
            process = await asyncio.create_subprocess_exec(
                programs / "node",
                ROOT / "foreign" / "dashboard_browser.mjs",
                programs.parents[1],
                f"{admin_url}/_earthwire/dashboard#view={VIEWER}",
                TOKEN,
                # The browser is unpacked into the temporary folder: into one that is kept.
                env={**os.environ, "TMPDIR": str(FOLDER / "browser"), "HOME": str(FOLDER / "browser")},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            async with asyncio.timeout(BROWSER_TIMEOUT_S):
                output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return {**json.loads(output), "admin_url": admin_url}


@pytest.fixture(scope="module")
def seen() -> dict:
    """What Chrome showed."""
    try:
        programs = node_environment("browser", *PACKAGES)
    except EnvironmentUnavailableError as error:
        pytest.skip(str(error))
    (FOLDER / "browser").mkdir(exist_ok=True)
    return asyncio.run(browse(programs))


@pytest.mark.slow
def test_the_figures_are_shown(seen) -> None:
    assert seen["status"] == "all is well"
    assert seen["calls"] == seen["afterReload"] == str(2 * CALL_COUNT)
    assert len(seen["lines"]) == 2
    assert all(len(line.split()) > 2 for line in seen["lines"])
    assert sum(int(row[2]) for row in seen["kinds"]) == int(seen["episodes"][0][6]) > 0
    assert [row[0] for row in seen["latency"]] == ["planned", "achieved", "delay error"]
    assert seen["episodes"][0][0] == "run-1"


@pytest.mark.slow
def test_names_from_the_traffic_are_text_and_never_html(seen) -> None:
    names = [row[0] for row in seen["tools"]]
    assert len(names) == 2
    assert f"files/{EVIL_TOOL}" in names
    assert seen["injected"] == 0


@pytest.mark.slow
def test_the_token_leaves_the_address_and_is_never_sent_in_one(seen) -> None:
    assert seen["address"] == f"{seen['admin_url']}/_earthwire/dashboard"
    assert [url for url in seen["asked"] if VIEWER in url or TOKEN in url] == []
    assert [url for url in seen["asked"] if url != '""' and not url.startswith(seen["admin_url"])] == []


@pytest.mark.slow
def test_the_browser_holds_the_page_to_its_policy(seen) -> None:
    assert seen["foreignScriptRan"] is False
    assert seen["htmlWasTaken"] is False
    assert [problem for problem in seen["problems"] if "TrustedScript" not in problem] == []


@pytest.mark.slow
def test_the_admin_token_works_when_it_is_typed_and_is_kept_nowhere(seen) -> None:
    assert TOKEN not in seen["kept"]
    assert seen["kept"] == "{}"
