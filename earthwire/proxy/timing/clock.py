"""Waiting until absolute deadlines, never early.

The timers of the event loops count in milliseconds and fire up to one early. Deadlines here live in a heap behind a
single timerfd (Linux), which wakes within some tens of microseconds; elsewhere the loop's own timer is used and set
again if it fired early.
"""

import asyncio
import heapq
import math
import os
import time
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Protocol

from earthwire.proxy.timing.timerfd import NANOSECONDS_PER_SECOND, Timerfd, open_timerfd
from earthwire.proxy.wire.fiber import Signal
from earthwire.proxy.wire.turns import Turns

_COMPACTION_COUNT_MIN = 64


class Clock(Protocol):
    """Time as the proxy sees it: real, scaled or virtual."""

    def now(self) -> float:
        """Return the time in seconds; only differences have a meaning."""

    def wait_until(self, deadline_s: float) -> Awaitable[None]:
        """Return what, awaited, returns once `now()` is at least `deadline_s`; at once if it already is."""


class Waiting(Protocol):
    """What waits for a deadline.

    Attributes:
        fired: nobody waits any more.
    """

    fired: bool

    def fire(self) -> None:
        """Go on."""


class RealClock:
    """The monotonic clock of this machine.

    Attributes:
        lag_s: how late the deadline was served that was served last: our own doing, since nothing else was waited for.

    Args:
        turns: of the running loop.
    """

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._alarm = _new_alarm(turns.loop, self._ring)
        self._waits: list[tuple[float, int, Waiting]] = []
        self._numbers = count()
        self._compaction_count = _COMPACTION_COUNT_MIN
        self._armed_s = math.inf
        self.lag_s = 0.0

    @property
    def waiting_count(self) -> int:
        """Number of deadlines that are still awaited."""
        return sum(not signal.fired for _, _, signal in self._waits)

    now = staticmethod(time.monotonic)
    """Return the monotonic time in seconds."""

    def wait_until(self, deadline_s: float) -> Signal:
        """Return a signal that fires once the monotonic time is at least `deadline_s`."""
        signal = Signal()
        if deadline_s <= time.monotonic():
            signal.fired = True
        else:
            self.fire_at(deadline_s, signal)
        return signal

    def fire_at(self, deadline_s: float, waiting: Waiting) -> None:
        """Fire what waits as soon as the monotonic time is at least `deadline_s`, unless it has fired by then."""
        if len(self._waits) >= self._compaction_count:
            self._drop_cancelled()
        heapq.heappush(self._waits, (deadline_s, next(self._numbers), waiting))
        if deadline_s < self._armed_s:
            self._arm(deadline_s)

    def close(self) -> None:
        """Release the timer; deadlines still awaited never come."""
        self._alarm.close()

    def _arm(self, deadline_s: float) -> None:
        self._armed_s = deadline_s
        self._alarm.set(deadline_s)

    def _ring(self) -> None:
        waits = self._waits
        now_s = time.monotonic()
        due = []
        while waits and (waits[0][0] <= now_s or waits[0][2].fired):
            due.append(heapq.heappop(waits))
        self._armed_s = math.inf
        if waits:
            self._arm(waits[0][0])
        # Last, since a fiber that goes on may wait for its next deadline.
        self._turns.begin_row()
        try:
            for deadline_s, _, signal in due:
                if not signal.fired:
                    # Anew for each: the last of many that are due together is late by what the others take.
                    self.lag_s = time.monotonic() - deadline_s
                    signal.fire()
        finally:
            self._turns.end_row()

    def _drop_cancelled(self) -> None:
        """Drop waits that were cancelled; done whenever the heap has doubled, so that it costs little per wait."""
        self._waits = [wait for wait in self._waits if not wait[2].fired]
        heapq.heapify(self._waits)
        self._compaction_count = max(_COMPACTION_COUNT_MIN, 2 * len(self._waits))


class _Alarm(Protocol):
    def set(self, deadline_s: float) -> None: ...

    def close(self) -> None: ...


def _new_alarm(loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> _Alarm:
    timerfd = open_timerfd()
    return _LoopAlarm(loop, ring) if timerfd is None else _TimerfdAlarm(loop, ring, timerfd)


class _TimerfdAlarm:
    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None], timerfd: Timerfd) -> None:
        self._loop = loop
        self._ring = ring
        self._timerfd = timerfd
        loop.add_reader(timerfd.fd, self._expired)

    def set(self, deadline_s: float) -> None:
        # Rounded up: a timer that rings a nanosecond early would only have to be set again.
        self._timerfd.arm(math.ceil(deadline_s * NANOSECONDS_PER_SECOND))

    def close(self) -> None:
        self._loop.remove_reader(self._timerfd.fd)
        os.close(self._timerfd.fd)

    def _expired(self) -> None:
        try:
            os.read(self._timerfd.fd, 8)
        except BlockingIOError:
            return  # Set again between expiry and this callback.
        self._ring()


class _LoopAlarm:
    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None

    def set(self, deadline_s: float) -> None:
        self.close()
        delay_s = max(0.0, deadline_s - time.monotonic())
        self._handle = self._loop.call_later(delay_s, self._ring)

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
