"""Coarse timeouts: never early, at most two sweeps late, and no sweeping where nothing is watched."""

import asyncio
import math

from earthwire.proxy.wire.watchdog import Watchdog

PERIOD_S = 0.02


class Watched:
    def __init__(self, loop, overdue_at_s=math.inf):
        self.loop = loop
        self.overdue_at_s = overdue_at_s
        self.called_at_s = []
        self.aborted = False

    def overdue(self):
        self.called_at_s.append(self.loop.time())
        self.overdue_at_s = math.inf

    def abort(self):
        self.aborted = True


def test_overdue_is_called_once_and_never_early(harness, play):
    async def scenario():
        loop = asyncio.get_running_loop()
        dog = Watchdog(loop, PERIOD_S)
        due_s = dog.horizon_s + 3 * PERIOD_S
        early, never = Watched(loop, due_s), Watched(loop)
        dog.watch(early)
        dog.watch(never)
        await harness.until(lambda: early.called_at_s)
        await asyncio.sleep(3 * PERIOD_S)
        dog.close()
        return early.called_at_s, due_s, never.called_at_s

    called_at_s, due_s, never = play(scenario())
    assert len(called_at_s) == 1
    assert called_at_s[0] >= due_s
    assert never == []


def test_horizon_is_never_behind_the_clock(harness, play):
    async def scenario():
        loop = asyncio.get_running_loop()
        dog = Watchdog(loop, PERIOD_S)
        dog.watch(Watched(loop))
        for _ in range(20):
            # Seen from a timer of the loop, which runs after a sweep that is due.
            await asyncio.sleep(PERIOD_S / 3)
            assert dog.horizon_s >= loop.time() - PERIOD_S
        dog.close()

    play(scenario())


def test_forgotten_connections_are_left_alone(harness, play):
    async def scenario():
        loop = asyncio.get_running_loop()
        dog = Watchdog(loop, PERIOD_S)
        forgotten, kept = Watched(loop, 0.0), Watched(loop, 0.0)
        dog.watch(forgotten)
        dog.watch(kept)
        dog.unwatch(forgotten)
        dog.unwatch(forgotten)
        assert len(dog) == 1
        await harness.until(lambda: kept.called_at_s)
        dog.close()
        return forgotten.called_at_s

    assert play(scenario()) == []


def test_connection_may_leave_while_it_is_being_called(harness, play):
    async def scenario():
        loop = asyncio.get_running_loop()
        dog = Watchdog(loop, PERIOD_S)

        class Leaving(Watched):
            def overdue(self):
                super().overdue()
                dog.unwatch(self)

        both = [Leaving(loop, 0.0), Leaving(loop, 0.0)]
        for one in both:
            dog.watch(one)
        await harness.until(lambda: all(one.called_at_s for one in both))
        assert len(dog) == 0
        dog.close()

    play(scenario())


def test_sweeping_stops_and_starts_again(harness, play):
    async def scenario():
        loop = asyncio.get_running_loop()
        dog = Watchdog(loop, PERIOD_S)
        first = Watched(loop, 0.0)
        dog.watch(first)
        dog.unwatch(first)
        await asyncio.sleep(3 * PERIOD_S)
        second = Watched(loop, 0.0)
        dog.watch(second)
        await harness.until(lambda: second.called_at_s)
        dog.close()
        return first.called_at_s

    assert play(scenario()) == []


def test_what_is_still_watched_at_the_end_is_closed(harness, play):
    async def scenario():
        loop = asyncio.get_running_loop()
        dog = Watchdog(loop, PERIOD_S)
        left, forgotten = Watched(loop), Watched(loop)
        dog.watch(left)
        dog.watch(forgotten)
        dog.unwatch(forgotten)
        dog.close()
        return left.aborted, forgotten.aborted, len(dog)

    assert play(scenario()) == (True, False, 0)


def test_one_that_fails_is_closed_and_the_others_are_watched_on(harness, play):
    class Failing(Watched):
        def overdue(self):
            raise RuntimeError("not to be ended")

    async def scenario():
        loop = asyncio.get_running_loop()
        told = []
        loop.set_exception_handler(lambda _, context: told.append(str(context["exception"])))
        dog = Watchdog(loop, PERIOD_S)
        failing, later = Failing(loop, 0.0), Watched(loop, dog.horizon_s + 2 * PERIOD_S)
        dog.watch(failing)
        dog.watch(later)
        await harness.until(lambda: later.called_at_s)
        was_aborted = failing.aborted
        dog.close()
        return set(told), was_aborted

    assert play(scenario()) == ({"not to be ended"}, True)


def test_one_that_gets_more_time_from_the_end_of_another_is_left_alone(harness, play):
    class Ending(Watched):
        def overdue(self):
            super().overdue()
            for one in pair:
                one.overdue_at_s = math.inf

    pair = []

    async def scenario():
        loop = asyncio.get_running_loop()
        dog = Watchdog(loop, PERIOD_S)
        # They are watched in no order: whichever comes first gives the other one more time.
        pair.extend([Ending(loop, 0.0), Ending(loop, 0.0)])
        for one in pair:
            dog.watch(one)
        await harness.until(lambda: any(one.called_at_s for one in pair))
        dog.close()
        return sum(len(one.called_at_s) for one in pair)

    assert play(scenario()) == 1
