"""Deadlines are never early, and a wait that is cancelled leaves nothing behind."""

import asyncio
import time

import pytest

from earthwire.proxy.timing import clock as clock_module
from earthwire.proxy.timing.clock import RealClock
from earthwire.proxy.wire.turns import Turns


@pytest.fixture(params=["timerfd", "ctypes or none", "loop"])
def kind(request, monkeypatch):
    """Run with the timer of this Python, with the ctypes one, and with the loop's own."""
    if request.param == "ctypes or none":
        monkeypatch.delattr("os.timerfd_create", raising=False)
    if request.param == "loop":
        monkeypatch.setattr(clock_module, "open_timerfd", lambda: None)
    return request.param


def test_wait_is_never_early_and_in_order(kind, harness, play):
    delays_s = [0.0501 + 0.00137 * number for number in range(100)]

    async def scenario():
        clock = RealClock(Turns(asyncio.get_running_loop()))
        start_s = clock.now()
        order = []

        async def wait(delay_s):
            await clock.wait_until(start_s + delay_s)
            order.append(delay_s)
            return time.monotonic() - start_s - delay_s

        waits = [harness.in_fiber(wait(delay_s))[1] for delay_s in reversed(delays_s)]
        lateness_s = await asyncio.gather(*waits)
        clock.close()
        return lateness_s, order

    lateness_s, order = play(scenario())
    assert min(lateness_s) >= 0
    assert order == delays_s


def test_deadline_that_has_passed_does_not_wait(kind, harness, play):
    async def scenario():
        clock = RealClock(Turns(asyncio.get_running_loop()))
        _, waited = harness.in_fiber(clock.wait_until(clock.now() - 1))
        assert waited.done()
        assert clock.waiting_count == 0
        clock.close()

    play(scenario())


def test_earlier_deadline_overtakes_a_later_one(kind, harness, play):
    async def scenario():
        clock = RealClock(Turns(asyncio.get_running_loop()))
        start_s = clock.now()
        late, _ = harness.in_fiber(clock.wait_until(start_s + 600))
        _, early = harness.in_fiber(clock.wait_until(start_s + 0.02))
        await early
        elapsed_s = clock.now() - start_s
        late.cancel()
        clock.close()
        return elapsed_s

    assert 0.02 <= play(scenario()) < 10


def test_cancelled_waits_do_not_pile_up(kind, harness, play):
    async def scenario():
        clock = RealClock(Turns(asyncio.get_running_loop()))
        for _ in range(20):
            for fiber, _ in [harness.in_fiber(clock.wait_until(clock.now() + 600)) for _ in range(100)]:
                fiber.cancel()
        held = len(clock._waits)
        remaining = clock.waiting_count
        clock.close()
        return held, remaining

    held, remaining = play(scenario())
    assert remaining == 0
    assert held < 300
