"""Decoys among the tools of requests to a model, over real sockets: the model calls them, its client never sees it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from earthwire.config.channel_models import channels_of, has_ledger, open_ledger
from earthwire.config.recipe import RecipeFile
from earthwire.fault_models.action import assembled, stream_events
from earthwire.fault_models.channels import CHANNELS_ATTRIBUTE
from earthwire.fault_models.observation.json_text import write_json
from earthwire.fault_models.reward import FactsOfEpisode, decoy_rounds_of
from earthwire.proxy.calls.pass_through import PassThrough
from earthwire.proxy.calls.spending import Spending
from earthwire.proxy.exchanges.model_exchange import ROUNDS_MAX
from earthwire.proxy.limits import Limits
from earthwire.proxy.server import ServeConfig, running_proxy
from earthwire.traces import TraceRecord, read_traces
from tests.model_server import (
    DECOY,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    OWN,
    OWN_TOOL,
    PATHS,
    TEXT,
    ScriptedModel,
    tools,
)

FORMS = list(PATHS)
STREAMS = [False, True]
ACTION = {"action": {"decoys": {"count": 3}}}
Json = dict[str, Any]


class Client:
    """An agent of three lines: asks a model, calls its own tool as the model wants it, and asks again.

    Attributes:
        called: names of the tools that the model was seen to call.
        bodies: answers as they came.
    """

    def __init__(
        self, session: aiohttp.ClientSession, form: str, streams: bool, chains: bool = False
    ) -> None:
        self._session = session
        self._form = form
        self._streams = streams
        self._chains = chains
        self._previous: str | None = None
        self.turns: list[Json] = [{"role": "user", "content": "How is the weather?"}]
        self.called: list[str] = []
        self.bodies: list[bytes] = []

    async def run(self, episode: str = "a") -> str:
        for _ in range(6):
            answer = await self.ask(episode)
            calls = self._calls(answer)
            self.called += [name for _, name in calls]
            if not calls:
                return self._text(answer)
            self._go_on(answer, [call_id for call_id, _ in calls])
        raise AssertionError("the model never ends")

    async def ask(self, episode: str = "a", **options: object) -> Json:
        key = "input" if self._form == "openai_responses" else "messages"
        request: Json = {"model": "m", "tools": tools(self._form), key: self.turns, **options}
        if self._streams:
            request["stream"] = True
        if self._chains and self._previous:
            request["previous_response_id"] = self._previous
        async with self._session.post(f"/e/{episode}{PATHS[self._form]}", json=request) as response:
            body = await response.read()
            assert response.status == 200, body
            assert response.content_length in (None, len(body))
        self.bodies.append(body)
        return self._read(body)

    def _read(self, body: bytes) -> Json:
        if not self._streams:
            answer: Json = json.loads(body)
            return answer
        whole = assembled(self._form, stream_events(body))  # type: ignore[arg-type]  # one of the three
        assert whole is not None, body
        told: Json = json.loads(write_json(whole))
        return told

    def _calls(self, answer: Json) -> list[tuple[str, str]]:
        match self._form:
            case "openai_chat":
                message = answer["choices"][0]["message"]
                made = message.get("tool_calls") or []
                finish = "tool_calls" if made else "stop"
                assert answer["choices"][0]["finish_reason"] == finish
                return [(call["id"], call["function"]["name"]) for call in made]
            case "openai_responses":
                items = [item for item in answer["output"] if item["type"] == "function_call"]
                return [(item["call_id"], item["name"]) for item in items]
        blocks = [block for block in answer["content"] if block["type"] == "tool_use"]
        assert answer["stop_reason"] == ("tool_use" if blocks else "end_turn")
        assert all(block["input"] == {"city": "Rome", "days": 1.5} for block in blocks)
        return [(block["id"], block["name"]) for block in blocks]

    def _text(self, answer: Json) -> str:
        match self._form:
            case "openai_chat":
                return str(answer["choices"][0]["message"]["content"])
            case "openai_responses":
                return "".join(
                    item["content"][0]["text"] for item in answer["output"] if item["type"] == "message"
                )
        return "".join(block["text"] for block in answer["content"] if block["type"] == "text")

    def _go_on(self, answer: Json, ids: list[str]) -> None:
        match self._form:
            case "openai_chat":
                results = [{"role": "tool", "tool_call_id": call_id, "content": "22 C"} for call_id in ids]
                self.turns += [answer["choices"][0]["message"], *results]
            case "openai_responses":
                done = [
                    {"type": "function_call_output", "call_id": call_id, "output": "22 C"} for call_id in ids
                ]
                self._previous = answer["id"]
                self.turns = done if self._chains else [*self.turns, *answer["output"], *done]
            case _:
                blocks = [
                    {"type": "tool_result", "tool_use_id": call_id, "content": "22 C"} for call_id in ids
                ]
                self.turns += [
                    {"role": "assistant", "content": answer["content"]},
                    {"role": "user", "content": blocks},
                ]


@contextlib.asynccontextmanager
async def proxy_before(
    model: ScriptedModel, recipe: Json, record: Path | None, limits: Limits
) -> AsyncIterator[aiohttp.ClientSession]:
    read = RecipeFile.model_validate(
        {"earthwire_recipe": 1, "routes": {"tool": {"upstream": model.url}}, **recipe}
    )
    config = ServeConfig(
        upstreams={"tool": model.url},
        port=0,
        record_path=record,
        channels=partial(channels_of, read),
        spending=partial(Spending, partial(open_ledger, read), 429) if has_ledger(read) else None,
        limits=limits,
    )
    async with (
        running_proxy(config, PassThrough(), lambda _: None) as proxy,
        aiohttp.ClientSession(f"http://127.0.0.1:{proxy.port}") as session,
    ):
        yield session


def play(
    script: list[list[str]],
    scenario: Callable[[aiohttp.ClientSession, ScriptedModel], Awaitable[None]],
    recipe: Json | None = None,
    record: Path | None = None,
    limits: Limits = Limits(),  # noqa: B008  # it is frozen
) -> ScriptedModel:
    model = ScriptedModel(script)

    async def run() -> None:
        async with (
            asyncio.timeout(30),
            model,
            proxy_before(model, recipe or {"channels": ACTION}, record, limits) as session,
        ):
            await scenario(session, model)

    asyncio.run(run())
    return model


def changes(record: TraceRecord) -> dict[str, int]:
    found: dict[str, int] = json.loads(record.attributes or "{}").get(CHANNELS_ATTRIBUTE, {})
    return found


def decoys_in(request: Json) -> list[str]:
    names = [tool.get("name") or tool["function"]["name"] for tool in request["tools"]]
    return [name for name in names if name != OWN_TOOL]


def names_sent(form: str, request: Json) -> list[str]:
    """Return the names of the calls in the turns that a model got."""
    match form:
        case "openai_chat":
            calls = [call for turn in request["messages"] for call in turn.get("tool_calls") or []]
            return [call["function"]["name"] for call in calls]
        case "openai_responses":
            return [item["name"] for item in request["input"] if item.get("type") == "function_call"]
    blocks = [
        block
        for turn in request["messages"]
        if isinstance(turn["content"], list)
        for block in turn["content"]
    ]
    return [block["name"] for block in blocks if block["type"] == "tool_use"]


every_form = pytest.mark.parametrize("form", FORMS)
streamed_or_not = pytest.mark.parametrize("streams", STREAMS)


@every_form
@streamed_or_not
def test_calls_of_decoys_are_answered_before_the_client_sees_them(
    form: str, streams: bool, tmp_path: Path
) -> None:
    async def scenario(session: aiohttp.ClientSession, model: ScriptedModel) -> None:
        client = Client(session, form, streams)
        assert await client.run() == TEXT
        assert client.called == [OWN_TOOL]
        if form != "openai_responses":  # Those repeat the list of tools.
            decoys = decoys_in(model.got[0])
            assert not any(decoy.encode() in body for decoy in decoys for body in client.bodies)

    model = play([[DECOY], [OWN], [DECOY, DECOY]], scenario, record=tmp_path / "r.jsonl")
    assert [len(made) for made in model.answered] == [1, 1, 2, 0]
    # The model finds its turns as it made them, the client's own call among those of decoys.
    made = [name for names in model.answered for name in names]
    assert names_sent(form, model.got[-1]) == made
    first, second = read_traces(tmp_path / "r.jsonl")
    assert changes(first) == {"decoys_listed": 3, "decoys_called": 1}
    assert changes(second) == {"decoys_listed": 3, "decoys_called": 2}
    assert [decoy_rounds_of(record.attributes).calls for record in (first, second)] == [1, 1]
    assert decoy_rounds_of(first.attributes).input_tokens == INPUT_TOKENS
    assert (first.outcome, second.outcome) == ("ok", "ok")
    assert "is not enabled for this account." in json.dumps(model.got[1])


@every_form
@streamed_or_not
def test_of_a_mixed_answer_the_client_gets_its_own_calls_and_the_model_its_whole_turn(
    form: str, streams: bool, tmp_path: Path
) -> None:
    async def scenario(session: aiohttp.ClientSession, model: ScriptedModel) -> None:
        client = Client(session, form, streams)
        assert await client.run() == TEXT
        assert client.called == [OWN_TOOL, OWN_TOOL, OWN_TOOL]

    script = [[DECOY, OWN, DECOY, OWN], [OWN]]
    model = play(script, scenario, record=tmp_path / "r.jsonl")
    made = [name for names in model.answered for name in names]
    assert names_sent(form, model.got[1]) == made[:4]
    assert names_sent(form, model.got[2]) == made
    records = list(read_traces(tmp_path / "r.jsonl"))
    assert [changes(record).get("decoys_called") for record in records] == [2, None, None]
    assert [decoy_rounds_of(record.attributes).calls for record in records] == [0, 0, 0]


@streamed_or_not
def test_a_conversation_that_the_server_keeps_goes_on(streams: bool) -> None:
    async def scenario(session: aiohttp.ClientSession, model: ScriptedModel) -> None:
        client = Client(session, "openai_responses", streams, chains=True)
        assert await client.run() == TEXT
        assert client.called == [OWN_TOOL, OWN_TOOL]

    model = play([[DECOY], [DECOY, OWN], [OWN]], scenario)
    outputs = [item["call_id"] for item in model.got[2]["input"] if item["type"] == "function_call_output"]
    assert sorted(outputs) == ["call_1_0", "call_1_1"]
    assert names_sent("openai_responses", model.got[2]) == []


@every_form
@streamed_or_not
def test_a_decoy_that_forwards_is_the_tool_that_it_imitates(form: str, streams: bool, tmp_path: Path) -> None:
    async def scenario(session: aiohttp.ClientSession, model: ScriptedModel) -> None:
        client = Client(session, form, streams)
        assert await client.run() == TEXT
        assert client.called == [OWN_TOOL, OWN_TOOL, OWN_TOOL]

    action = {"action": {"decoys": {"count": 3, "answer": "forward"}}}
    model = play([[DECOY], [DECOY, OWN]], scenario, {"channels": action}, tmp_path / "r.jsonl")
    assert len(model.got) == 3
    called = [changes(record).get("decoys_called") for record in read_traces(tmp_path / "r.jsonl")]
    assert called == [1, 1, None]


def test_an_unknown_decoy_says_so() -> None:
    async def scenario(session: aiohttp.ClientSession, model: ScriptedModel) -> None:
        await Client(session, "anthropic", False).run()

    model = play([[DECOY]], scenario, {"channels": {"action": {"decoys": {"count": 1, "answer": "unknown"}}}})
    told = model.got[1]["messages"][-1]["content"][0]
    assert told["content"] == f"Unknown tool: {decoys_in(model.got[0])[0]}"
    assert told["is_error"] is True


@every_form
@streamed_or_not
def test_who_calls_nothing_but_decoys_is_asked_so_often_and_no_more(
    form: str, streams: bool, tmp_path: Path
) -> None:
    async def scenario(session: aiohttp.ClientSession, model: ScriptedModel) -> None:
        client = Client(session, form, streams)
        await client.run()
        assert client.called == []

    model = play([[DECOY]] * 20, scenario, record=tmp_path / "r.jsonl")
    assert len(model.got) == 1 + ROUNDS_MAX
    (record,) = read_traces(tmp_path / "r.jsonl")
    assert changes(record)["decoys_called"] == 1 + ROUNDS_MAX
    assert decoy_rounds_of(record.attributes).calls == ROUNDS_MAX


def test_further_rounds_are_paid_for(tmp_path: Path) -> None:
    prices = {"per_call": 1.0, "per_input_token": 0.01, "per_output_token": 0.1}

    async def scenario(session: aiohttp.ClientSession, model: ScriptedModel) -> None:
        await Client(session, "openai_chat", False).run()

    recipe = {"channels": ACTION, "costs": prices}
    play([[DECOY], [DECOY]], scenario, recipe, tmp_path / "r.jsonl")
    read = RecipeFile.model_validate(
        {"earthwire_recipe": 1, "routes": {"tool": {"upstream": "http://127.0.0.1:9"}}, **recipe}
    )
    ledger = open_ledger(read)
    facts = FactsOfEpisode()
    (record,) = read_traces(tmp_path / "r.jsonl")
    ledger.add(facts.of(record))
    assert ledger.spending.charges["calls"] == 3.0
    assert ledger.spending.charges["tokens"] == pytest.approx(3 * (0.01 * INPUT_TOKENS + 0.1 * OUTPUT_TOKENS))
    assert record.gen_ai_usage_input_tokens == INPUT_TOKENS
    rounds = decoy_rounds_of(record.attributes)
    assert ledger.spending.body_bytes > rounds.body_bytes > 0


def test_a_budget_of_tokens_counts_further_rounds() -> None:
    async def scenario(session: aiohttp.ClientSession, model: ScriptedModel) -> None:
        client = Client(session, "openai_chat", False)
        await client.ask()
        async with session.post(
            f"/e/a{PATHS['openai_chat']}", json={"model": "m", "messages": []}
        ) as response:
            assert response.status == 429

    # One round of 15 tokens would leave room; three do not.
    play([[DECOY], [DECOY]], scenario, {"channels": ACTION, "budget": {"tokens_max": 40}})


@every_form
def test_an_answer_too_long_to_be_held_passes_as_it_comes(form: str, tmp_path: Path) -> None:
    async def scenario(session: aiohttp.ClientSession, model: ScriptedModel) -> None:
        client = Client(session, form, False)
        answer = await client.ask()
        assert decoys_in(model.got[0])[0] in json.dumps(answer)

    limits = Limits(damaged_body_bytes_max=100)
    model = play([[DECOY]], scenario, record=tmp_path / "r.jsonl", limits=limits)
    assert len(model.got) == 1
    (record,) = read_traces(tmp_path / "r.jsonl")
    assert changes(record) == {"decoys_listed": 3}


def test_an_error_in_a_further_round_is_the_clients_to_see(tmp_path: Path) -> None:
    class Failing(ScriptedModel):
        async def _asked(self, request: web.Request) -> Json:
            if self.got:
                raise web.HTTPServiceUnavailable(text="{}")
            return await super()._asked(request)

    async def run() -> None:
        model = Failing([[DECOY]])
        recipe = {"channels": ACTION}
        async with (
            asyncio.timeout(30),
            model,
            proxy_before(model, recipe, tmp_path / "r", Limits()) as session,
        ):
            request = {"model": "m", "messages": [], "tools": tools("openai_chat")}
            async with session.post(PATHS["openai_chat"], json=request) as response:
                assert response.status == 503

    asyncio.run(run())
    (record,) = read_traces(tmp_path / "r")
    assert (record.outcome, changes(record)["decoys_called"]) == ("http_error", 1)


def test_a_client_that_leaves_in_a_further_round_ends_it(tmp_path: Path) -> None:
    async def run() -> None:
        reached, left = asyncio.Event(), asyncio.Event()

        class Slow(ScriptedModel):
            async def _asked(self, request: web.Request) -> Json:
                asked = await super()._asked(request)
                if len(self.got) == 2:
                    reached.set()
                    # The library of this server does not tell its handlers that a client has left.
                    while request.transport is not None and not request.transport.is_closing():
                        await asyncio.sleep(0.01)
                    left.set()
                return asked

        model = Slow([[DECOY]])
        recipe = {"channels": ACTION}
        async with (
            asyncio.timeout(30),
            model,
            proxy_before(model, recipe, tmp_path / "r", Limits()) as session,
        ):
            request = {"model": "m", "messages": [], "tools": tools("openai_chat")}
            asked = asyncio.create_task(session.post(PATHS["openai_chat"], json=request).__aenter__())
            await reached.wait()
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
            await left.wait()

    asyncio.run(run())
    (record,) = read_traces(tmp_path / "r")
    assert record.outcome == "cancelled"


def test_the_same_seed_gives_the_same_bytes() -> None:
    async def scenario(session: aiohttp.ClientSession, model: ScriptedModel) -> None:
        for streams in STREAMS:
            client = Client(session, "anthropic", streams)
            await client.run()
            seen.append(client.bodies)

    seen: list[list[bytes]] = []
    sent = [play([[DECOY, OWN], [DECOY]], scenario).got for _ in range(2)]
    assert seen[:2] == seen[2:]
    assert sent[0] == sent[1]


def test_conversations_of_other_episodes_are_other_conversations() -> None:
    """Call ids repeat between the episodes of this model; what one hides never shows in another."""

    async def scenario(session: aiohttp.ClientSession, model: ScriptedModel) -> None:
        first, second = Client(session, "anthropic", False), Client(session, "anthropic", False)
        await first.run("a")
        second.turns = first.turns[:3]
        request = {"model": "m", "messages": second.turns, "tools": tools("anthropic")}
        async with session.post(f"/e/b{PATHS['anthropic']}", json=request) as response:
            assert response.status == 200
        assert names_sent("anthropic", model.got[-1]) == [OWN_TOOL]

    play([[DECOY, OWN]], scenario)


def test_requests_for_several_answers_get_no_decoys() -> None:
    async def scenario(session: aiohttp.ClientSession, model: ScriptedModel) -> None:
        client = Client(session, "openai_chat", False)
        await client.ask(n=2)
        await client.ask(n=1)
        assert [len(decoys_in(request)) for request in model.got] == [0, 3]

    play([], scenario)
