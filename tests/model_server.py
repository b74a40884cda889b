"""A scripted model behind the three APIs that agents speak: it makes the calls of its script, one turn after the other.

Like a real provider it refuses conversations in which a call has no result, or a result no call.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from aiohttp import web

from earthwire.proxy.local_server import LocalServer

OWN_TOOL = "get_weather"
DECOY, OWN = "decoy", "own"
TEXT = "It is warm."
INPUT_TOKENS, OUTPUT_TOKENS = 10, 5
PATHS = {
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "anthropic": "/v1/messages",
}
_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_ARGUMENTS = {"city": "Rome", "days": 1.5}

Json = dict[str, Any]


def tools(form: str) -> list[Json]:
    """Return the list of the client's own tools."""
    about = {"name": OWN_TOOL, "description": "Weather of a city."}
    match form:
        case "openai_chat":
            return [{"type": "function", "function": {**about, "parameters": _SCHEMA}}]
        case "openai_responses":
            return [{"type": "function", **about, "parameters": _SCHEMA, "strict": False}]
    return [{**about, "input_schema": _SCHEMA}]


class ScriptedModel(LocalServer):
    """Serves on a free port of the loopback.

    Attributes:
        got: requests, decoded.
        answered: calls of its answers, by name.

    Args:
        script: for each turn the calls to make, `DECOY` or `OWN`; after the last one, and where there are none, text.
    """

    def __init__(self, script: Sequence[Sequence[str]]) -> None:
        self._script = script
        self.got: list[Json] = []
        self.answered: list[list[str]] = []
        self._kept: dict[str, list[Json]] = {}
        application = web.Application()
        for form, path in PATHS.items():
            application.router.add_post(path, getattr(self, f"_{form}"))
        super().__init__(application)

    async def _openai_chat(self, request: web.Request) -> web.StreamResponse:
        asked = await self._asked(request)
        turns = asked["messages"]
        told = [turn for turn in turns if turn["role"] == "assistant"]
        made = {call["id"] for turn in told for call in turn.get("tool_calls") or []}
        done = {turn["tool_call_id"] for turn in turns if turn["role"] == "tool"}
        if made != done:
            return _refused(f"calls {sorted(made)} have results {sorted(done)}")
        names = [tool["function"]["name"] for tool in asked["tools"]]
        calls = [
            {
                "id": call_id,
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(_ARGUMENTS)},
            }
            for call_id, name in self._calls(len(told), names)
        ]
        message = {"role": "assistant", "content": None if calls else TEXT}
        message |= {"tool_calls": calls} if calls else {}
        about = {"id": "chatcmpl-1", "created": 1, "model": asked["model"]}
        usage = {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS, "total_tokens": 15}
        finish = "tool_calls" if calls else "stop"
        if not asked.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
            answer = {**about, "object": "chat.completion", "choices": [choice], "usage": usage}
            return web.json_response(answer)
        chunks = [*_chat_deltas(calls), ({}, finish)]
        events: list[Json] = [
            {
                **about,
                "object": "chat.completion.chunk",
                "choices": [{"index": 0, "delta": delta, "finish_reason": end}],
            }
            for delta, end in chunks
        ]
        events.append({**about, "object": "chat.completion.chunk", "choices": [], "usage": usage})
        return _streamed([f"data: {json.dumps(event)}\n\n" for event in events] + ["data: [DONE]\n\n"])

    async def _openai_responses(self, request: web.Request) -> web.StreamResponse:
        asked = await self._asked(request)
        given = asked["input"]
        items = [{"role": "user", "content": given}] if isinstance(given, str) else given
        items = [*self._kept.get(asked.get("previous_response_id") or "", []), *items]
        made = [item["call_id"] for item in items if item.get("type") == "function_call"]
        done = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
        if sorted(made) != sorted(done):
            return _refused(f"calls {made} have results {done}")
        # A turn is what lies between two results or messages of others.
        own = [item.get("type") in ("function_call", "message", "reasoning") for item in items]
        told = sum(is_own and not before for before, is_own in zip([False, *own], own, strict=False))
        output: list[Json] = [
            {
                "type": "function_call",
                "id": f"fc_{call_id}",
                "call_id": call_id,
                "name": name,
                "arguments": json.dumps(_ARGUMENTS),
                "status": "completed",
            }
            for call_id, name in self._calls(told, [tool["name"] for tool in asked["tools"]])
        ]
        if output:
            output.insert(0, {"type": "reasoning", "id": "rs_1", "summary": []})
        else:
            content = [{"type": "output_text", "text": TEXT, "annotations": []}]
            output = [
                {
                    "type": "message",
                    "id": "msg_1",
                    "role": "assistant",
                    "status": "completed",
                    "content": content,
                }
            ]
        response_id = f"resp_{len(self.got)}"
        self._kept[response_id] = [*items, *output]
        answer = _response(response_id, asked, output)
        if not asked.get("stream"):
            return web.json_response(answer)
        events = list(_response_events(answer))
        return _streamed([f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events])

    async def _anthropic(self, request: web.Request) -> web.StreamResponse:
        asked = await self._asked(request)
        turns = asked["messages"]
        for turn, following in zip(turns, [*turns[1:], None], strict=True):
            if turn["role"] != "assistant":
                continue
            made = [block["id"] for block in turn["content"] if block["type"] == "tool_use"]
            blocks = following["content"] if following and isinstance(following["content"], list) else []
            done = [block.get("tool_use_id") for block in blocks]
            if sorted(made) != sorted(done):
                return _refused(f"calls {made} have results {done}")
        told = sum(turn["role"] == "assistant" for turn in turns)
        content: list[Json] = [
            {"type": "tool_use", "id": call_id, "name": name, "input": _ARGUMENTS}
            for call_id, name in self._calls(told, [tool["name"] for tool in asked["tools"]])
        ]
        reason = "tool_use" if content else "end_turn"
        content.insert(0, {"type": "text", "text": TEXT})
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": asked["model"]}
        usage = {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS}
        message |= {"content": content, "stop_reason": reason, "stop_sequence": None, "usage": usage}
        if not asked.get("stream"):
            return web.json_response(message)
        return _streamed(
            [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in _message_events(message)]
        )

    async def _asked(self, request: web.Request) -> Json:
        asked: Json = await request.json()
        self.got.append(asked)
        return asked

    def _calls(self, turn: int, names: list[str]) -> list[tuple[str, str]]:
        """Return ids and names of the calls of a turn; of decoys the first, the second, and so on, if there are any."""
        decoys = [name for name in names if name != OWN_TOOL]
        made = []
        for number, kind in enumerate(self._script[turn] if turn < len(self._script) else ()):
            if kind == DECOY and not decoys:
                continue
            made.append((f"call_{turn}_{number}", OWN_TOOL if kind == OWN else decoys[number % len(decoys)]))
        self.answered.append([name for _, name in made])
        return made


