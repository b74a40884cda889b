"""The built-in tool server: a JSON API, the chat completions of OpenAI and the messages of Anthropic."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from earthwire.fault_models.reward.usage import usage_of
from earthwire.proxy.gauntlet.tool_server import ToolServer

OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"
SAID = "All is well."
ASKED = {"model": "m-1", "messages": [{"role": "user", "content": "How is it?"}]}


def ask(method: str, path: str, body: object = None) -> tuple[int, str | None, str]:
    """Return status, content type and text of one answer."""

    async def asked() -> tuple[int, str | None, str]:
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        async with (
            ToolServer() as server,
            aiohttp.ClientSession() as session,
            session.request(method, f"{server.url}{path}", data=data) as response,
        ):
            return response.status, response.content_type, await response.text()

    return asyncio.run(asked())


def events(text: str) -> list[tuple[str | None, Any]]:
    """Return name and data of each event of a stream; the data as text where it is no JSON."""
    found = []
    for block in text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines())
        data = lines["data"]
        found.append((lines.get("event"), json.loads(data) if data.startswith("{") else data))
    return found


@pytest.mark.parametrize(("query", "count", "following"), [("", 4, "2"), ("?cursor=2", 4, None)])
def test_any_path_is_a_list_in_two_pages(query: str, count: int, following: str | None) -> None:
    status, content_type, text = ask("GET", f"/any/thing{query}")
    page = json.loads(text)
    assert (status, content_type) == (200, "application/json")
    assert (len(page["items"]), page["total"], page.get("nextCursor")) == (count, 8, following)
    assert page["path"] == "/any/thing"


def test_a_chat_completion_has_the_shape_of_openai() -> None:
    status, content_type, text = ask("POST", OPENAI, ASKED)
    answer = json.loads(text)
    assert (status, content_type) == (200, "application/json")
    assert (answer["object"], answer["model"]) == ("chat.completion", "m-1")
    choice = answer["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": SAID}
    assert choice["finish_reason"] == "stop"
    usage = usage_of(text.encode())
    assert (usage.input_tokens, usage.output_tokens) == (9, 4)


def test_a_streamed_chat_completion_ends_with_a_reason_and_done() -> None:
    _, content_type, text = ask("POST", OPENAI, {**ASKED, "stream": True})
    assert content_type == "text/event-stream"
    *chunks, last = [data for _, data in events(text)]
    assert last == "[DONE]"
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    choices = [chunk["choices"][0] for chunk in chunks]
    assert choices[0]["delta"]["role"] == "assistant"
    assert "".join(choice["delta"].get("content", "") for choice in choices) == SAID
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["stop"]


def test_a_message_has_the_shape_of_anthropic() -> None:
    status, _, text = ask("POST", ANTHROPIC, ASKED)
    answer = json.loads(text)
    assert (status, answer["type"], answer["role"], answer["model"]) == (200, "message", "assistant", "m-1")
    assert answer["content"] == [{"type": "text", "text": SAID}]
    assert answer["stop_reason"] == "end_turn"
    usage = usage_of(text.encode())
    assert (usage.input_tokens, usage.output_tokens) == (9, 4)


def test_a_streamed_message_has_the_events_of_anthropic_in_their_order() -> None:
    _, content_type, text = ask("POST", ANTHROPIC, {**ASKED, "stream": True})
    assert content_type == "text/event-stream"
    found = events(text)
    assert [name for name, _ in found] == [data["type"] for _, data in found]
    deltas = [data["delta"]["text"] for name, data in found if name == "content_block_delta"]
    assert "".join(deltas) == SAID
    order = [name for name, _ in found if name != "content_block_delta"]
    assert order == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert found[0][1]["message"]["content"] == []
    assert found[-2][1]["delta"]["stop_reason"] == "end_turn"


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("body", [b"", b"{", b"[]"])
def test_what_is_no_request_of_a_model_is_refused(path: str, body: bytes) -> None:
    status, _, text = ask("POST", path, body)
    assert status == 400
    assert json.loads(text)["error"]["message"]
