"""Runs a user's own program until it ends or its time is up, and keeps what it said."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence

import msgspec

_READ_BYTES = 64 * 1024
_CRASH_MARKS = (b"Traceback (most recent call last)", b"panic:", b"Uncaught", b"UnhandledPromiseRejection")
_SAID_CHARACTERS_MAX = 2000


class ClientRun(msgspec.Struct, frozen=True):
    """What became of a client.

    Attributes:
        exit_code: negative for the signal that ended it; None if it did not end in time.
        crashed: it ended by an error that nobody caught, or by a signal.
        elapsed_s: from its start to its end.
        said: end of what it said on stderr.
        printed: what it printed on stdout, as far as it was kept: its last bytes.
    """

    exit_code: int | None
    crashed: bool
    elapsed_s: float
    said: str
    printed: bytes = b""


async def run_process(
    command: Sequence[str], environment: Mapping[str, str], limit_s: float, printed_bytes_max: int = 0
) -> ClientRun:
    """Run a program, in a process group of its own.

    Args:
        command: program and arguments.
        environment: that it starts with.
        limit_s: time that it has; then it is killed, with all that it has started.
        printed_bytes_max: bytes at the end of its stdout that are kept.

    Raises:
        OSError: if it cannot be started.
    """
    loop = asyncio.get_running_loop()
    begin_s = loop.time()
    process = await asyncio.create_subprocess_exec(
        *command,
        env=dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE if printed_bytes_max else asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    streams = asyncio.gather(
        _read_end(process.stderr, _READ_BYTES), _read_end(process.stdout, printed_bytes_max)
    )
    exit_code: int | None = None
    try:
        exit_code = await asyncio.wait_for(process.wait(), limit_s)
    except TimeoutError:
        pass
    finally:
        # Also where this task was cancelled: nothing that was started here is left behind.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    said, printed = await streams
    crashed = exit_code is not None and (exit_code < 0 or any(mark in said for mark in _CRASH_MARKS))
    text = said.decode(errors="replace")[-_SAID_CHARACTERS_MAX:]
    return ClientRun(exit_code, crashed, loop.time() - begin_s, text, printed)


async def _read_end(stream: asyncio.StreamReader | None, bytes_max: int) -> bytes:
    """Read a stream to its end; return its last bytes."""
    data = b""
    while stream is not None and (came := await stream.read(_READ_BYTES)):
        data = (data + came)[-bytes_max:]
    return data
