"""An MCP server on the official SDK (1.x) with what the official conformance suite asks for.

Runs in an environment of its own: ``python everything_server.py PORT``.
"""

import asyncio
import base64
import json
import sys

from mcp import types
from mcp.server.fastmcp import Context, FastMCP
from mcp.server.fastmcp.prompts.base import UserMessage
from mcp.server.streamable_http import EventMessage, EventStore
from pydantic import BaseModel, Field

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
SILENCE = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
STEP_S = 0.05
RECONNECT_MS = 100


class Events(EventStore):
    """Keeps all events of all streams, so that a client that comes back gets what it missed."""

    def __init__(self) -> None:
        self.kept = []

    async def store_event(self, stream_id, message):
        self.kept.append((stream_id, message))
        return str(len(self.kept))

    async def replay_events_after(self, last_event_id, send):
        last = int(last_event_id)
        stream_id = self.kept[last - 1][0]
        for number, (stream, message) in enumerate(self.kept, start=1):
            if number > last and stream == stream_id and message is not None:
                await send(EventMessage(message, str(number)))
        return stream_id


server = FastMCP(
    "everything", port=int(sys.argv[1]), event_store=Events(), retry_interval=RECONNECT_MS, log_level="ERROR"
)
subscribed = set()


def text(content):
    return types.TextContent(type="text", text=content)


def picture():
    return types.ImageContent(type="image", data=PIXEL, mimeType="image/png")


def embedded(uri, mime_type, content):
    resource = types.TextResourceContents(uri=uri, mimeType=mime_type, text=content)
    return types.EmbeddedResource(type="resource", resource=resource)


@server.tool()
def test_simple_text() -> str:
    """Answer with text."""
    return "This is a simple text response for testing."


@server.tool()
def test_image_content() -> list[types.ImageContent]:
    """Answer with a picture."""
    return [picture()]


@server.tool()
def test_audio_content() -> list[types.AudioContent]:
    """Answer with sound."""
    return [types.AudioContent(type="audio", data=SILENCE, mimeType="audio/wav")]


