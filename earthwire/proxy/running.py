"""Runs a proxy as a process of its own: until a signal ends it, with what a signal makes it read anew."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

from earthwire.proxy.calls.planner import Planner
from earthwire.proxy.listening import warn_on_stderr
from earthwire.proxy.serve_config import ServeConfig, ServeError
from earthwire.proxy.server import Proxy, running_proxy
from earthwire.proxy.workers import Worker

# Rare full collections: with thousands of calls in flight each of them would stop the loop for milliseconds.
_GC_THRESHOLDS = (100_000, 50, 50)


class Reread(Protocol):
    """Reads recipe and profile anew."""

    def __call__(self) -> tuple[ServeConfig, Planner] | None:
        """Return what they say; None if that is what is served.

        Raises:
            ServeError, ValueError, OSError: if they are wrong.
        """

    def taken(self) -> None:
        """Note that what was read last is served now."""


async def serve(
    config: ServeConfig,
    planner: Planner,
    started: Callable[[Proxy], None] | None = None,
    warn: Callable[[str], None] | None = None,
    reread: Reread | None = None,
    worker: Worker | None = None,
) -> None:
    """Run a proxy until SIGTERM or SIGINT, then stop it in order; a second signal stops at once.

    Args:
        config: what is served.
        planner: decides what happens to each call.
        started: called once the proxy listens.
        warn: takes warnings; by default they go to stderr.
        reread: called on SIGHUP, in a thread; what it returns is served from then on.
        worker: which of several processes this is; None where it is the only one.

    Raises:
        ServeError: if it cannot start.
    """
    stop = asyncio.Event()
    warn = warn or warn_on_stderr
    async with running_proxy(config, planner, warn, worker) as proxy:
        reload = None if reread is None else _Reload(proxy, reread, warn, is_spokesman=worker is None)
        if reload is not None:
            proxy.reload_asked = reload.now if worker is None else partial(_reload_all, worker)
        with _signals(stop, reload), _lifeline(stop, worker):
            gc.collect()
            gc.freeze()
            gc.set_threshold(*_GC_THRESHOLDS)
            if started is not None:
                started(proxy)
            await stop.wait()


def run(
    config: ServeConfig,
    planner: Planner,
    started: Callable[[Proxy], None] | None = None,
    warn: Callable[[str], None] | None = None,
    reread: Reread | None = None,
    worker: Worker | None = None,
) -> None:
    """Run `serve` on a loop of its own: uvloop where it is installed, else the one of the standard library."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(config, planner, started, warn, reread, worker))


class _Reload:
    """Reads the recipe anew when it is called, one time after the other."""

    def __init__(
        self, proxy: Proxy, reread: Reread, warn: Callable[[str], None], *, is_spokesman: bool
    ) -> None:
        self._proxy = proxy
        self._reread = reread
        self._warn = warn
        self._is_spokesman = is_spokesman
        self._task: asyncio.Task[None] | None = None
        self._again = False
        self._turn = asyncio.Lock()

    def __call__(self) -> None:
        if self._task is not None and not self._task.done():
            self._again = True
            return
        self._task = asyncio.create_task(self._reload())

    async def now(self) -> str:
        """Read the recipe anew and serve what it says; return what came of it.

        Raises:
            ServeError, ValueError, OSError: if it is wrong; nothing has changed then.
        """
        async with self._turn:
            # In a thread: calls must not wait while files are read.
            served = await asyncio.to_thread(self._reread)
            if served is not None:
                await self._proxy.reload(*served)
                self._reread.taken()
            return said_of(served)

    async def _reload(self) -> None:
        while True:
            self._again = False
            try:
                said = await self.now()
                if self._is_spokesman:
                    self._warn(said)
            except (ServeError, ValueError, OSError) as error:
                self._warn(f"the recipe was not read again, the old one stays: {error}")
            if not self._again:
                return


async def _reload_all(worker: Worker) -> str:
    """Have the supervisor make all workers read the recipe anew.

    Raises:
        OSError: if it is gone.
    """
    worker.ask_for_reload()
    return "all workers are told to read the recipe again; what comes of it is said on stderr"


def said_of(served: tuple[ServeConfig, Planner] | None) -> str:
    """Return what to tell about a recipe that was read anew."""
    if served is None:
        return "recipe and profile are as they were: nothing changes"
    planner = served[1]
    return f"the recipe was read again: new calls get profile {planner.profile_hash}, seed {planner.seed}"


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


@contextlib.contextmanager
def _signals(stop: asyncio.Event, reload: Callable[[], None] | None) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    handlers: dict[signal.Signals, Callable[[], None]] = {signal.SIGTERM: stop.set, signal.SIGINT: stop.set}
    if reload is not None and hasattr(signal, "SIGHUP"):
        handlers[signal.SIGHUP] = reload
    try:
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
    except (NotImplementedError, RuntimeError, ValueError):
        # No signal handlers on this platform or in this thread: the runner's own handling of Ctrl-C remains.
        yield
        return
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def _lifeline(stop: asyncio.Event, worker: Worker | None) -> Iterator[None]:
    """Stop a worker whose supervisor is gone, killed perhaps: nobody would ever stop it otherwise."""
    if worker is None:
        yield
        return
    loop, descriptor = asyncio.get_running_loop(), worker.lifeline.fileno()
    loop.add_reader(descriptor, stop.set)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
