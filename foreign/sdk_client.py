"""The official MCP SDK, 1.x or 2.x, as a client that meets each scenario and tells what it made of it.

``python sdk_client.py http URL`` or ``python sdk_client.py stdio COMMAND ARGS...``; prints a JSON object: scenario to
what the first call and what the second call in the same session ended as.
"""

import asyncio
import contextlib
import json
import logging
import re
import sys
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import mcp
from mcp_scenarios import SCENARIOS

CALL_S = 2.0
SESSION_S = 12.0
SHOWN_CHARACTERS = 70


@contextlib.asynccontextmanager
async def session(transport, *where):
    """Open a session; yields a function that calls a tool."""
    if hasattr(mcp, "Client"):
        server = (
            where[0] if transport == "http" else mcp.StdioServerParameters(command=where[0], args=where[1:])
        )
        async with mcp.Client(server, read_timeout_seconds=CALL_S) as client:
            yield client.call_tool
        return
    async with contextlib.AsyncExitStack() as stack:
        streams = await stack.enter_async_context(streams_of(transport, *where))
        opened = await stack.enter_async_context(mcp.ClientSession(*streams[:2]))
        await opened.initialize()

        async def call(name):
            return await opened.call_tool(name, {}, read_timeout_seconds=timedelta(seconds=CALL_S))

        yield call


def streams_of(transport, *where):
    if transport == "http":
        from mcp.client.streamable_http import streamable_http_client

        return streamable_http_client(where[0])
    from mcp.client.stdio import StdioServerParameters, stdio_client

    return stdio_client(StdioServerParameters(command=where[0], args=list(where[1:])))


async def told(call, name):
    """Call a tool; return in a few words how that ended."""
    try:
        async with asyncio.timeout(SESSION_S / 2):
            result = await call(name)
    except TimeoutError:
        return "hangs, whatever its own limit"
    except Exception as error:
        return describe(error)
    is_error = getattr(result, "isError", None) or getattr(result, "is_error", None)
    text = " ".join(getattr(item, "text", "") for item in result.content)
    if is_error:
        return f"result with isError: {shown(text)}"
    return "the report" if is_report(text) else f"result: {shown(text)}"


def is_report(text):
    """Tell whether a text is the whole report, each part of it of the right type."""
    try:
        rows = json.loads(text)["rows"]
        return [(row["id"], row["name"], row["amount"]) for row in rows] == [
            (number, f"customer {number}", 10.0 * number) for number in range(1, 6)
        ]
    except (ValueError, KeyError, TypeError):
        return False


def describe(error):
    """Return what an exception says; a group says what is inside of it."""
    if isinstance(error, BaseExceptionGroup):
        return describe(error.exceptions[0])
    details = getattr(error, "error", None)
    code = getattr(details, "code", None)
    named = f"{type(error).__name__} {code}" if code is not None else type(error).__name__
    return f"raises {named}: {shown(str(error))}"


def shown(text):
    words = re.sub(r"127\.0\.0\.1:\d+", "…", " ".join(text.split()))
    if len(words) <= SHOWN_CHARACTERS:
        return words
    return words[: SHOWN_CHARACTERS // 2] + " … " + words[-SHOWN_CHARACTERS // 2 :]


async def meet(scenario, transport, *where):
    seen = []
    try:
        async with asyncio.timeout(2 * SESSION_S), session(transport, *where) as call:
            seen.append(await told(call, scenario))
            seen.append(await told(call, scenario))
    except TimeoutError:
        seen.append("the session does not end")
    except Exception as error:
        seen.append(f"the session ends: {describe(error)}")
    return seen


async def main():
    logging.disable(logging.CRITICAL)
    print(json.dumps({scenario: await meet(scenario, *sys.argv[1:]) for scenario in SCENARIOS}))


if __name__ == "__main__":
    asyncio.run(main())
