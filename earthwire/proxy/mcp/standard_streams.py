"""Standard input and output of this process, whatever they are: pipes, sockets, files or a terminal.

They block, in a thread each: made non-blocking they would be so for every process that shares them.
"""

import asyncio
import contextlib
import os
import queue
import sys
import threading
from collections.abc import Awaitable, Callable

_READ_BYTES = 1 << 16


class StandardOutput:
    """The one place that may write to standard output; whoever prints by mistake writes to standard error.

    Args:
        loop: the running loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._descriptor = os.dup(1)
        os.dup2(2, 1)
        self._waiting: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="standard output", daemon=True).start()

    async def write(self, data: bytes) -> None:
        """Write bytes; return when they are with the operating system.

        Raises:
            OSError: if nobody reads any more.
        """
        if not data:
            return
        written: asyncio.Future[None] = self._loop.create_future()
        self._waiting.put((data, written))
        await written

    def close(self) -> None:
        """Close the stream after what was written."""
        self._waiting.put(None)

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None:
            data, written = item
            error: OSError | None = None
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except OSError as failure:
                error = failure
            self._tell(written, error)
        with contextlib.suppress(OSError):
            os.close(self._descriptor)

    def _tell(self, written: "asyncio.Future[None]", error: OSError | None) -> None:
        def tell() -> None:
            if written.done():
                return
            if error is None:
                written.set_result(None)
            else:
                written.set_exception(error)

        with contextlib.suppress(RuntimeError):  # The loop is closed: nobody waits any more.
            self._loop.call_soon_threadsafe(tell)


def read_standard_input(
    loop: asyncio.AbstractEventLoop, take: Callable[[bytes], Awaitable[None]]
) -> "asyncio.Future[None]":
    """Read standard input to its end; return a future that is done then.

    Args:
        loop: the running loop.
        take: takes bytes; nothing is read until it has returned.
    """
    ended: asyncio.Future[None] = loop.create_future()

    async def taken(data: bytes) -> None:
        await take(data)

    def end() -> None:
        if not ended.done():
            ended.set_result(None)

    def work() -> None:
        with contextlib.suppress(RuntimeError, OSError, asyncio.CancelledError):
            while data := os.read(sys.stdin.fileno(), _READ_BYTES):
                asyncio.run_coroutine_threadsafe(taken(data), loop).result()
        with contextlib.suppress(RuntimeError):  # The loop is closed: nobody waits any more.
            loop.call_soon_threadsafe(end)

    threading.Thread(target=work, name="standard input", daemon=True).start()
    return ended
