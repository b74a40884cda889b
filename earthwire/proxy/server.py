"""Starts, runs and stops one proxy."""

import asyncio
import contextlib
import errno
import gc
import ipaddress
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import TYPE_CHECKING

from earthwire.proxy.admin_config import AdminConfig
from earthwire.proxy.assembly import Assembly
from earthwire.proxy.client_side import ClientConnection
from earthwire.proxy.clock import RealClock
from earthwire.proxy.exchange import Source
from earthwire.proxy.handler import Handler
from earthwire.proxy.heartbeat import Heartbeat
from earthwire.proxy.planner import Planner
from earthwire.proxy.recorder import Recorder
from earthwire.proxy.refusal import UpstreamError, error_body, error_response
from earthwire.proxy.request_head import RequestHeadReader
from earthwire.proxy.serve_config import ServeConfig, ServeError
from earthwire.proxy.watchdog import Watchdog

if TYPE_CHECKING:
    from earthwire.proxy.admin.side import AdminSide

BACKLOG_COUNT = 16_384
# Rare full collections: with thousands of calls in flight each of them would stop the loop for milliseconds.
_GC_THRESHOLDS = (100_000, 50, 50)


class Proxy:
    """One proxy, from start to stop, on the running loop.

    Attributes:
        host, port: where it listens, once started.
        sources: what answers its calls, by upstream.
        admin: its admin side, once started, if it has one.

    Args:
        config: what is served.
        planner: decides what happens to each call.
        warn: takes warnings.
    """

    def __init__(self, config: ServeConfig, planner: Planner, warn: Callable[[str], None]) -> None:
        self.config = config
        self.host = config.host
        self.port = config.port
        self._planner = planner
        self._warn = warn
        self._loop = asyncio.get_running_loop()
        self._watchdog = Watchdog(self._loop)
        self._clock = RealClock(self._loop)
        self._heartbeat: Heartbeat | None = None
        self._heads = RequestHeadReader(config.limits)
        self._assembly = Assembly(config, planner, self._watchdog, warn)
        self._recorder: Recorder | None = None
        self.admin: AdminSide | None = None
        self._server: asyncio.Server | None = None
        self._handler: Handler | None = None

    @property
    def sources(self) -> dict[str, Source]:
        """What answers its calls, by upstream."""
        return self._assembly.sources

    @property
    def connection_count(self) -> int:
        """Client connections that are being served."""
        return 0 if self._handler is None else len(self._handler.clients)

    @property
    def inflight_count(self) -> int:
        """Calls under way."""
        return 0 if self._handler is None else self._handler.inflight_count

    async def start(self) -> None:
        """Listen.

        Raises:
            ServeError: if the address is taken, public without leave, or not one of this machine.
            TraceFileError: if the record file cannot be written.
        """
        _check_host(self.config)
        self._handler = self._make_handler()
        await self._check_upstreams()
        try:
            self._server = await self._loop.create_server(
                self._new_client, self.config.host, self.config.port, backlog=BACKLOG_COUNT
            )
        except OSError as error:
            self._release()
            raise ServeError(_listen_problem(self.config, error)) from error
        self.port = self._server.sockets[0].getsockname()[1]
        self._heartbeat = Heartbeat(self._loop, self._clock)
        if self.config.admin is not None:
            await self._start_admin(self.config.admin)

    async def stop(self) -> None:
        """Take no new calls, let those in flight end within a bound, and write all records."""
        handler = self._handler
        assert handler is not None
        assert self._server is not None, "a proxy is stopped after it was started"
        self._server.close()
        for client in list(handler.clients):
            client.stop_when_idle()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.config.limits.drain_s_max):
                await handler.no_clients.wait()
        handler.stopping = True
        for client in list(handler.clients):
            client.abort()
        await handler.no_clients.wait()
        if self.admin is not None:
            await self.admin.stop()
        self._release()
        # Transports that were aborted close their sockets in the next turn of the loop.
        await asyncio.sleep(0)

    async def _start_admin(self, config: AdminConfig) -> None:
        # Here, since most proxies have no admin side, and its libraries take a fifth of a second to load.
        from earthwire.proxy.admin.side import AdminSide

        assert self._handler is not None
        self.admin = AdminSide(config, self._handler, self._recorder, self._clock)
        try:
            await self.admin.start(f"http://{self.host}:{self.port}", tuple(self.config.upstreams))
        except OSError as error:
            await self.stop()
            raise ServeError(f"the admin side: {_listen_problem(config, error)}") from error

    def _new_client(self) -> ClientConnection:
        return ClientConnection(self._loop, self.config.limits, self._watchdog, self._heads, self._serve)

    def _serve(self, client: ClientConnection) -> Coroutine[None, None, None]:
        """Return the coroutine that serves a connection, if there is room for it, or else refuses it."""
        handler = self._handler
        assert handler is not None
        has_room = len(handler.clients) < self.config.limits.client_connections_max
        return handler.serve(client) if has_room else self._refuse_connection(client)

    async def _refuse_connection(self, client: ClientConnection) -> None:
        count_max = self.config.limits.client_connections_max
        text = f"{count_max} connections are open, which is the most that are served at once"
        client.transport.write(error_response(503, error_body("too_many_connections", text), close=True))
        client.end(has_unread_input=True)

    async def _check_upstreams(self) -> None:
        for name, source in self.sources.items():
            try:
                await source.check()
            except UpstreamError as error:
                self._warn(
                    f"upstream {name!r} does not answer yet: {error.text}; calls to it get {error.status}"
                )

    def _make_handler(self) -> Handler:
        config = self.config
        if config.record_path is not None:
            self._recorder = Recorder(config.record_path, self._loop, config.limits.records_queued_max)
        return Handler(
            self._assembly.routes(),
            self._planner,
            self._clock,
            config.limits,
            self._recorder,
            config.keep_bodies,
        )

    def _release(self) -> None:
        for source in self.sources.values():
            source.close()
        self._watchdog.close()
        if self._heartbeat is not None:
            self._heartbeat.close()
        self._clock.close()
        if self._recorder is not None:
            self._recorder.close()


