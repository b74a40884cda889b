"""The proxy knows how late it is, and its records say so."""

import asyncio
import contextlib
import time

from earthwire.fault_models.plan import Forward, RelayBody, RelayHead, Wait
from earthwire.grounding.gap.lag import LagTally, lag_problems
from earthwire.proxy.timing.clock import RealClock
from earthwire.proxy.timing.heartbeat import PERIOD_S, Heartbeat
from earthwire.proxy.wire.turns import Turns

CALL_COUNT = 12
BLOCK_S = 0.1
PAUSE_S = 0.03
DELAY_S = 0.05


async def block_now_and_then() -> None:
    """Do what a proxy under overload does: keep the loop busy most of the time."""
    while True:
        time.sleep(BLOCK_S)  # The subject of the test.
        await asyncio.sleep(PAUSE_S)


async def lag_of_calls(harness, blocked):
    """Make calls, one after the other, and return the report on their records."""
    plan = harness.plan(Forward(), Wait(DELAY_S), RelayHead(), RelayBody(DELAY_S), last_byte_s=DELAY_S)
    async with harness.upstream(harness.response()) as upstream:
        async with harness.proxy(upstream.port, plan) as running:
            await asyncio.sleep(2 * PERIOD_S)
            task = asyncio.create_task(block_now_and_then() if blocked else asyncio.sleep(0))
            for _ in range(CALL_COUNT):
                await harness.talk(running.port, harness.get())
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        tally = LagTally()
        for record in running.records()[-CALL_COUNT:]:
            tally.add(record)
        report = tally.report()
    assert report is not None
    assert report.calls == CALL_COUNT
    return report


def test_calls_through_a_blocked_loop_are_marked_and_the_run_is_not_certified(harness, play):
    report = play(lag_of_calls(harness, blocked=True))
    # Every call of 50 ms meets a block of 100 ms that comes every 130 ms.
    assert report.worst_s > BLOCK_S / 4
    assert lag_problems(report) != []


def test_a_blocked_loop_lags_far_more_than_a_free_one(harness, play):
    """Ratios and not bounds, since other work on the machine delays a free loop, too."""
    blocked, free = play(lag_of_calls(harness, blocked=True)), play(lag_of_calls(harness, blocked=False))
    assert free.p50_s < blocked.p50_s / 4


def test_the_lag_is_known_without_any_call(harness, play):
    async def scenario():
        clock = RealClock(Turns(asyncio.get_running_loop()))
        heartbeat = Heartbeat(asyncio.get_running_loop(), clock)
        time.sleep(BLOCK_S)
        while clock.lag_s == 0.0:
            await asyncio.sleep(0)
        lag_s = clock.lag_s
        heartbeat.close()
        waiting = clock.waiting_count
        clock.close()
        return lag_s, waiting

    lag_s, waiting = play(scenario())
    assert lag_s > (BLOCK_S - PERIOD_S) / 2
    assert waiting == 0


def test_the_last_of_many_deadlines_that_are_due_together_is_late_by_what_the_others_take(harness, play):
    async def scenario():
        clock = RealClock(Turns(asyncio.get_running_loop()))
        due_s = clock.now() + 0.01
        lags_s = []

        async def wait():
            await clock.wait_until(due_s)
            lags_s.append(clock.lag_s)
            time.sleep(0.002)

        await asyncio.gather(*(harness.in_fiber(wait())[1] for _ in range(10)))
        clock.close()
        return lags_s

    lags_s = play(scenario())
    assert lags_s == sorted(lags_s)
    assert lags_s[-1] - lags_s[0] >= 9 * 0.002
