"""Measures how late the loop is while no call waits for a deadline."""

import asyncio

from earthwire.proxy.timing.clock import RealClock
from earthwire.proxy.wire.fiber import Fiber

PERIOD_S = 0.025
"""A loop that is busy, or blocked, for longer than this is always noticed; shorter times by their share."""


class Heartbeat:
    """Something that is due every `PERIOD_S`, so that `RealClock.lag_s` is never older than that.

    Requests that arrive while the loop is busy get a late arrival time, which no deadline of theirs shows. The
    heartbeat is due all the time, and shows it.

    Args:
        loop: the running loop.
        clock: whose lag is kept fresh; to be closed after this.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: RealClock) -> None:
        self._clock = clock
        self._fiber = Fiber(loop, self._beat())
        self._fiber.step()

    def close(self) -> None:
        """Stop."""
        self._fiber.cancel()

    async def _beat(self) -> None:
        while True:
            await self._clock.wait_until(self._clock.now() + PERIOD_S)