@server.tool()
def test_embedded_resource() -> list[types.EmbeddedResource]:
    """Answer with a resource."""
    return [embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")]


@server.tool()
def test_multiple_content_types() -> list[types.TextContent | types.ImageContent | types.EmbeddedResource]:
    """Answer with a bit of everything."""
    data = json.dumps({"test": "data", "value": 123})
    parts = [text("Multiple content types test:"), picture()]
    return [*parts, embedded("test://mixed-content-resource", "application/json", data)]


@server.tool()
async def test_tool_with_logging(ctx: Context) -> str:
    """Log while working."""
    for message in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.info(message)
        await asyncio.sleep(STEP_S)
    return "Logged three times."


@server.tool()
async def test_tool_with_progress(ctx: Context) -> str:
    """Report progress while working."""
    for done in (0, 50, 100):
        await ctx.report_progress(done, 100, f"{done} of 100")
        await asyncio.sleep(STEP_S)
    return "Done."


@server.tool()
async def test_sampling(prompt: str, ctx: Context) -> str:
    """Ask the client's model."""
    message = types.SamplingMessage(role="user", content=text(prompt))
    # On the stream of this call. Without its id the SDK takes the session's own stream, which the client opens while
    # it calls already: a question that comes first is never sent.
    answer = await ctx.session.create_message(
        messages=[message], max_tokens=100, related_request_id=ctx.request_id
    )
    return f"LLM response: {answer.content.text}"


class Answer(BaseModel):
    response: str = Field(description="User's response")


class Defaults(BaseModel):
    name: str = Field(default="John Doe")
    age: int = Field(default=30)
    score: float = Field(default=95.5)
    status: str = Field(default="active", json_schema_extra={"enum": ["active", "inactive", "pending"]})
    verified: bool = Field(default=True)


def titled(**titles):
    return [{"const": key, "title": title} for key, title in titles.items()]


class Choices(BaseModel):
    untitledSingle: str = Field(json_schema_extra={"enum": ["option1", "option2", "option3"]})  # noqa: N815
    titledSingle: str = Field(json_schema_extra={"oneOf": titled(value1="First", value2="Second")})  # noqa: N815
    legacyEnum: str = Field(  # noqa: N815
        json_schema_extra={"enum": ["opt1", "opt2"], "enumNames": ["Option One", "Option Two"]}
    )
    untitledMulti: list[str] = Field(  # noqa: N815
        json_schema_extra={"items": {"type": "string", "enum": ["option1", "option2", "option3"]}}
    )
    titledMulti: list[str] = Field(  # noqa: N815
        json_schema_extra={"items": {"anyOf": titled(value1="First", value2="Second")}}
    )


async def asked(ctx, message, schema):
    answer = await ctx.elicit(message=message, schema=schema)
    content = answer.data.model_dump_json() if answer.action == "accept" else "{}"
    return f"action={answer.action}, content={content}"


@server.tool()
async def test_elicitation(message: str, ctx: Context) -> str:
    """Ask the user."""
    return "User response: " + await asked(ctx, message, Answer)


@server.tool()
async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    """Ask the user, with defaults."""
    return "Elicitation completed: " + await asked(ctx, "Please check what is filled in", Defaults)


@server.tool()
async def test_elicitation_sep1330_enums(ctx: Context) -> str:
    """Ask the user to choose."""
    return "Elicitation completed: " + await asked(ctx, "Please choose", Choices)


@server.tool()
def test_error_handling() -> str:
    """Fail."""
    raise RuntimeError("This tool intentionally returns an error for testing")


@server.tool()
async def test_reconnection(ctx: Context) -> str:
    """Close the stream in the middle of a call."""
    await ctx.close_sse_stream()
    await asyncio.sleep(2 * RECONNECT_MS / 1000)
    return "Reconnection test completed"


@server.resource("test://static-text", mime_type="text/plain")
def static_text() -> str:
    """Read text."""
    return "This is the content of the static text resource."


@server.resource("test://static-binary", mime_type="image/png")
def static_binary() -> bytes:
    """Read a picture."""
    return base64.b64decode(PIXEL)


@server.resource("test://template/{id}/data", mime_type="application/json")
def template(id: str) -> str:
    """Read what a template names."""
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


@server.resource("test://watched-resource", mime_type="text/plain")
def watched() -> str:
    """Read what can be watched."""
    return "Watched resource content"


@server.prompt()
def test_simple_prompt() -> list[UserMessage]:
    """Show a prompt without arguments."""
    return [UserMessage(content=text("This is a simple prompt for testing."))]


@server.prompt()
def test_prompt_with_arguments(arg1: str, arg2: str) -> list[UserMessage]:
    """Show a prompt with arguments."""
    return [UserMessage(content=text(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"))]


@server.prompt()
def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803
    """Show a prompt with a resource."""
    resource = embedded(resourceUri, "text/plain", "Embedded resource content for testing.")
    return [UserMessage(content=resource), UserMessage(content=text("Please process the resource above."))]


@server.prompt()
def test_prompt_with_image() -> list[UserMessage]:
    """Show a prompt with a picture."""
    return [UserMessage(content=picture()), UserMessage(content=text("Please analyze the image above."))]


@server.completion()
async def complete(ref, argument, context):
    return types.Completion(values=[], total=0, hasMore=False)


@server._mcp_server.set_logging_level()
async def set_logging_level(level) -> None:
    """Take note of it."""


@server._mcp_server.subscribe_resource()
async def subscribe(uri) -> None:
    subscribed.add(str(uri))


@server._mcp_server.unsubscribe_resource()
async def unsubscribe(uri) -> None:
    subscribed.discard(str(uri))


SCHEMA_2020_12 = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
    "additionalProperties": False,
}


@server.tool(name="json_schema_2020_12_tool")
def json_schema_2020_12_tool(name: str = "") -> str:
    """Show a schema that uses what only the newest dialect has."""
    return name


server._tool_manager.get_tool("json_schema_2020_12_tool").parameters = SCHEMA_2020_12

if __name__ == "__main__":
    server.run(transport="streamable-http")
