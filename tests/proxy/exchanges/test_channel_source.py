"""Channels over real sockets: what the tool got, what the agent got, and what was recorded of it."""

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from earthwire.config.channel_models import channels_of, has_ledger, open_ledger
from earthwire.config.recipe import RecipeFile
from earthwire.fault_models.channels import CHANNELS_ATTRIBUTE
from earthwire.fault_models.simulation import Simulation
from earthwire.proxy.calls.pass_through import PassThrough
from earthwire.proxy.calls.planner import Planner
from earthwire.proxy.calls.spending import Spending
from earthwire.proxy.episodes.episodes import EpisodeSettings
from earthwire.proxy.server import Proxy, ServeConfig, running_proxy
from earthwire.traces import TraceRecord, read_traces

PROSE = "Please find the purchase of water for the people of the city, and help the new account quickly."
BODY = b'{"title": "' + PROSE.encode() + b'", "body": "' + PROSE.encode() + b'", "n": 1.50}'
TOOLS = [
    {
        "name": "get_weather",
        "description": "Weather of a city.",
        "inputSchema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
]
OBSERVATION = {"fields": ["**.title", "result.content[].text"], "typos": {"rate": 0.5}}
JSON_HEADERS = {"content-type": "application/json"}


class Tool:
    """A tool server that keeps what it got: plain HTTP, MCP, and a model API."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.rewritten: list[object] = []

    async def get(self, request: web.Request) -> web.Response:
        match request.match_info["name"]:
            case "gzip":
                headers = {**JSON_HEADERS, "content-encoding": "gzip"}
                return web.Response(body=gzip.compress(BODY), headers=headers)
            case "text":
                return web.Response(body=BODY, headers={"content-type": "text/plain"})
            case "error":
                return web.Response(status=500, body=BODY, headers=JSON_HEADERS)
            case "long":
                body = b'{"title": "' + PROSE.encode() * 20_000 + b'"}'
                return web.Response(body=body, headers=JSON_HEADERS)
            case "surrogate":
                return web.Response(
                    body=b'{"title": "\\ud800 ' + PROSE.encode() + b'"}', headers=JSON_HEADERS
                )
        return web.Response(body=BODY, headers=JSON_HEADERS)

    async def post(self, request: web.Request) -> web.Response:
        data = await request.read()
        self.got.append(data)
        message = json.loads(data)
        if "jsonrpc" not in message:
            return web.Response(body=BODY, headers=JSON_HEADERS)
        result: dict[str, object] = {"tools": TOOLS}
        if message["method"] == "tools/call":
            result = {"content": [{"type": "text", "text": PROSE}]}
        answer = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result})
        if request.match_info["name"] == "events":
            text = f": hello\r\nevent: message\r\ndata: {answer}\r\n\r\n"
            return web.Response(body=text.encode(), headers={"content-type": "text/event-stream"})
        return web.Response(body=answer.encode(), headers=JSON_HEADERS)

    async def rewrite(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.rewritten.append(asked)
        return web.json_response({"text": f"[{asked['language']}] {asked['text']}"})


class Running:
    """A proxy with channels before a tool server, and a client of it."""

    def __init__(self, proxy: Proxy, tool: Tool, client: aiohttp.ClientSession, warnings: list[str]) -> None:
        self.proxy = proxy
        self.tool = tool
        self.warnings = warnings
        self._client = client

    async def get(self, path: str) -> tuple[int, bytes]:
        async with self._client.get(path) as response:
            return response.status, await response.read()

    async def post(self, path: str, value: object) -> tuple[int, object]:
        async with self._client.post(path, json=value) as response:
            data = await response.read()
            return response.status, json.loads(data) if "json" in response.content_type else data

    async def rpc(self, method: str, path: str = "/e/a/mcp", **params: object) -> dict[str, object]:
        answer = (await self.post(path, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))[1]
        assert isinstance(answer, dict)
        return answer


@contextlib.asynccontextmanager
async def running(
    recipe: dict[str, object], record: Path | None = None, planner: Planner | None = None
) -> AsyncIterator[Running]:
    tool = Tool()
    application = web.Application(client_max_size=1 << 24)
    application.router.add_get("/{name}", tool.get)
    application.router.add_post("/rewrite", tool.rewrite)
    application.router.add_post("/{name}", tool.post)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    text = json.dumps({"earthwire_recipe": 1, "routes": {"tool": {"upstream": url}}, **recipe})
    read = RecipeFile.model_validate(json.loads(text.replace("TOOL", url)))
    virtual = EpisodeSettings(clock="virtual") if read.clock.mode == "virtual" else None
    config = ServeConfig(
        upstreams={"tool": url},
        port=0,
        record_path=record,
        channels=partial(channels_of, read),
        implied_episodes=virtual,
        spending=partial(Spending, partial(open_ledger, read), 429) if has_ledger(read) else None,
    )
    warnings: list[str] = []
    try:
        async with (
            running_proxy(config, planner or PassThrough(), warnings.append) as proxy,
            aiohttp.ClientSession(f"http://127.0.0.1:{proxy.port}") as client,
        ):
            yield Running(proxy, tool, client, warnings)
    finally:
        await runner.cleanup()


def with_proxy(
    recipe: dict[str, object],
    scenario: Callable[[Running], Awaitable[None]],
    record: Path | None = None,
    planner: Planner | None = None,
) -> None:
    async def run() -> None:
        async with asyncio.timeout(60), running(recipe, record, planner) as one:
            await scenario(one)

    asyncio.run(run())


def changes(record: TraceRecord) -> dict[str, int]:
    found = json.loads(record.attributes or "{}").get(CHANNELS_ATTRIBUTE, {})
    assert isinstance(found, dict)
    return found


def test_declared_texts_change_and_everything_else_keeps_its_form(tmp_path: Path) -> None:
    async def scenario(one: Running) -> None:
        status, body = await one.get("/e/a/x")
        assert status == 200
        value = json.loads(body)
        assert value["title"] != PROSE
        assert value["body"] == PROSE
        assert body.endswith(b'"n":1.50}')

    with_proxy({"channels": {"observation": OBSERVATION}}, scenario, tmp_path / "r.jsonl")
    (record,) = read_traces(tmp_path / "r.jsonl")
    assert changes(record) == {"typos": 1}
    assert (record.origin, record.outcome) == ("upstream", "ok")


@pytest.mark.parametrize("name", ["text", "error"])
def test_what_is_no_good_json_passes_byte_by_byte(name: str) -> None:
    async def scenario(one: Running) -> None:
        assert (await one.get(f"/e/a/{name}"))[1] == BODY

    with_proxy({"channels": {"observation": OBSERVATION}}, scenario)


def test_a_coded_answer_is_looked_into() -> None:
    async def scenario(one: Running) -> None:
        value = json.loads((await one.get("/e/a/gzip"))[1])
        assert value["title"] != PROSE
        assert value["body"] == PROSE

    with_proxy({"channels": {"observation": OBSERVATION}}, scenario)


def test_an_answer_too_long_to_be_held_passes_whole() -> None:
    async def scenario(one: Running) -> None:
        assert json.loads((await one.get("/e/a/long"))[1])["title"] == PROSE * 20_000

    with_proxy({"channels": {"observation": OBSERVATION}}, scenario)


def test_a_text_that_cannot_be_written_again_passes_as_it_came() -> None:
    async def scenario(one: Running) -> None:
        assert b"\\ud800" in (await one.get("/e/a/surrogate"))[1]

    with_proxy({"channels": {"observation": OBSERVATION}}, scenario)


def test_the_same_seed_gives_the_same_noise_whatever_runs_beside_it() -> None:
    seen: list[list[bytes]] = []

    async def in_order(one: Running) -> None:
        seen.append([(await one.get(f"/e/{e}/x"))[1] for e in ("a", "a", "b")])

    async def at_once(one: Running) -> None:
        b, (first, second) = await asyncio.gather(one.get("/e/b/x"), in_turn(one))
        await one.get("/e/c/x")
        seen.append([first[1], second[1], b[1]])

    async def in_turn(one: Running) -> tuple[tuple[int, bytes], tuple[int, bytes]]:
        return await one.get("/e/a/x"), await one.get("/e/a/x")

    for scenario in (in_order, at_once):
        with_proxy({"seed": 9, "channels": {"observation": OBSERVATION}}, scenario)
    assert seen[0] == seen[1]
    assert len(set(seen[0])) == 3


def test_user_turns_reach_the_model_changed_and_tools_with_decoys() -> None:
    request = {
        "model": "m",
        "messages": [{"role": "user", "content": PROSE}],
        "tools": [{"type": "function", "function": {"name": "search", "description": "d", "parameters": {}}}],
    }

    async def scenario(one: Running) -> None:
        for _ in range(2):
            await one.post("/e/a/chat", request)
        first, second = map(json.loads, one.tool.got)
        assert first == second
        assert first["messages"][0]["content"] != PROSE
        assert len(first["tools"]) == 4

    channels = {"observation": {**OBSERVATION, "user_turns": True}, "action": {"decoys": {"count": 3}}}
    with_proxy({"channels": channels}, scenario)


@pytest.mark.parametrize("path", ["/e/a/mcp", "/e/a/events"])
def test_mcp_lists_have_decoys_whose_calls_are_refused_and_counted(path: str, tmp_path: Path) -> None:
    async def scenario(one: Running) -> None:
        listed = await one.post(path, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        answer = listed[1] if isinstance(listed[1], dict) else json.loads(bytes_of(listed[1]))
        assert answer["result"]["ttlMs"] == 0
        names = [tool["name"] for tool in answer["result"]["tools"]]
        assert len(names) == 4
        decoy = next(name for name in names if name != "get_weather")
        called = await one.rpc("tools/call", path, name=decoy, arguments={"city": "Rome"})
        assert called["id"] == 1
        result = called["result"]
        assert isinstance(result, dict)
        assert result["isError"] is True
        assert len(one.tool.got) == 1

    with_proxy({"channels": {"action": {"decoys": {"count": 3}}}}, scenario, tmp_path / "r.jsonl")
    listed, called = read_traces(tmp_path / "r.jsonl")
    assert changes(listed) == {"decoys_listed": 3}
    assert changes(called) == {"decoys_called": 1}
    assert called.origin == "injected"


def bytes_of(events: object) -> bytes:
    assert isinstance(events, bytes)
    assert events.startswith(b": hello\r\nevent: message\r\n")
    assert events.endswith(b"\r\n\r\n")
    return next(line[5:] for line in events.splitlines() if line.startswith(b"data:"))


def test_a_decoy_that_forwards_is_answered_by_the_real_tool() -> None:
    async def scenario(one: Running) -> None:
        answer = await one.rpc("tools/list")
        result = answer["result"]
        assert isinstance(result, dict)
        decoy = next(tool["name"] for tool in result["tools"] if tool["name"] != "get_weather")
        await one.post(
            "/e/a/mcp",
            {
                "jsonrpc": "2.0",
                "id": 2,
                "method": "tools/call",
                "params": {"name": decoy, "arguments": {"city": "x"}},
            },
        )
        sent = json.loads(one.tool.got[-1])
        assert sent["params"] == {"name": "get_weather", "arguments": {"city": "x"}}

    with_proxy({"channels": {"action": {"decoys": {"count": 1, "answer": "forward"}}}}, scenario)


@pytest.mark.parametrize("mode", ["block", "shadow"])
def test_the_shield_stops_bad_arguments_or_only_notes_them(mode: str, tmp_path: Path) -> None:
    async def scenario(one: Running) -> None:
        await one.rpc("tools/list")
        bad = (await one.rpc("tools/call", name="get_weather", arguments={"city": 5}))["result"]
        good = (await one.rpc("tools/call", name="get_weather", arguments={"city": "Rome"}))["result"]
        assert isinstance(bad, dict)
        assert isinstance(good, dict)
        assert bad.get("isError", False) is (mode == "block")
        assert "isError" not in good
        assert len(one.tool.got) == (2 if mode == "block" else 3)

    with_proxy({"channels": {"shield": {"mode": mode}}}, scenario, tmp_path / "r.jsonl")
    assert [changes(record) for record in read_traces(tmp_path / "r.jsonl")] == [
        {},
        {"shield_arguments": 1},
        {},
    ]


def test_the_shield_answers_http_calls_as_a_server_would() -> None:
    async def scenario(one: Running) -> None:
        assert (await one.get("/e/a/x"))[0] == 200
        status, answer = await one.post("/e/a/x", {"a": 1})
        assert status == 403
        assert isinstance(answer, dict)
        assert answer["error"]["code"] == "read_only"
        assert (await one.get("/e/a/x"))[0] == 200
        assert (await one.get("/e/a/x"))[0] == 429
        assert one.tool.got == []

    with_proxy({"channels": {"shield": {"read_only": True, "calls_max": 2}}}, scenario)


def test_an_endpoint_rewrites_texts_and_is_asked_once_for_each() -> None:
    async def scenario(one: Running) -> None:
        for _ in range(2):
            assert json.loads((await one.get("/e/a/x"))[1])["title"] == f"[fr] {PROSE}"
        assert one.tool.rewritten == [{"text": PROSE, "language": "fr"}]

    language = {"rate": 1.0, "to": "fr", "url": "TOOL/rewrite"}
    with_proxy({"channels": {"observation": {"fields": ["title"], "language": language}}}, scenario)


def test_an_endpoint_that_fails_is_reported_once_and_texts_stay() -> None:
    async def scenario(one: Running) -> None:
        for _ in range(2):
            assert json.loads((await one.get("/e/a/x"))[1])["title"] == PROSE
        assert len(one.warnings) == 1
        assert "does not rewrite texts" in one.warnings[0]

    paraphrase = {"rate": 1.0, "url": "TOOL/x"}
    with_proxy({"channels": {"observation": {"fields": ["title"], "paraphrase": paraphrase}}}, scenario)


def test_a_spent_budget_is_refused_as_a_provider_would_and_other_episodes_go_on(tmp_path: Path) -> None:
    async def scenario(one: Running) -> None:
        assert [(await one.get("/e/a/x"))[0] for _ in range(4)] == [200, 200, 429, 429]
        status, answer = await one.post("/e/a/x", {"a": 1})
        assert isinstance(answer, dict)
        assert (status, answer["error"]["code"]) == (429, "insufficient_quota")
        assert (await one.get("/e/b/x"))[0] == 200
        assert one.tool.got == []

    recipe = {"costs": {"per_call": 0.5}, "budget": {"cost_max": 1.0}}
    with_proxy(recipe, scenario, tmp_path / "r.jsonl")
    refused = [
        record for record in read_traces(tmp_path / "r.jsonl") if record.http_response_status_code == 429
    ]
    assert len(refused) == 3
    assert all("budget_spent" in (record.attributes or "") for record in refused)


def test_channels_leave_the_plans_of_the_profile_as_they_are(tmp_path: Path) -> None:
    """The negative control: with another seed of the profile the digests differ."""
    from earthwire.config.profile_file import read_profile
    from earthwire.config.shipped import shipped_profile_path

    async def scenario(one: Running) -> None:
        for _ in range(20):
            with contextlib.suppress(aiohttp.ClientError):
                await one.get("/e/a/x")

    profile = read_profile(shipped_profile_path("cloud-api"))
    digests = []
    for i, (channels, seed) in enumerate([({}, 3), ({"observation": OBSERVATION}, 3), ({}, 4)]):
        recipe = {"channels": channels, "clock": {"mode": "virtual"}}
        with_proxy(recipe, scenario, tmp_path / f"{i}.jsonl", Simulation(profile, seed))
        digests.append([record.plan_digest for record in read_traces(tmp_path / f"{i}.jsonl")])
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_a_virtual_clock_of_the_recipe_needs_no_declared_episode(tmp_path: Path) -> None:
    from earthwire.config.profile_file import read_profile
    from earthwire.config.shipped import shipped_profile_path

    async def scenario(one: Running) -> None:
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        for _ in range(100):
            await one.get("/e/a/x")
        assert loop.time() - begin_s < 8.0

    profile = read_profile(shipped_profile_path("saas-api"))
    with_proxy({"clock": {"mode": "virtual"}}, scenario, tmp_path / "r.jsonl", Simulation(profile, 1))
    records = list(read_traces(tmp_path / "r.jsonl"))
    assert sum(record.duration_ns or 0 for record in records) > 20e9


def test_an_episode_that_starts_anew_has_the_same_noise_again() -> None:
    async def scenario(one: Running) -> None:
        first = [(await one.get("/e/a/x"))[1] for _ in range(2)]
        assert first[0] != first[1]
        handler = one.proxy._handler
        assert handler is not None
        handler.opening.forget("a")
        assert [(await one.get("/e/a/x"))[1] for _ in range(2)] == first

    with_proxy({"channels": {"observation": OBSERVATION}}, scenario)
