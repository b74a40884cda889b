"""Joins the admin side to the proxy that it belongs to."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from earthwire.proxy.admin.listener import AdminListener
from earthwire.proxy.admin.live_history import LiveHistory
from earthwire.proxy.admin.subject import Status, Subject
from earthwire.proxy.admin_config import AdminConfig
from earthwire.proxy.handler import Handler
from earthwire.proxy.recording.call_counters import CallCounters
from earthwire.proxy.recording.observed_calls import ObservedCalls
from earthwire.proxy.recording.recorder import Recorder
from earthwire.proxy.timing.clock import RealClock


class AdminSide:
    """The admin side of one proxy: from now on all of its finished calls are counted.

    Args:
        config: where it is to listen.
        handler: of the proxy's calls.
        recorder: of the proxy, or None.
        clock: of the proxy.
        reload: as `Subject` has it.
    """

    def __init__(
        self,
        config: AdminConfig,
        handler: Handler,
        recorder: Recorder | None,
        clock: RealClock,
        reload: Callable[[], Awaitable[str]],
    ) -> None:
        self._config = config
        self._handler = handler
        self._recorder = recorder
        self._clock = clock
        self._reload = reload
        self._counters = CallCounters()
        self._history = LiveHistory(self._counters)
        self._sampling: asyncio.TimerHandle | None = None
        self._calls = ObservedCalls(recorder, handler.opening.episodes, self._counters)
        self._listener: AdminListener | None = None
        handler.observe(self._calls)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port where it listens, once started."""
        assert self._listener is not None, "it was started"
        return self._listener.host, self._listener.port

    async def start(self, base_url: str, routes: tuple[str, ...], mcp_servers: tuple[str, ...] = ()) -> None:
        """Listen.

        Args:
            base_url: where the proxy takes calls, without a final slash.
            routes: names of its upstreams.
            mcp_servers: names of its MCP servers.

        Raises:
            OSError: if the address cannot be listened on.
        """
        handler = self._handler
        subject = Subject(
            base_url,
            routes,
            handler.opening.episodes,
            self._calls,
            self._counters,
            self._history,
            self._status,
            self._reload,
            handler.opening.placement,
            mcp_servers,
        )
        self._listener = AdminListener(self._config, subject)
        await self._listener.start()
        self._sample_after(round(time.time()))

    async def stop(self) -> None:
        """Stop listening, and hand the last calls on to the recorder."""
        if self._sampling is not None:
            self._sampling.cancel()
        if self._listener is not None:
            await self._listener.stop()
        self._calls.close()

    def _sample(self) -> None:
        """Note how the proxy does, now and as every second ends."""
        now_s = time.time()
        second = round(now_s)
        self._calls.settle()
        status = self._status()
        self._history.sample(second, status.inflight_count, status.lag_s)
        self._sample_after(second)

    def _sample_after(self, second: int) -> None:
        """Sample when the second after this one ends; timers are up to a millisecond early, so seconds are counted."""
        delay_s = max(second + 1 - time.time(), 0.0)
        self._sampling = asyncio.get_running_loop().call_later(delay_s, self._sample)

    def _status(self) -> Status:
        handler, recorder = self._handler, self._recorder
        return Status(
            not handler.stopping,
            handler.stopping,
            handler.opening.inflight_count,
            len(handler.clients),
            self._clock.lag_s,
            handler.opening.unknown_tools.count,
            0 if recorder is None else recorder.record_count,
            0 if recorder is None else recorder.written_count,
        )
