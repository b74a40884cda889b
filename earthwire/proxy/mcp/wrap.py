"""Runs a stdio server with the draw between it and its host: the process that a host starts in place of the server."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from earthwire.proxy.calls.planner import Planner
from earthwire.proxy.limits import MIB, Limits
from earthwire.proxy.mcp.lines import LineSplitter
from earthwire.proxy.mcp.standard_streams import StandardOutput, read_standard_input
from earthwire.proxy.mcp.stdio_session import Send, StdioSession, StdioSettings
from earthwire.proxy.recording.recorder import Recorder

LINE_BYTES_MAX = 16 * MIB
EXIT_GRACE_S = 10.0
"""Time that the server has to end after its input has, and then again after SIGTERM."""
SETTLE_S_MAX = 10.0
"""Time that answers which are not due yet have when the server has ended in order."""
NOT_FOUND_STATUS, NOT_EXECUTABLE_STATUS = 127, 126
"""As shells tell that a command cannot be run."""
BROKEN_STATUS = 1
"""Where a plan ended the server."""

_READ_BYTES = 1 << 16
_SIGNAL_STATUS = 128


class StdioWrap:
    """One server process between its host and the draw.

    Args:
        command: program and arguments of the server.
        settings: what is simulated.
        planner: draws.
        record_path: JSONL file that trace records are appended to, or None.
    """

    def __init__(
        self, command: list[str], settings: StdioSettings, planner: Planner, record_path: Path | None = None
    ) -> None:
        self._command = command
        self._settings = settings
        self._planner = planner
        self._record_path = record_path

    async def run(self) -> int:
        """Serve the host until it or the server ends; return the status to exit with."""
        loop = asyncio.get_running_loop()
        try:
            server = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
        except OSError as error:
            _warn(f"cannot start {self._command[0]!r}: {error.strerror or error}")
            return NOT_FOUND_STATUS if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE_STATUS
        recorder = self._recorder(loop)
        output = StandardOutput(loop)
        session = StdioSession(
            self._settings,
            self._planner,
            output.write,
            _writer_to(server),
            (lambda record: None) if recorder is None else recorder.add,
            _warn,
        )
        try:
            with _handing_signals_on(loop, server):
                return await self._serve(loop, server, session, output)
        finally:
            output.close()
            if recorder is not None:
                recorder.close()

    async def _serve(
        self,
        loop: asyncio.AbstractEventLoop,
        server: asyncio.subprocess.Process,
        session: StdioSession,
        output: StandardOutput,
    ) -> int:
        to_server = _Taker(session.from_host, _writer_to(server))
        input_ended = read_standard_input(loop, to_server.take)
        input_ended.add_done_callback(lambda _: _close_input(server))
        output_ended = loop.create_task(_relay_output(server, _Taker(session.from_server, output.write)))
        broken = loop.create_task(session.broken.wait())
        both = (output_ended, broken)
        await asyncio.wait((*both, input_ended), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait(both, timeout=EXIT_GRACE_S, return_when=asyncio.FIRST_COMPLETED)
        host_is_there = not output_ended.done() or output_ended.exception() is None
        if host_is_there and not broken.done():
            await session.settle(SETTLE_S_MAX)
        is_broken = session.broken.is_set()
        await _cancelled(*both)
        await session.settle(0.0)
        status = await _ended(server, at_once=is_broken or not host_is_there)
        return BROKEN_STATUS if is_broken else status

    def _recorder(self, loop: asyncio.AbstractEventLoop) -> Recorder | None:
        if self._record_path is None:
            return None
        return Recorder(self._record_path, loop, Limits().records_queued_max)


def wrap(
    command: list[str], settings: StdioSettings, planner: Planner, record_path: Path | None = None
) -> int:
    """Run a stdio server behind the draw until it or its host ends; return the status to exit with."""
    return asyncio.run(StdioWrap(command, settings, planner, record_path).run())


class _Taker:
    """Takes bytes and hands lines on; pieces of lines that are too long pass as they are.

    Args:
        take_line: takes a whole line, with its end.
        pass_on: takes pieces, and what is left at the end.
    """

    def __init__(self, take_line: Send, pass_on: Send) -> None:
        self._splitter = LineSplitter(LINE_BYTES_MAX)
        self._take_line = take_line
        self._pass_on = pass_on

    async def take(self, data: bytes) -> None:
        for piece, is_whole in self._splitter.feed(data):
            await (self._take_line(piece) if is_whole else self._pass_on(piece))

    async def end(self) -> None:
        await self._pass_on(self._splitter.rest())


async def _relay_output(server: asyncio.subprocess.Process, taker: _Taker) -> None:
    assert server.stdout is not None, "it is a pipe"
    while data := await server.stdout.read(_READ_BYTES):
        await taker.take(data)
    await taker.end()


def _writer_to(server: asyncio.subprocess.Process) -> Send:
    pipe = server.stdin
    assert pipe is not None, "it is a pipe"

    async def write(data: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # The server has ended; that shows at its output.
            pipe.write(data)
            await pipe.drain()

    return write


def _close_input(server: asyncio.subprocess.Process) -> None:
    assert server.stdin is not None, "it is a pipe"
    server.stdin.close()


async def _cancelled(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _ended(server: asyncio.subprocess.Process, *, at_once: bool) -> int:
    """Return the status of the server, which has to end now.

    Args:
        server: whose input is closed, or about to be.
        at_once: it gets no time to end by itself.
    """
    _close_input(server)
    for end in (None, server.terminate, server.kill):
        if end is None and at_once:
            continue
        if end is not None:
            with contextlib.suppress(ProcessLookupError):
                end()
        with contextlib.suppress(TimeoutError):
            status = await asyncio.wait_for(server.wait(), EXIT_GRACE_S)
            return status if status >= 0 else _SIGNAL_STATUS - status
    return _SIGNAL_STATUS + signal.SIGKILL


@contextlib.contextmanager
def _handing_signals_on(
    loop: asyncio.AbstractEventLoop, server: asyncio.subprocess.Process
) -> Iterator[None]:
    """Have the server get the signals that are to end this process."""

    def end() -> None:
        with contextlib.suppress(ProcessLookupError):
            server.terminate()

    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end)
    except NotImplementedError:
        yield  # No signal handlers on this platform: the default ends both.
        return
    yield


def _warn(text: str) -> None:
    print(f"earthwire: {text}", file=sys.stderr, flush=True)
