"""The built-in tool server: an ordinary JSON API that answers at once, and a language model that says little."""

import asyncio
import json

from aiohttp import web

from earthwire.proxy.local_server import LocalServer

_ITEMS = [
    {"id": number, "name": f"item {number}", "price": 9.5 + number, "tags": ["a", "b"]}
    for number in range(1, 9)
]
_WORDS = ("All", " is", " well", ".")
_USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


class ToolServer(LocalServer):
    """Lists of items at every path, and the two APIs of models."""

    def __init__(self) -> None:
        application = web.Application()
        application.router.add_post("/v1/chat/completions", _chat_completion)
        application.router.add_post("/v1/messages", _message)
        application.router.add_route("*", "/{path:.*}", _page)
        super().__init__(application)


async def _page(request: web.Request) -> web.Response:
    """Answer with a page of a list; the first one names the second."""
    if request.query.get("cursor") == "2":
        return web.json_response({"items": _ITEMS[4:], "total": len(_ITEMS), "path": request.path})
    page = {"items": _ITEMS[:4], "total": len(_ITEMS), "path": request.path, "nextCursor": "2"}
    return web.json_response(page)


async def _chat_completion(request: web.Request) -> web.StreamResponse:
    """Answer as the chat completions of OpenAI do."""
    model, streams = await _asked(request)
    about = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": model}
    if not streams:
        message = {"role": "assistant", "content": "".join(_WORDS)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response({**about, "object": "chat.completion", "choices": [choice], "usage": _USAGE})
    deltas = [{"role": "assistant", "content": ""}, *({"content": word} for word in _WORDS)]
    ends: list[str | None] = [None] * len(deltas) + ["stop"]
    events = [
        {
            **about,
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": delta, "finish_reason": end}],
        }
        for delta, end in zip([*deltas, {}], ends, strict=True)
    ]
    return await _stream(
        request, [f"data: {json.dumps(event)}\n\n" for event in events] + ["data: [DONE]\n\n"]
    )


async def _message(request: web.Request) -> web.StreamResponse:
    """Answer as the messages of Anthropic do."""
    model, streams = await _asked(request)
    usage = {"input_tokens": 9, "output_tokens": 4}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_sequence": None}
    if not streams:
        content = [{"type": "text", "text": "".join(_WORDS)}]
        return web.json_response({**message, "content": content, "stop_reason": "end_turn", "usage": usage})
    begun: dict[str, object] = {
        **message,
        "content": [],
        "stop_reason": None,
        "usage": {**usage, "output_tokens": 1},
    }
    events: list[dict[str, object]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
            for word in _WORDS
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": usage,
        },
        {"type": "message_stop"},
    ]
    return await _stream(request, [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events])


async def _asked(request: web.Request) -> tuple[str, bool]:
    """Return the model that is asked for, and whether its answer is to be a stream."""
    try:
        asked = await request.json()
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise web.HTTPBadRequest(text='{"error":{"message":"the body is no JSON object"}}')
    return str(asked.get("model", "built-in")), asked.get("stream") is True


async def _stream(request: web.Request, events: list[str]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    for event in events:
        await response.write(event.encode())
        # Each event leaves by itself, as those of a model do.
        await asyncio.sleep(0)
    await response.write_eof()
    return response
