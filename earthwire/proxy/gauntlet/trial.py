"""Runs a client once, with one fault between it and its tool, and sees what becomes of both."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence

import msgspec

URL_PLACE = "{url}"
"""In a client's arguments stands for the base URL that it is to call."""

_KEYS = {"OPENAI_API_KEY": "not-a-key", "ANTHROPIC_API_KEY": "not-a-key"}
"""Clients of model providers do not start without one."""

_STDERR_BYTES_MAX = 64 * 1024
_CRASH_MARKS = (b"Traceback (most recent call last)", b"panic:", b"Uncaught", b"UnhandledPromiseRejection")


class ClientRun(msgspec.Struct, frozen=True):
    """What became of a client.

    Attributes:
        exit_code: negative for the signal that ended it; None if it did not end in time.
        crashed: it ended by an error that nobody caught, or by a signal.
        elapsed_s: from its start to its end.
        said: end of what it said on stderr.
    """

    exit_code: int | None
    crashed: bool
    elapsed_s: float
    said: str


async def run_client(
    command: Sequence[str], url: str, environment: Mapping[str, str], limit_s: float
) -> ClientRun:
    """Run a client until it ends or its time is up.

    Args:
        command: program and arguments; `URL_PLACE` in them is filled.
        url: base URL that it is to call.
        environment: it starts with; the variables by which common clients are told base URLs are set in it.
        limit_s: time that it has.

    Raises:
        OSError: if it cannot be started.
    """
    loop = asyncio.get_running_loop()
    begin_s = loop.time()
    process = await asyncio.create_subprocess_exec(
        *(argument.replace(URL_PLACE, url) for argument in command),
        env={**_KEYS, **environment, **base_urls(url)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    stderr = asyncio.create_task(_read_end(process.stderr))
    exit_code: int | None = None
    try:
        exit_code = await asyncio.wait_for(process.wait(), limit_s)
    except TimeoutError:
        # With all that it has started.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    said = await stderr
    crashed = exit_code is not None and (exit_code < 0 or any(mark in said for mark in _CRASH_MARKS))
    return ClientRun(exit_code, crashed, loop.time() - begin_s, said.decode(errors="replace")[-2000:])


def base_urls(url: str) -> dict[str, str]:
    """Return the variables by which clients are told where to call."""
    return {"EARTHWIRE_URL": url, "OPENAI_BASE_URL": f"{url}/v1", "ANTHROPIC_BASE_URL": url}


async def _read_end(stream: asyncio.StreamReader) -> bytes:
    data = b""
    while came := await stream.read(_STDERR_BYTES_MAX):
        data = (data + came)[-_STDERR_BYTES_MAX:]
    return data
