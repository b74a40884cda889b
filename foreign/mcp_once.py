"""The official MCP SDK that calls one tool once: ``python mcp_once.py URL``; exit code 0 if it got the report."""

import asyncio
import contextlib
import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from sdk_client import SESSION_S, describe, session, told

TOOL = "good"


async def main() -> int:
    """Call the tool; name on stderr what was got instead of the report."""
    logging.disable(logging.CRITICAL)
    got = "the session does not end"
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SESSION_S), session("http", sys.argv[1]) as call:
                got = await told(call, TOOL)
    except Exception as error:
        got = f"the session ends: {describe(error)}"
    if got != "the report":
        print(got, file=sys.stderr)
    return got != "the report"


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