def _refused(text: str) -> web.Response:
    return web.json_response({"error": {"message": text, "type": "invalid_request_error"}}, status=400)


def _streamed(events: list[str]) -> web.Response:
    return web.Response(body="".join(events).encode(), headers={"content-type": "text/event-stream"})


def _chat_deltas(calls: list[Json]) -> Iterator[tuple[Json, None]]:
    if not calls:
        yield from (({"role": "assistant", "content": word}, None) for word in ("It is", " warm."))
        return
    yield {"role": "assistant", "content": None}, None
    for index, call in enumerate(calls):
        arguments = call["function"]["arguments"]
        begin = {**call, "index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
        yield {"tool_calls": [begin]}, None
        for piece in (arguments[:5], arguments[5:]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, None


def _response(response_id: str, asked: Json, output: list[Json]) -> Json:
    usage = {
        "input_tokens": INPUT_TOKENS,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": OUTPUT_TOKENS,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 15,
    }
    return {
        "id": response_id,
        "object": "response",
        "created_at": 1.0,
        "status": "completed",
        "model": asked["model"],
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": asked["tools"],
        "usage": usage,
    }


def _response_events(answer: Json) -> Iterator[Json]:
    number = 0

    def event(kind: str, **members: Any) -> Json:
        nonlocal number
        number += 1
        return {"type": kind, "sequence_number": number - 1, **members}

    begun = {**answer, "status": "in_progress", "output": [], "usage": None}
    yield event("response.created", response=begun)
    for index, item in enumerate(answer["output"]):
        about = {"output_index": index, "item_id": item["id"]}
        match item["type"]:
            case "function_call":
                empty = {**item, "arguments": "", "status": "in_progress"}
                yield event("response.output_item.added", output_index=index, item=empty)
                yield event("response.function_call_arguments.delta", **about, delta=item["arguments"])
                yield event("response.function_call_arguments.done", **about, arguments=item["arguments"])
            case "message":
                empty = {**item, "content": [], "status": "in_progress"}
                part = item["content"][0]
                yield event("response.output_item.added", output_index=index, item=empty)
                begin = {"type": "output_text", "text": "", "annotations": []}
                yield event("response.content_part.added", **about, content_index=0, part=begin)
                yield event(
                    "response.output_text.delta", **about, content_index=0, delta=part["text"], logprobs=[]
                )
                yield event(
                    "response.output_text.done", **about, content_index=0, text=part["text"], logprobs=[]
                )
                yield event("response.content_part.done", **about, content_index=0, part=part)
            case _:
                yield event("response.output_item.added", output_index=index, item=item)
        yield event("response.output_item.done", output_index=index, item=item)
    yield event("response.completed", response=answer)


def _message_events(message: Json) -> Iterator[Json]:
    begun = {**message, "content": [], "stop_reason": None}
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            yield {
                "type": "content_block_start",
                "index": index,
                "content_block": {"type": "text", "text": ""},
            }
            delta = {"type": "text_delta", "text": block["text"]}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        else:
            yield {"type": "content_block_start", "index": index, "content_block": {**block, "input": {}}}
            written = json.dumps(block["input"])
            for piece in (written[:7], written[7:]):
                delta = {"type": "input_json_delta", "partial_json": piece}
                yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": OUTPUT_TOKENS}}
    yield {"type": "message_stop"}
