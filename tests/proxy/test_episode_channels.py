"""Channels that one declared episode has of its own: over real sockets, through the admin API."""

import asyncio
import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from earthwire.client import EarthwireClient
from earthwire.config.channel_models import channels_of
from earthwire.config.recipe import RecipeFile
from earthwire.proxy.admin_config import AdminConfig
from earthwire.proxy.calls.pass_through import PassThrough
from earthwire.proxy.mcp.server import McpConfig
from earthwire.proxy.server import ServeConfig, running_proxy
from tests.tool_servers import ToolHandler, serving

TOKEN = "a-token-of-the-tests-alone"
PROSE = "Please find the purchase of water for the people of the city, and help the new account quickly."
NOISY = {"channels": {"observation": {"fields": ["title"], "typos": {"rate": 0.5}}}}
TIMEOUT_S = 20.0


class Tool(ToolHandler):
    """A plain tool, and an MCP server with one tool."""

    body = json.dumps({"title": PROSE}).encode()

    def answer(self, asked: bytes) -> None:
        if not asked:
            self.send(self.body)
            return
        tools = [{"name": "get_weather", "description": "Weather.", "inputSchema": {"type": "object"}}]
        result = {"jsonrpc": "2.0", "id": json.loads(asked)["id"], "result": {"tools": tools}}
        self.send(json.dumps(result).encode())


def with_episodes(scenario: Callable[[EarthwireClient], object], recipe: RecipeFile | None = None) -> object:
    """Run a scenario in a thread beside a proxy, with a client of its admin side."""

    async def run() -> object:
        with serving(Tool) as tool_url:
            config = ServeConfig(
                upstreams={"tool": tool_url},
                mcp={"files": McpConfig(url=tool_url)},
                port=0,
                admin=AdminConfig(TOKEN),
                channels=None if recipe is None else partial(channels_of, recipe),
            )
            async with running_proxy(config, PassThrough()) as proxy:
                client = EarthwireClient(f"http://127.0.0.1:{proxy.admin.address[1]}", TOKEN)
                async with asyncio.timeout(TIMEOUT_S):
                    return await asyncio.to_thread(scenario, client)

    return asyncio.run(run())


def titles(base_url: str, count: int = 3) -> list[str]:
    found = []
    for _ in range(count):
        with urllib.request.urlopen(f"{base_url}/t/tool/x", timeout=TIMEOUT_S) as response:
            found.append(json.load(response)["title"])
    return found


