"""Rate limits: a window and a quota. What goes beyond the quota is refused with 429 until the window is over.

The window opens with the first call after the last window was over. It is counted in calls of the tool, or in seconds
where the recording had times and the caller gives the time of each call. Every (episode, tool) has a quota of its own:
one that tools share would make plans depend on the order in which calls of different tools arrive.
"""

import math
from typing import Protocol

import msgspec

from earthwire.fault_models.laws.outcome import OutcomeCounts
from earthwire.fault_models.plan import Head, Step, Support

REFUSED = "http_4xx:429"
"""Outcome kind of a refused call."""


class RateLimit(msgspec.Struct, frozen=True):
    """A quota of calls in a window.

    Attributes:
        quota: calls that pass in one window, at least 1.
        window_calls: calls that one window covers, passed and refused ones; None where none was seen to end.
        window_s: seconds that it covers; None where that is not known: order alone does not tell.
        refusals: refused calls that this rests on.
        cycles: windows with a refused part that this rests on.
        support: whose calls those are: the tool's own, or those of all tools of its upstream.
    """

    quota: int
    window_calls: int | None = None
    window_s: float | None = None
    refusals: int = 0
    cycles: int = 0
    support: Support = "tool"


class Meter(Protocol):
    """Counts the calls of one (episode, tool) against its quota."""

    def wait_s(self, index: int, at_s: float | None) -> int | None:
        """Return None if the call passes, else its ``Retry-After``: whole seconds, at least 1.

        Args:
            index: of the call, from 0, rising by 1.
            at_s: seconds since the episode's start; None where the caller has no clock.
        """


class CallMeter:
    """Windows in calls: a pure function of the call's index.

    Where the window is known in seconds as well, the rest of it is told in seconds. Where it is not, each call that is
    left counts as one second; a window that was never seen to end tells its quota.
    """

    __slots__ = ("_limit", "_second_per_call")

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._second_per_call = 1.0
        if limit.window_s is not None and limit.window_calls is not None:
            self._second_per_call = limit.window_s / limit.window_calls

    def wait_s(self, index: int, at_s: float | None = None) -> int | None:
        """Return None if the call passes, else its ``Retry-After`` in seconds; `at_s` does not matter."""
        limit = self._limit
        if limit.window_calls is None:
            return None if index < limit.quota else max(1, math.ceil(limit.window_s or limit.quota))
        position = index % limit.window_calls
        if position < limit.quota:
            return None
        return max(1, math.ceil((limit.window_calls - position) * self._second_per_call))


class TimeMeter:
    """Windows in seconds: a function of the times of this tool's own calls in this episode."""

    __slots__ = ("_limit", "_opened_s", "_passed", "_window_s")

    def __init__(self, limit: RateLimit, window_s: float) -> None:
        self._limit = limit
        self._window_s = window_s
        self._opened_s = -math.inf
        self._passed = 0

    def wait_s(self, index: int, at_s: float | None) -> int | None:
        """Return None if the call passes, else its ``Retry-After`` in seconds; `index` does not matter."""
        now_s = 0.0 if at_s is None else at_s
        if now_s >= self._opened_s + self._window_s:
            self._opened_s, self._passed = now_s, 0
        if self._passed < self._limit.quota:
            self._passed += 1
            return None
        return max(1, math.ceil(self._opened_s + self._window_s - now_s))


def open_meter(limit: RateLimit, has_clock: bool) -> Meter:
    """Return a meter at the start of an episode.

    Args:
        limit: the quota.
        has_clock: whether calls come with their times.
    """
    if has_clock and limit.window_s is not None:
        return TimeMeter(limit, limit.window_s)
    return CallMeter(limit)


def without_refusals(counts: OutcomeCounts) -> OutcomeCounts:
    """Return the counts of the calls that were not refused: what passes a limit ends as these tell."""
    after = {
        previous: {kind: count for kind, count in kinds.items() if kind != REFUSED}
        for previous, kinds in counts.after.items()
    }
    return OutcomeCounts({previous: kinds for previous, kinds in after.items() if kinds})


def with_retry_after(steps: tuple[Step, ...], wait_s: int) -> tuple[Step, ...]:
    """Return the steps with this ``Retry-After`` in the head, in place of any other.

    Where the recorded response also had ``retry-after-ms``, as those of model providers have, it says the same.
    """
    return tuple(_told(step, wait_s) if isinstance(step, Head) else step for step in steps)


def _told(head: Head, wait_s: int) -> Head:
    told = {"retry-after": str(wait_s), "retry-after-ms": str(1000 * wait_s)}
    names = {name.lower() for name, _ in head.headers} | {"retry-after"}
    others = tuple(pair for pair in head.headers if pair[0].lower() not in told)
    ours = tuple((name, text) for name, text in told.items() if name in names)
    return msgspec.structs.replace(head, headers=(*others, *ours))
