"""A fiber runs on in the very call that has the news, and ends where it is cancelled."""

import asyncio

import pytest

from earthwire.proxy.wire.fiber import Fiber, Signal


def test_fiber_runs_on_inside_fire(harness, play):
    async def scenario():
        signal, order = Signal(), []

        async def wait():
            order.append("waits")
            await signal
            order.append("runs on")

        harness.in_fiber(wait())
        order.append("outside")
        signal.fire()
        signal.fire()
        order.append("after fire")
        return order

    assert play(scenario()) == ["waits", "outside", "runs on", "after fire"]


def test_signal_that_has_fired_is_not_waited_for(harness, play):
    async def scenario():
        signal = Signal()
        signal.fire()
        _, result = harness.in_fiber(signal)
        return result.done()

    assert play(scenario())


@pytest.mark.parametrize("kind", ["signal", "future", "task"])
def test_cancelled_fiber_ends_where_it_waits(harness, play, kind):
    async def scenario():
        loop = asyncio.get_running_loop()
        awaited = {"signal": Signal, "future": loop.create_future, "task": lambda: forever(loop)}[kind]()
        fiber, result = harness.in_fiber(awaited)
        fiber.cancel()
        await asyncio.wait([result], timeout=5)
        if kind == "signal":
            awaited.fire()
        return result.cancelled()

    def forever(loop):
        return loop.create_task(asyncio.Event().wait())

    assert play(scenario())


def test_future_that_is_done_when_the_fiber_is_cancelled_does_not_resume_it(harness, play):
    async def scenario():
        future = asyncio.get_running_loop().create_future()
        fiber, result = harness.in_fiber(future)
        future.set_result(1)
        fiber.cancel()
        await asyncio.wait([result], timeout=5)
        return result.cancelled()

    assert play(scenario())


def test_results_and_errors_of_futures_reach_the_fiber(harness, play):
    async def scenario():
        future = asyncio.get_running_loop().create_future()
        _, result = harness.in_fiber(future)
        future.set_exception(OSError("gone"))
        with pytest.raises(OSError, match="gone"):
            await result
        future = asyncio.get_running_loop().create_future()
        _, result = harness.in_fiber(future)
        future.set_result(7)
        return await result

    assert play(scenario()) == 7


def test_error_of_a_fiber_is_reported_and_ends_only_that_fiber(play):
    async def scenario():
        loop = asyncio.get_running_loop()
        reported = []
        loop.set_exception_handler(lambda loop, context: reported.append(context["exception"]))

        async def fail():
            raise ValueError("bug")

        Fiber(loop, fail()).step()
        return reported

    assert [str(error) for error in play(scenario())] == ["bug"]
