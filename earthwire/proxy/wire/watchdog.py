"""Coarse timeouts for many connections: one periodic sweep instead of a timer per request."""

import asyncio

from earthwire.proxy.wire.connection import Connection

SWEEP_PERIOD_S = 0.25


class Watchdog:
    """Calls `overdue()` of each watched connection, never before its `overdue_at_s` and up to two sweeps later.

    Attributes:
        horizon_s: at least the present loop time, and at most one sweep period beyond it. What is to be overdue in
            `t` seconds is so at ``horizon_s + t``: no clock needs to be read for that.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, period_s: float = SWEEP_PERIOD_S) -> None:
        self._loop = loop
        self._period_s = period_s
        self._connections: set[Connection] = set()
        self._handle: asyncio.TimerHandle | None = None
        self.horizon_s = loop.time() + period_s

    def __len__(self) -> int:
        return len(self._connections)

    def watch(self, connection: Connection) -> None:
        """Watch a connection until `unwatch`."""
        self._connections.add(connection)
        if self._handle is None:
            self._plan_sweep()

    def unwatch(self, connection: Connection) -> None:
        """Forget a connection; one that is not watched is ignored."""
        self._connections.discard(connection)

    def close(self) -> None:
        """Stop sweeping, and close what is still watched: nobody would end it any more."""
        for connection in list(self._connections):
            connection.abort()
        self._connections.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _sweep(self) -> None:
        now_s = self._loop.time()
        overdue = [connection for connection in self._connections if connection.overdue_at_s <= now_s]
        for connection in overdue:
            # What became of another one may have given it more time.
            if connection.overdue_at_s <= now_s:
                self._end(connection)
        # Nothing to watch: `watch` starts the sweep again.
        self._handle = None
        if self._connections:
            self._plan_sweep()

    def _end(self, connection: Connection) -> None:
        """End a connection; one that fails meanwhile must not keep the others from being watched."""
        try:
            connection.overdue()
        except Exception as error:
            self._loop.call_exception_handler(
                {"message": "a connection ended by an error of the proxy itself", "exception": error}
            )
            connection.abort()

    def _plan_sweep(self) -> None:
        self.horizon_s = self._loop.time() + self._period_s
        self._handle = self._loop.call_later(self._period_s, self._sweep)
