"""Works off what the turns of the event loop bring in rows: first all that was read, then all that is to be written.

Where many calls are under way, one turn of the loop brings news of many connections. If each were read, worked on and
answered before the next one is read, kernel, event loop and our own code would push each other out of the processor's
caches with every piece. In rows each of them finds itself still there, and a call takes a tenth less. Rules:

1. What a connection has brought is taken in before the loop tells anything else of that connection.
2. A piece that is not small is taken in at once, since it may be for its reader to pause the connection; so what waits
   here is bounded.
3. Writes wait for the end of the row that they are asked for in, and no longer. Whoever asks for one does nothing more
   with the connection until it is told that it was written.
4. Where turns bring a piece or two, each is taken in at once: a row costs one more round in the loop.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earthwire.proxy.wire.connection import Connection

ROW_COUNT_MIN = 6
"""Pieces in a turn that a row pays for."""
SHORT_TURNS_MAX = 2
"""Turns one after the other that bring less, until pieces are taken in at once: of one, some may have been already."""
ROW_COUNT_MAX = 64
"""Longer rows gain nothing, and the first ones would wait for the last."""
SINGLE_COUNT = 64
"""Pieces that are taken in at once, before turns are looked at again."""
SMALL_BYTES_MAX = 4096

Written = Callable[[float], None]
"""Takes the time at which something was written (monotonic)."""


class Turns:
    """The turns of one loop.

    Attributes:
        loop: the loop.
        single_count: pieces that connections are still to take in at once, without `bring`.

    Args:
        loop: the running loop.
    """

    __slots__ = (
        "_brought",
        "_had_full_row",
        "_in_row",
        "_short_turn_count",
        "_writes",
        "loop",
        "single_count",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._brought: list[tuple[Connection, bytes]] = []
        self._writes: list[tuple[Connection, bytes, Written | None]] = []
        self._in_row = False
        self._had_full_row = False
        self._short_turn_count = 0
        self.single_count = SINGLE_COUNT

    def bring(self, connection: "Connection", data: bytes) -> None:
        """Have a connection take in what it has read, in this turn's row."""
        brought = self._brought
        if len(data) > SMALL_BYTES_MAX:
            self.work_off()
            connection.take_in(data)
            return
        if not brought:
            # It runs when all news of this turn are here, and before the loop waits for the next ones.
            self.loop.call_soon(self._end_turn)
        brought.append((connection, data))
        if len(brought) >= ROW_COUNT_MAX:
            self._had_full_row = True
            self.work_off()

    def write(self, connection: "Connection", data: bytes, written: Written | None = None) -> None:
        """Write to a connection at the end of the present row, or now if there is none.

        Args:
            connection: that is left alone until it was written.
            data: what to write.
            written: told when that was.
        """
        if self._in_row:
            self._writes.append((connection, data, written))
            return
        connection.write(data)
        if written is not None:
            written(time.monotonic())

    def begin_row(self) -> None:
        """Have writes wait until `end_row`."""
        self._in_row = True

    def end_row(self) -> None:
        """Write what was asked for in this row."""
        while self._writes:
            writes, self._writes = self._writes, []
            self._tell_written(self._write_all(writes))
        self._in_row = False

    def work_off(self) -> None:
        """Have all connections take in what they have brought."""
        brought = self._brought
        if not brought:
            return
        self._brought = []
        self.begin_row()
        for connection, data in brought:
            if connection.closed:
                # As nothing is read any more from a connection that was closed.
                continue
            try:
                connection.take_in(data)
            except Exception as error:
                self._fail(connection, error)
        self.end_row()

    def _end_turn(self) -> None:
        if not self._brought:
            return
        is_short = len(self._brought) < ROW_COUNT_MIN and not self._had_full_row
        self._short_turn_count = self._short_turn_count + 1 if is_short else 0
        if self._short_turn_count == SHORT_TURNS_MAX:
            self._short_turn_count = 0
            self.single_count = SINGLE_COUNT
        self._had_full_row = False
        self.work_off()

    def _write_all(
        self, writes: list[tuple["Connection", bytes, Written | None]]
    ) -> list[tuple["Connection", Written, float]]:
        """Write; return who is to be told of it, and the time at which it was."""
        told = []
        for connection, data, written in writes:
            try:
                connection.write(data)
            except Exception as error:
                self._fail(connection, error)
                continue
            if written is not None:
                told.append((connection, written, time.monotonic()))
        return told

    def _tell_written(self, told: list[tuple["Connection", Written, float]]) -> None:
        for connection, written, written_s in told:
            try:
                written(written_s)
            except Exception as error:
                self._fail(connection, error)

    def _fail(self, connection: "Connection", error: Exception) -> None:
        """Do what the loop does with a connection whose callback fails: log the error and close it."""
        self.loop.call_exception_handler(
            {"message": "a connection ended by an error of the proxy itself", "exception": error}
        )
        connection.abort()