def listed(base_url: str) -> list[str]:
    """Return the names of the tools that the MCP server lists."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    request = urllib.request.Request(f"{base_url}/m/files/mcp", body, headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
        return [tool["name"] for tool in json.load(response)["result"]["tools"]]


def statuses(base_url: str, count: int) -> list[int]:
    found = []
    for _ in range(count):
        try:
            urllib.request.urlopen(f"{base_url}/t/tool/x", timeout=TIMEOUT_S).close()
            found.append(200)
        except urllib.error.HTTPError as error:
            found.append(error.code)
            error.close()
    return found


@contextlib.contextmanager
def both(client: EarthwireClient, first: dict, second: dict) -> Iterator[tuple[str, str]]:
    with client.episode(**first) as one, client.episode(**second) as other:
        yield one.base_url, other.base_url


def test_an_episode_has_its_own_noise_and_its_neighbours_have_none() -> None:
    def scenario(client: EarthwireClient) -> tuple[list[str], list[str]]:
        with both(client, {"recipe": NOISY}, {}) as (noisy, plain):
            return titles(noisy), titles(plain)

    noisy, plain = with_episodes(scenario)
    assert plain == [PROSE] * 3
    assert PROSE not in noisy
    assert len(set(noisy)) == 3


def test_equal_seeds_and_names_give_equal_noise_and_other_seeds_other_noise() -> None:
    def scenario(client: EarthwireClient) -> list[list[str]]:
        found = []
        for name, seed in (("a", 7), ("b", 7), ("c", 8)):
            with client.episode(id=name, draws_as="run", seed=seed, recipe=NOISY) as episode:
                found.append(titles(episode.base_url))
        return found

    first, second, third = with_episodes(scenario)
    assert first == second
    assert not set(first) & set(third)


def test_an_episodes_channels_stand_in_the_place_of_the_proxys() -> None:
    everywhere = RecipeFile.model_validate(
        {"earthwire_recipe": 1, "routes": {"tool": {"upstream": "http://127.0.0.1:1"}}, **NOISY}
    )

    def scenario(client: EarthwireClient) -> tuple[list[str], list[str], list[str]]:
        quiet = {"recipe": {"channels": {"shield": {"calls_max": 100}}}}
        with both(client, quiet, {"recipe": {"severity": 1}}) as (shielded, other):
            return titles(shielded), titles(other), listed(shielded)

    shielded, other, names = with_episodes(scenario, everywhere)
    assert shielded == [PROSE] * 3
    assert PROSE not in other
    assert names == ["get_weather"]


def test_decoys_are_on_the_list_of_one_episode_alone() -> None:
    crowded = {"recipe": {"channels": {"action": {"decoys": {"count": 3}}}}}

    def scenario(client: EarthwireClient) -> tuple[list[str], list[str]]:
        with both(client, crowded, {}) as (one, other):
            return listed(one), listed(other)

    one, other = with_episodes(scenario)
    assert len(one) == 4
    assert other == ["get_weather"]


def test_an_episodes_account_tells_what_its_channels_did() -> None:
    def scenario(client: EarthwireClient) -> tuple[dict, dict]:
        decoys = {"action": {"decoys": {"count": 2}}}
        recipe = {"channels": {**NOISY["channels"], **decoys}}
        with client.episode(recipe=recipe) as one, client.episode() as other:
            titles(one.base_url)
            titles(other.base_url)
            decoy = next(name for name in listed(one.base_url) if name != "get_weather")
            call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": decoy}}
            headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
            body = json.dumps(call).encode()
            request = urllib.request.Request(f"{one.base_url}/m/files/mcp", body, headers)
            urllib.request.urlopen(request, timeout=TIMEOUT_S).close()
            return dict(one.report().changes), dict(other.report().changes)

    changed, untouched = with_episodes(scenario)
    assert untouched == {}
    assert changed.pop("typos") == 3
    assert changed == {"decoys_listed": 2, "decoys_called": 1}


def test_a_quota_is_the_episodes_own_and_starts_anew_with_it() -> None:
    shielded = {"id": "run", "recipe": {"channels": {"shield": {"calls_max": 2}}}}

    def scenario(client: EarthwireClient) -> list[list[int]]:
        found = []
        for _ in range(2):
            with client.episode(**shielded) as episode:
                found.append(statuses(episode.base_url, 4))
        return found

    first, second = with_episodes(scenario)
    assert first == second
    assert first[:2] == [200, 200]
    assert 200 not in first[2:]


def test_the_proxys_own_quota_starts_anew_with_an_episode_too() -> None:
    """It had not: what the shield had counted of an id outlived the episode."""
    everywhere = RecipeFile.model_validate(
        {
            "earthwire_recipe": 1,
            "routes": {"tool": {"upstream": "http://127.0.0.1:1"}},
            "channels": {"shield": {"calls_max": 2}},
        }
    )

    def scenario(client: EarthwireClient) -> list[list[int]]:
        found = []
        for _ in range(2):
            with client.episode(id="run") as episode:
                found.append(statuses(episode.base_url, 3))
        return found

    first, second = with_episodes(scenario, everywhere)
    assert first == second
    assert first[:2] == [200, 200] != first[1:]


@pytest.mark.parametrize("recipe", ["all-channels"])
def test_a_shipped_recipe_brings_its_channels(recipe: str) -> None:
    def scenario(client: EarthwireClient) -> tuple[list[str], list[str]]:
        with both(client, {"recipe": recipe, "severity": 0.0, "clock": "virtual"}, {}) as (one, other):
            return listed(one), listed(other)

    one, other = with_episodes(scenario)
    assert len(one) > len(other) == 1


def test_in_virtual_time_a_minute_is_over_once_it_was_let_pass() -> None:
    shielded = {"clock": "virtual", "recipe": {"channels": {"shield": {"calls_per_minute_max": 2}}}}

    def scenario(client: EarthwireClient) -> list[list[int]]:
        with client.episode(**shielded) as episode:
            found = [statuses(episode.base_url, 3)]
            for seconds in (59.0, 1.0):
                episode.advance(seconds)
                found.append(statuses(episode.base_url, 1))
            return found

    assert with_episodes(scenario) == [[200, 200, 429], [429], [200]]


@pytest.mark.parametrize(("clock", "passes"), [({}, False), ({"clock": "scaled", "speed": 1e6}, True)])
def test_calls_a_minute_are_counted_on_the_episodes_clock(clock: dict, passes: bool) -> None:
    """At a million seconds a second, a minute is over long before the next call comes."""
    shielded = {"recipe": {"channels": {"shield": {"calls_per_minute_max": 2}}}, **clock}

    def scenario(client: EarthwireClient) -> list[int]:
        with client.episode(**shielded) as episode:
            return statuses(episode.base_url, 4)

    assert with_episodes(scenario) == ([200] * 4 if passes else [200, 200, 429, 429])
