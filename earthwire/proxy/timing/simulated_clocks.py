"""The clocks of episodes whose time does not pass as ours does."""

import math
from collections.abc import Awaitable

from earthwire.proxy.timing.clock import Clock
from earthwire.proxy.wire.fiber import Signal


class VirtualClock:
    """Time in which every deadline has come: nothing waits."""

    def now(self) -> float:
        """Return infinity."""
        return math.inf

    def wait_until(self, deadline_s: float) -> Signal:
        """Return a signal that has fired."""
        signal = Signal()
        signal.fired = True
        return signal


VIRTUAL_CLOCK = VirtualClock()


class ScaledClock:
    """Time that passes `speed` times as fast as real time, from the arrival of one call on.

    Args:
        real: the clock that it follows.
        arrival_s: when the call arrived, on the real clock.
        speed: simulated seconds in a real one, positive.
    """

    __slots__ = ("_arrival_s", "_real", "_speed")

    def __init__(self, real: Clock, arrival_s: float, speed: float) -> None:
        self._real = real
        self._arrival_s = arrival_s
        self._speed = speed

    def now(self) -> float:
        """Return the simulated time in seconds; at the arrival it is that of the real clock."""
        return self._arrival_s + (self._real.now() - self._arrival_s) * self._speed

    def wait_until(self, deadline_s: float) -> Awaitable[None]:
        """Return what, awaited, returns once the simulated time is at least `deadline_s`."""
        return self._real.wait_until(self._arrival_s + (deadline_s - self._arrival_s) / self._speed)
