"""Runs a user's own program until it ends or its time is up, and keeps what it said."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence

import msgspec

_STDOUT, _STDERR = 1, 2
_SAID_BYTES_MAX = 64 * 1024
_CLOSE_TIMEOUT_S = 2.0
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
    transport, output = await loop.subprocess_exec(
        lambda: _Output(loop, {_STDOUT: printed_bytes_max, _STDERR: _SAID_BYTES_MAX}),
        *command,
        env=dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE if printed_bytes_max else asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    exit_code: int | None = None
    try:
        await asyncio.wait_for(asyncio.shield(output.exited), limit_s)
        exit_code = transport.get_returncode()
    except TimeoutError:
        pass
    finally:
        # Also where this task was cancelled: nothing that was started here is left behind.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(transport.get_pid(), signal.SIGKILL)
        await output.exited
        with contextlib.suppress(TimeoutError):
            # What has left the group may hold a pipe open for as long as it likes.
            await asyncio.wait_for(asyncio.shield(output.closed), _CLOSE_TIMEOUT_S)
        transport.close()
    said = output.kept[_STDERR]
    crashed = exit_code is not None and (exit_code < 0 or any(mark in said for mark in _CRASH_MARKS))
    text = said.decode(errors="replace")[-_SAID_CHARACTERS_MAX:]
    return ClientRun(exit_code, crashed, loop.time() - begin_s, text, output.kept[_STDOUT])


class _Output(asyncio.SubprocessProtocol):
    """Keeps the last bytes that a process writes. asyncio's own wait would not end before all pipes are closed.

    Attributes:
        kept: last bytes, by file descriptor.
        exited, closed: done when the process has ended, and when its pipes are closed as well.

    Args:
        loop: that runs.
        bytes_max: how many are kept, by file descriptor.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, bytes_max: Mapping[int, int]) -> None:
        self.exited: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.kept = dict.fromkeys(bytes_max, b"")
        self._bytes_max = bytes_max

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take what was written."""
        self.kept[fd] = (self.kept[fd] + data)[-self._bytes_max[fd] :]

    def process_exited(self) -> None:
        """Take that the process has ended."""
        self.exited.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take that nothing more will come."""
        self.closed.set_result(None)
