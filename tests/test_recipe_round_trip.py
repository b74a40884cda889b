"""Same recipe hash, same seed, elsewhere: the same result file but for timings.

Elsewhere is another process in another folder, with another seed of Python's own hashes, other ports, episodes in
another order and at once, and the recipe written differently.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.tool_servers import ToolHandler, serving

EARTHWIRE = (sys.executable, "-c", "from earthwire.cli.main import main; main()")
BOUND_S = 60
CALLS = 25
PROSE = "Please find the purchase of water for the people of the city and help the new account quickly."
BODY = json.dumps({"title": PROSE, "items": [{"description": PROSE, "id": "ab12", "n": 1.5}]}).encode()
RECIPE = """\
earthwire_recipe: 1
profile: six-faults
seed: SEED
clock: {mode: virtual}
client_timeout_s: 2.0
routes: {tools: {upstream: "http://127.0.0.1:1"}}
channels:
  observation: {fields: ["**.title", "**.description"], typos: {rate: 0.2}, truncation: {rate: 0.3}}
costs: {per_call: 1.0, ignored_retry_after: 5.0}
budget: {calls_max: 20}
"""
WRITTEN_OTHERWISE = """\
# The same.
budget:
  calls_max: 20
costs: {ignored_retry_after: 5.0, per_call: 1.0}
channels:
  observation:
    truncation: {rate: 0.3}
    typos: {rate: 0.2}
    fields: ["**.title", "**.description"]
client_timeout_s: 2.0
clock: {mode: virtual}
severity: 1.0
routes:
  tools: {upstream: "http://127.0.0.1:1"}
seed: SEED
profile: six-faults
earthwire_recipe: 1
"""
TIMINGS = ("start_time_unix_nano", "duration_ns", "ttfb_ns", "lateness_ns", "lag_ns", "inflight_at_start")


class Tool(ToolHandler):
    body = BODY


@pytest.fixture(scope="module")
def tool_url() -> Iterator[str]:
    with serving(Tool) as url:
        yield url


async def ask(url: str, episodes: str, at_once: bool) -> dict[str, list[object]]:
    """Make the calls of each episode, in turn; return status and body of each, or that it had none."""
    seen: dict[str, list[object]] = {}

    async def run(episode: str) -> None:
        for _ in range(CALLS):
            try:
                async with client.get(f"{url}/e/{episode}/search") as response:
                    found: object = (response.status, await response.read())
            except aiohttp.ClientError as error:
                found = type(error).__name__
            seen.setdefault(episode, []).append(found)

    async with asyncio.timeout(BOUND_S), aiohttp.ClientSession() as client:
        if at_once:
            await asyncio.gather(*map(run, episodes))
        else:
            for episode in episodes:
                await run(episode)
    return seen


class Result:
    """What a run of a recipe left behind."""

    def __init__(self, folder: Path, recipe: str, tool_url: str, episodes: str, at_once: bool) -> None:
        folder.mkdir()
        (folder / "recipe.yaml").write_text(recipe)
        environment = {**os.environ, "PYTHONHASHSEED": str(len(episodes) + at_once)}
        options = ["--upstream", f"tools={tool_url}", "--port", "0", "--record", "run.jsonl"]
        process = subprocess.Popen(
            [*EARTHWIRE, "serve", "recipe.yaml", *options],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert process.stdout is not None
            self.seen = asyncio.run(ask(process.stdout.readline().split()[2], episodes, at_once))
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=BOUND_S)
        assert process.returncode == 0
        lines = (folder / "run.jsonl").read_text().splitlines()[1:]
        self.records = sorted(map(_without_timings, map(json.loads, lines)), key=json.dumps)
        shown = subprocess.run(
            [*EARTHWIRE, "recipes", "show", "./recipe.yaml", "--json"],
            cwd=folder,
            capture_output=True,
            check=True,
            env=environment,
        )
        self.hash = json.loads(shown.stdout)["hash"]


def _without_timings(record: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in record.items() if name not in TIMINGS}


def test_the_same_recipe_gives_the_same_result_file_but_for_timings(tool_url: str, tmp_path: Path) -> None:
    here = Result(tmp_path / "here", RECIPE.replace("SEED", "7"), tool_url, "abc", at_once=False)
    there = Result(tmp_path / "there", WRITTEN_OTHERWISE.replace("SEED", "7"), tool_url, "cab", at_once=True)
    assert there.hash == here.hash
    assert there.seen == here.seen
    assert there.records == here.records
    assert len(here.records) == 3 * CALLS
    assert len({record["plan_outcome"] for record in here.records}) > 4


def test_another_seed_has_another_hash_and_another_result(tool_url: str, tmp_path: Path) -> None:
    """The negative control: what is compared above can differ."""
    one = Result(tmp_path / "one", RECIPE.replace("SEED", "7"), tool_url, "a", at_once=False)
    other = Result(tmp_path / "other", RECIPE.replace("SEED", "8"), tool_url, "a", at_once=False)
    assert other.hash != one.hash
    assert other.seen != one.seen
    assert other.records != one.records
