"""Coroutines that callbacks resume at once, without a task and without a turn of the loop in between.

A call waits a few times only: for its request, for its response, for its deadline. Each wait on a future of asyncio
costs a future, a callback that is put into the loop's queue, and a step of a task; together that is a third of what
forwarding a request costs. A fiber is resumed by the callback itself that has the news. The rules that make this safe:

1. `Signal.fire` is the last thing that a callback of the loop does with its objects: when it returns, the fiber has
   run on, and may have closed the connection, or taken it for another exchange.
2. No parser fires; the connection that fed the parser does, afterwards. So no fiber runs inside a parser's callback.
3. A signal has one waiter, and is used once.
4. What needs a task around it (`asyncio.timeout`) gets a task of its own, which the fiber awaits as any future.
"""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any


class Signal:
    """What a fiber waits for, once: ``await signal`` returns when somebody calls `fire`.

    Attributes:
        fired: nobody waits any more.
    """

    __slots__ = ("fiber", "fired")

    def __init__(self) -> None:
        self.fiber: Fiber | None = None
        self.fired = False

    def fire(self) -> None:
        """Resume the fiber that waits; it runs before this returns. Firing again changes nothing."""
        if self.fired:
            return
        self.fired = True
        fiber = self.fiber
        if fiber is not None:
            self.fiber = None
            fiber.step()

    def __await__(self) -> Generator["Signal", None, None]:
        if not self.fired:
            yield self


class Fiber:
    """Runs a coroutine that waits for signals, and now and then for futures of asyncio.

    Args:
        loop: the running loop.
        coroutine: runs until its first wait at the first `step`.
    """

    __slots__ = ("_awaited", "_cancelling", "_coroutine", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, None, None]) -> None:
        self._loop = loop
        self._coroutine = coroutine
        self._awaited: Signal | asyncio.Future[Any] | None = None
        self._cancelling = False

    def cancel(self) -> None:
        """Raise `asyncio.CancelledError` in the coroutine, at the place where it waits."""
        awaited = self._awaited
        if isinstance(awaited, Signal):
            awaited.fired = True
            awaited.fiber = None
            self.step(asyncio.CancelledError())
        elif awaited is not None:
            self._cancelling = True
            awaited.cancel()

    def step(self, error: BaseException | None = None) -> None:
        """Run until the next wait; with an error, raise it where the coroutine waits now."""
        self._awaited = None
        coroutine = self._coroutine
        try:
            awaited = coroutine.send(None) if error is None else coroutine.throw(error)
        except (StopIteration, asyncio.CancelledError):
            return
        except Exception as failure:
            self._loop.call_exception_handler(
                {"message": "a connection ended by an error of the proxy itself", "exception": failure}
            )
            return
        if type(awaited) is Signal:
            self._awaited = awaited
            awaited.fiber = self
        else:
            self._await_future(awaited)

    def _await_future(self, awaited: object) -> None:
        assert isinstance(awaited, asyncio.Future), f"a fiber cannot wait for {awaited!r}"
        self._awaited = awaited
        # What a task does with a future that it gets: tell it that it is being awaited.
        awaited._asyncio_future_blocking = False
        awaited.add_done_callback(self._future_done)

    def _future_done(self, future: "asyncio.Future[Any]") -> None:
        if self._cancelling and not future.cancelled():
            # It was done before it could be cancelled; its result is of no use any more.
            self.step(asyncio.CancelledError())
        else:
            self.step()
