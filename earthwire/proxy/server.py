"""Starts, runs and stops one proxy."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING
from weakref import WeakSet

import msgspec

from earthwire.proxy.addresses import base_url, upstream_at
from earthwire.proxy.admin_config import AdminConfig
from earthwire.proxy.assembly import Assembly
from earthwire.proxy.calls.call_opening import CallOpening
from earthwire.proxy.calls.planner import Planner
from earthwire.proxy.calls.unknown_tools import UnknownTools
from earthwire.proxy.episodes.episodes import Episodes
from earthwire.proxy.handler import Handler
from earthwire.proxy.listening import check_host, listen_on_file, listen_problem, warn_on_stderr
from earthwire.proxy.recording.recorder import Recorder
from earthwire.proxy.serve_config import ServeConfig, ServeError, as_reloaded
from earthwire.proxy.timing.clock import RealClock
from earthwire.proxy.timing.heartbeat import Heartbeat
from earthwire.proxy.wire.client_side import ClientConnection
from earthwire.proxy.wire.exchange import Source
from earthwire.proxy.wire.refusal import UpstreamError, error_body, error_response
from earthwire.proxy.wire.request_head import RequestHeadReader
from earthwire.proxy.wire.tls import server_context
from earthwire.proxy.wire.turns import Turns
from earthwire.proxy.wire.watchdog import Watchdog
from earthwire.proxy.workers import Handover, PlacedClientConnection, Worker

if TYPE_CHECKING:
    from earthwire.proxy.admin.side import AdminSide

BACKLOG_COUNT = 16_384


class Proxy:
    """One proxy, from start to stop, on the running loop.

    Attributes:
        host, port: where it listens, once started.
        sources: what answers its calls, by upstream.
        admin: its admin side, once started, if it has one.
        reload_asked: reads recipe and profile anew for the admin side and says what came of it; None if none is there.

    Args:
        config: what is served.
        planner: decides what happens to each call.
        warn: takes warnings.
        worker: which of several processes this is; None where it is the only one.
    """

    def __init__(
        self,
        config: ServeConfig,
        planner: Planner,
        warn: Callable[[str], None],
        worker: Worker | None = None,
    ) -> None:
        self.config = config
        self._worker = worker
        self._handover: Handover | None = None
        self._adoptions: set[asyncio.Task[None]] = set()
        self.host = config.host
        self.port = config.port
        self._planner = planner
        self._warn = warn
        self._loop = asyncio.get_running_loop()
        self._watchdog = Watchdog(self._loop)
        self._turns = Turns(self._loop)
        self._clock = RealClock(self._turns)
        self._heartbeat: Heartbeat | None = None
        self._heads = RequestHeadReader(config.limits)
        self._tls = _listener_tls(config)
        self._assembly = Assembly(config, planner, self._watchdog, self._turns, warn)
        # Calls that began before a reload hold what answers them, and nobody else does.
        self._retired: WeakSet[Source] = WeakSet()
        self._recorder: Recorder | None = None
        self.admin: AdminSide | None = None
        self.reload_asked: Callable[[], Awaitable[str]] | None = None
        self._servers: list[asyncio.Server] = []
        self._handler: Handler | None = None

    @property
    def sources(self) -> dict[str, Source]:
        """What answers its calls, by upstream."""
        return self._assembly.sources

    @property
    def episodes(self) -> Episodes:
        """Episodes that were declared; once started."""
        assert self._handler is not None, "a proxy has episodes after it was started"
        return self._handler.opening.episodes

    @property
    def connection_count(self) -> int:
        """Client connections that are being served."""
        return 0 if self._handler is None else len(self._handler.clients)

    @property
    def inflight_count(self) -> int:
        """Calls under way."""
        return 0 if self._handler is None else self._handler.opening.inflight_count

    async def start(self) -> None:
        """Listen.

        Raises:
            ServeError: if the address is taken, public without leave, or not one of this machine.
            TraceFileError: if the record file cannot be written.
        """
        try:
            await self._start()
        except BaseException:
            # Also where starting was cancelled: nothing that was opened stays open.
            for server in self._servers:
                server.close()
            if self._handover is not None:
                self._handover.close()
            if self.admin is not None:
                await self.admin.stop()
            self._release()
            await asyncio.sleep(0)
            raise

    async def _start(self) -> None:
        check_host(self.config)
        self._handler = self._make_handler()
        await self._check_upstreams()
        try:
            await self._listen()
        except OSError as error:
            raise ServeError(listen_problem(self.config, error)) from error
        if self.config.unix_path is None:
            self.port = self._servers[0].sockets[0].getsockname()[1]
        self._assembly.forbid(self._own_endpoints())
        self._heartbeat = Heartbeat(self._loop, self._clock)
        if self.config.admin is not None:
            await self._start_admin(self.config.admin)
            self._assembly.forbid(self._own_endpoints())

    async def reload(self, config: ServeConfig, planner: Planner) -> None:
        """Serve something else from the next call on; calls under way end as they began.

        What an episode's tools remember starts anew; the numbers of its calls go on, and so does its clock.

        Args:
            config: what is served from now on. Where the proxy listens, what it records and what calls cost stays as
                it is.
            planner: decides from now on.

        Raises:
            ServeError: if it cannot be served; nothing has changed then.
        """
        assert self._handler is not None, "a proxy is reloaded after it was started"
        assembly = Assembly(config, planner, self._watchdog, self._turns, self._warn)
        self.config, self._planner = as_reloaded(self.config, config), planner
        assembly.forbid(self._own_endpoints())
        before, self._assembly = self._assembly, assembly
        unknown_tools = UnknownTools(config.tool_keys, self._warn)
        self._handler.opening.serve_from(assembly.routes(), planner, unknown_tools, config.implied_episodes)
        before.retire()
        self._retired.update(before.sources.values())
        await self._check_upstreams()

    async def _reload_from_admin(self) -> str:
        """Do what the admin side asks for, if there is anything to read; see `Subject.reload`."""
        from earthwire.proxy.admin.subject import NothingToReadError, ReloadFailedError

        if self.reload_asked is None:
            raise NothingToReadError("it was started without files that could be read again")
        try:
            return await self.reload_asked()
        except (ServeError, ValueError, OSError) as error:
            raise ReloadFailedError(f"the recipe was not read again, the old one stays: {error}") from error

    async def stop(self) -> None:
        """Take no new calls, let those in flight end within a bound, and write all records."""
        handler = self._handler
        assert handler is not None
        assert self._servers, "a proxy is stopped after it was started"
        for server in self._servers:
            server.close()
        if self._handover is not None:
            self._handover.close()
        if self._adoptions:
            await asyncio.wait(self._adoptions)
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

    def _own_endpoints(self) -> list[tuple[str, int]]:
        """Return where this proxy can be reached itself."""
        sockets = [one for server in self._servers for one in server.sockets if one.family != socket.AF_UNIX]
        endpoints: list[tuple[str, int]] = [one.getsockname()[:2] for one in sockets]
        if self._worker is not None:
            endpoints += [(self.host, port) for port in self._worker.placement.ports]
        if self.admin is not None:
            endpoints.append(self.admin.address)
        return endpoints

    async def _start_admin(self, config: AdminConfig) -> None:
        # Here, since most proxies have no admin side, and its libraries take a fifth of a second to load.
        from earthwire.proxy.admin.side import AdminSide

        assert self._handler is not None
        port, worker = self.port, self._worker
        if worker is not None:
            # An episode that is declared here is served here: its base URL has this worker's own port.
            port = worker.placement.ports[worker.index]
            config = msgspec.structs.replace(config, port=worker.placement.admin_ports[worker.index])
        own = upstream_at(self.config, config.host, config.port)
        if own is not None:
            raise ServeError(f"upstream {own!r} is the admin side of this proxy, which agents must not reach")
        self.admin = AdminSide(config, self._handler, self._recorder, self._clock, self._reload_from_admin)
        try:
            served_at = base_url(self.config, self.host, port)
            await self.admin.start(served_at, tuple(self.config.upstreams), tuple(self.config.mcp))
        except OSError as error:
            raise ServeError(f"the admin side: {listen_problem(config, error)}") from error

    async def _listen(self) -> None:
        """Listen; a worker does so on the port that all share and on its own."""
        host, worker, unix_path = self.config.host, self._worker, self.config.unix_path
        if unix_path is not None:
            self._servers.append(
                await listen_on_file(self._loop, self._new_client, unix_path, BACKLOG_COUNT, self._tls)
            )
            return
        ports = [self.config.port]
        if worker is not None:
            ports.append(worker.placement.ports[worker.index])
            self._handover = Handover(self._loop, worker.mailboxes, worker.index, self._adopt)
        for port in ports:
            server = await self._loop.create_server(
                self._new_client,
                host,
                port,
                backlog=BACKLOG_COUNT,
                reuse_port=worker is not None or None,
                ssl=self._tls,
                start_serving=False,
            )
            # Known before it serves, so that it is closed even if that is cancelled.
            self._servers.append(server)
            await server.start_serving()

    def _new_client(self, received: bytes = b"") -> ClientConnection:
        limits, worker, handover = self.config.limits, self._worker, self._handover
        if worker is None or handover is None:
            return ClientConnection(self._turns, limits, self._watchdog, self._heads, self._serve)
        return PlacedClientConnection(
            self._turns,
            limits,
            self._watchdog,
            self._heads,
            self._serve,
            worker.placement,
            handover.send,
            received,
        )

    def _adopt(self, connection: socket.socket, received: bytes) -> None:
        """Serve a connection that another worker passed on."""
        task = self._loop.create_task(self._serve_adopted(connection, received))
        self._adoptions.add(task)
        task.add_done_callback(self._adoptions.discard)

    async def _serve_adopted(self, connection: socket.socket, received: bytes) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: self._new_client(received), connection)
        except OSError:
            # The client has left meanwhile.
            connection.close()

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
        worker, record_path = self._worker, config.record_path
        if worker is not None:
            record_path = worker.record_path(record_path)
        if record_path is not None:
            written = None if worker is None else worker.count_written
            self._recorder = Recorder(record_path, self._loop, config.limits.records_queued_max, written)
        spending = None if config.spending is None else config.spending()
        opening = CallOpening(
            self._assembly.routes(),
            self._planner,
            UnknownTools(config.tool_keys, self._warn),
            self._clock,
            config.limits,
            None if worker is None else worker.placement,
            spending,
            config.implied_episodes,
        )
        if worker is not None:
            opening.episodes.outlive(worker.declared)
        return Handler(
            opening, self._clock, self._turns, config.limits, self._recorder, config.keep_bodies, spending
        )

    def _release(self) -> None:
        self._assembly.close()
        for source in list(self._retired):
            source.close()
        self._watchdog.close()
        if self._heartbeat is not None:
            self._heartbeat.close()
        self._clock.close()
        if self._recorder is not None:
            self._recorder.close()
        if self.config.unix_path is not None and self._servers:
            self.config.unix_path.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def running_proxy(
    config: ServeConfig,
    planner: Planner,
    warn: Callable[[str], None] | None = None,
    worker: Worker | None = None,
) -> AsyncIterator[Proxy]:
    """Run a proxy on the running loop for the length of a block; its `port` is where it listens.

    Raises:
        ServeError: if it cannot start.
    """
    proxy = Proxy(config, planner, warn or warn_on_stderr, worker)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


def _listener_tls(config: ServeConfig) -> ssl.SSLContext | None:
    try:
        return None if config.certificate is None else server_context(config.certificate)
    except ValueError as error:
        raise ServeError(str(error)) from error