@contextlib.asynccontextmanager
async def running_proxy(
    config: ServeConfig, planner: Planner, warn: Callable[[str], None] | None = None
) -> AsyncIterator[Proxy]:
    """Run a proxy on the running loop for the length of a block; its `port` is where it listens.

    Raises:
        ServeError: if it cannot start.
    """
    proxy = Proxy(config, planner, warn or _warn_on_stderr)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


async def serve(
    config: ServeConfig,
    planner: Planner,
    started: Callable[[Proxy], None] | None = None,
    warn: Callable[[str], None] | None = None,
) -> None:
    """Run a proxy until SIGTERM or SIGINT, then stop it in order; a second signal stops at once.

    Args:
        config: what is served.
        planner: decides what happens to each call.
        started: called once the proxy listens.
        warn: takes warnings; by default they go to stderr.

    Raises:
        ServeError: if it cannot start.
    """
    stop = asyncio.Event()
    with _stop_signals(stop):
        async with running_proxy(config, planner, warn) as proxy:
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
) -> None:
    """Run `serve` on a loop of its own: uvloop where it is installed, else the one of the standard library."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(config, planner, started, warn))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


@contextlib.contextmanager
def _stop_signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    try:
        for number in signals:
            loop.add_signal_handler(number, stop.set)
    except (NotImplementedError, RuntimeError, ValueError):
        # No signal handlers on this platform or in this thread: the runner's own handling of Ctrl-C remains.
        yield
        return
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _check_host(config: ServeConfig) -> None:
    if config.allow_public or config.host == "localhost":
        return
    try:
        is_local = ipaddress.ip_address(config.host).is_loopback
    except ValueError:
        is_local = False
    if not is_local:
        raise ServeError(
            f"{config.host} can be reached from other machines, and whoever reaches it can call the tools behind; "
            "listen on 127.0.0.1, or allow it explicitly (--allow-public)"
        )


def _listen_problem(config: ServeConfig | AdminConfig, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {config.port} on {config.host} is in use; choose another with --port, or see who has it with "
            f"`ss -ltnp 'sport = :{config.port}'`"
        )
    if error.errno == errno.EACCES:
        return f"port {config.port} needs special rights; choose one from 1024 up with --port"
    return f"cannot listen on {config.host} port {config.port}: {error.strerror or error}"


def _warn_on_stderr(text: str) -> None:
    print(f"earthwire: warning: {text}", file=sys.stderr)
