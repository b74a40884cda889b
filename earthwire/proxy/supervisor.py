"""Several worker processes as one proxy: starts them, watches them, starts anew what crashed, and stops them in order.

The supervisor serves nothing itself, and reads no request. What the workers share they inherit from it: the reserved
ports, the mailboxes for connections that are another's, and the counters of written records. None of it is lost with a
worker. What is lost with one is what it remembered of its episodes. The index of their calls is in its recording, from
which the next worker goes on; without one, or where plans depend on time, they count from 0 again, which is said.
"""

import contextlib
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess

import msgspec

from earthwire.config.recipe import WORKERS_MAX
from earthwire.fault_models.grounded import GroundedSimulation
from earthwire.proxy.admin_config import AdminConfig
from earthwire.proxy.assembly import try_out
from earthwire.proxy.calls.pass_through import PassThrough
from earthwire.proxy.calls.planner import Planner
from earthwire.proxy.listening import check_host, listen_problem, warn_on_stderr
from earthwire.proxy.running import Reread, run, said_of
from earthwire.proxy.serve_config import ServeConfig, ServeError, as_reloaded
from earthwire.proxy.server import Proxy
from earthwire.proxy.upstreams.replay_upstream import ReplayConfig
from earthwire.proxy.workers import (
    DeclaredTable,
    Mailboxes,
    Placement,
    Resuming,
    Scoreboard,
    SharedWarnings,
    TooManyCallsError,
    Worker,
    open_mailboxes,
)

BACKOFF_S_MIN = 0.1
BACKOFF_S_MAX = 10.0
STEADY_S = 10.0
"""After a worker that ran for so long the next one starts soon; after one that did not it waits twice as long."""
_STARTING_S_MAX = 60.0
_STOP_MARGIN_S = 10.0
_POLL_S = 0.5

_FORK = multiprocessing.get_context("fork") if hasattr(os, "fork") else None


class WorkersStarted(msgspec.Struct, frozen=True):
    """What there is to say once all workers serve.

    Attributes:
        host, port: where they listen together.
        ports: port of each worker's own.
        admin_ports: of each worker's admin side; none where there is none.
        pids: process of each worker.
    """

    host: str
    port: int
    ports: tuple[int, ...]
    admin_ports: tuple[int, ...]
    pids: tuple[int, ...]


class _Place:
    """One worker's place: the process in it now, and how its predecessors fared."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.process: ForkProcess | None = None
        self.started_s = 0.0
        self.backoff_s = 0.0
        self.due_s: float | None = None


class Supervisor:
    """Keeps workers running until it is told to stop.

    Args:
        config: what is served.
        planner: decides what happens to each call.
        worker_count: number of processes, from 2.
        warn: takes warnings.
        reread: reads the recipe anew, on SIGHUP; None where there is none.

    Raises:
        ServeError: if something in `config` needs a single process, or the address is taken.
    """

    def __init__(
        self,
        config: ServeConfig,
        planner: Planner,
        worker_count: int,
        warn: Callable[[str], None],
        reread: Reread | None = None,
    ) -> None:
        _check(config, planner, worker_count)
        self._planner = planner
        self._warn = warn
        self._worker_warn = SharedWarnings(warn)
        self._reread = reread
        self._reserved = [_reserve(config, config.port)]
        self._reserved += [_reserve(config, 0) for _ in range(worker_count)]
        port, *ports = (reserved.getsockname()[1] for reserved in self._reserved)
        self._config = msgspec.structs.replace(config, port=port)
        self._ports = tuple(ports)
        self._admin_ports = () if config.admin is None else _admin_ports(config.admin, worker_count)
        if config.certificate is not None:
            warn(
                "TLS connections cannot be passed on between workers: use the base URLs of episodes, other calls get "
                "421 from the workers that do not serve them"
            )
        self._mailboxes: Mailboxes = open_mailboxes(worker_count)
        self._lifeline, self._held_lifeline = socket.socketpair()
        self.scoreboard = Scoreboard(worker_count)
        self._declared = DeclaredTable(worker_count, config.limits.declared_episodes_max)
        self._places = [_Place(index) for index in range(worker_count)]
        self._resuming = Resuming(config.record_path, worker_count)
        self._wake, self._wake_writer = socket.socketpair()
        self._wake_writer.setblocking(False)
        self._stopping = False
        self._reload_wanted = False

    def run(self, started: Callable[[WorkersStarted], None]) -> None:
        """Serve until SIGTERM or SIGINT, then let all workers end their calls.

        Args:
            started: called once all workers serve.

        Raises:
            ServeError: if a worker cannot start.
        """
        with self._signals():
            try:
                self._start_all()
                pids = tuple(place.process.pid or 0 for place in self._places if place.process is not None)
                started(
                    WorkersStarted(self._config.host, self._config.port, self._ports, self._admin_ports, pids)
                )
                while not self._stopping:
                    self._watch()
            finally:
                self._stop_all()

    def _start_all(self) -> None:
        assert _FORK is not None
        channels = []
        for place in self._places:
            heard, said = _FORK.Pipe(duplex=False)
            self._start(place, said)
            said.close()
            channels.append(heard)
        for place, heard in zip(self._places, channels, strict=True):
            problem = _first_word(heard)
            if problem is not None and not self._stopping:
                raise ServeError(f"worker {place.index}: {problem}")

    def _start(self, place: _Place, said: Connection | None = None) -> None:
        """Fork a worker, which says None over `said` once it serves, or else why it cannot."""
        assert _FORK is not None
        place.process = _FORK.Process(target=self._work, args=(place.index, said), daemon=True)
        place.process.start()
        place.started_s = time.monotonic()
        place.due_s = None

    def _work(self, index: int, said: Connection | None) -> None:
        """Be a worker: what runs in the forked process."""
        self._held_lifeline.close()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        spreads_plain = isinstance(self._planner, PassThrough) and not _replays(self._config)
        placement = Placement(index, self._ports, self._admin_ports, spreads_plain)
        worker = Worker(placement, self._mailboxes, self.scoreboard, self._declared.of(index), self._lifeline)

        def started(_: Proxy) -> None:
            if said is not None:
                said.send(None)

        try:
            if said is None:
                self._resume(index)
            run(self._config, self._planner, started, self._worker_warn, reread=self._reread, worker=worker)
        except (ServeError, ValueError, OSError) as error:
            if said is None:
                self._warn(f"worker {index} cannot start again: {error}")
            else:
                said.send(str(error))
            raise SystemExit(1) from error

    def _resume(self, index: int) -> None:
        """Have the planner of a worker that takes another's place go on after the calls that are recorded."""
        try:
            self._resuming.resume(index, self._planner)
        except TooManyCallsError as error:
            self._warn(f"worker {index}: {error}: its episodes start again at call 0")

    def _watch(self) -> None:
        """Wait for the end of a worker or a signal, and do what follows from it."""
        running = [place for place in self._places if place.process is not None]
        sentinels = [place.process.sentinel for place in running if place.process is not None]
        timeout_s = None if all(place.due_s is None for place in self._places) else BACKOFF_S_MIN / 2
        wait([*sentinels, self._wake, self._held_lifeline], timeout_s)
        _drain(self._wake)
        if _drain(self._held_lifeline):
            self._reload_wanted = True
        if self._stopping:
            return
        for place in running:
            if place.process is not None and not place.process.is_alive():
                self._mourn(place, place.process)
        if self._reload_wanted:
            self._reload_wanted = False
            self._reload()
        for place in self._places:
            if place.due_s is not None and place.due_s <= time.monotonic():
                self._start(place)

    def _mourn(self, place: _Place, process: ForkProcess) -> None:
        """Say that a worker has ended, and when the next one takes its place."""
        now_s = time.monotonic()
        is_steady = now_s - place.started_s >= STEADY_S
        place.backoff_s = (
            BACKOFF_S_MIN if is_steady else max(BACKOFF_S_MIN, min(2 * place.backoff_s, BACKOFF_S_MAX))
        )
        place.due_s = now_s + place.backoff_s
        place.process = None
        code = process.exitcode or 0
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        written = self.scoreboard.written_count(place.index)
        goes_on = self._resuming.goes_on(place.index, self._planner)
        then = "go on after the calls that are recorded" if goes_on else "start again at call 0"
        self._warn(
            f"worker {place.index} (process {process.pid}) {how}; the {written} records it has written are safe, "
            f"its calls in flight are lost, its episodes {then}; the next one starts in {place.backoff_s:g} s"
        )
        process.close()

    def _reload(self) -> None:
        """Have all workers read the recipe anew, if it can be read; else say once what is wrong, and change nothing."""
        if self._reread is None:
            return
        try:
            served = self._reread()
            if served is not None:
                try_out(*served)
                self._reread.taken()
        except (ServeError, ValueError, OSError) as error:
            self._warn(f"the recipe was not read again, the old one stays: {error}")
            return
        self._warn(said_of(served))
        if served is None:
            return
        config, self._planner = served
        self._resuming.begin()
        # Workers that start later get what the others serve.
        self._config = as_reloaded(self._config, config)
        for place in self._places:
            # One that has ended meanwhile keeps its id until it is asked for, so that no other process is meant by it.
            if place.process is not None and place.process.pid is not None and place.process.is_alive():
                os.kill(place.process.pid, signal.SIGHUP)

    def _stop_all(self) -> None:
        """Tell all workers to stop, wait as long as they may take, and release what they shared."""
        processes = [place.process for place in self._places if place.process is not None]
        for process in processes:
            process.terminate()
        deadline_s = time.monotonic() + self._config.limits.drain_s_max + _STOP_MARGIN_S
        for process in processes:
            process.join(max(0.0, deadline_s - time.monotonic()))
            if process.is_alive():
                self._warn(f"process {process.pid} did not stop in time and is killed")
                process.kill()
                process.join()
        self._mailboxes.close()
        self._worker_warn.close()
        for end in (*self._reserved, self._lifeline, self._held_lifeline, self._wake, self._wake_writer):
            end.close()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Note signals while a block runs; they wake whoever waits."""

        def stop(*_: object) -> None:
            self._stopping = True

        def reload(*_: object) -> None:
            self._reload_wanted = True

        handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        wakeup = signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)


def run_workers(
    config: ServeConfig,
    planner: Planner,
    worker_count: int,
    started: Callable[[WorkersStarted], None],
    warn: Callable[[str], None] | None = None,
    reread: Reread | None = None,
) -> None:
    """Run `worker_count` processes as one proxy until SIGTERM or SIGINT; see `Supervisor`.

    Raises:
        ServeError: if they cannot start.
    """
    supervisor = Supervisor(config, planner, worker_count, warn or warn_on_stderr, reread)
    supervisor.run(started)


def _check(config: ServeConfig, planner: Planner, worker_count: int) -> None:
    """Refuse what several processes cannot keep a promise about."""
    if not 1 <= worker_count <= WORKERS_MAX:
        raise ServeError(f"{worker_count} workers: 1 to {WORKERS_MAX} are possible")
    if _FORK is None or not hasattr(socket, "SO_REUSEPORT") or not hasattr(os, "memfd_create"):
        raise ServeError("several workers need Linux; serve with a single one here")
    if isinstance(planner, GroundedSimulation):
        raise ServeError(
            "--ground learns from all calls what the upstream takes, and workers do not share that: serve with one"
        )
    if config.unix_path is not None:
        raise ServeError(
            f"{config.unix_path}: a socket file has one listener; serve with one worker, or on a port"
        )
    check_host(config)


def _drain(end: socket.socket) -> bool:
    """Read all that was sent to an end; tell whether there was anything."""
    was_told = False
    with contextlib.suppress(BlockingIOError):
        while end.recv(64, socket.MSG_DONTWAIT):
            was_told = True
    return was_told


def _replays(config: ServeConfig) -> bool:
    """Tell whether recordings answer: they are counted off per episode."""
    return any(isinstance(upstream, ReplayConfig) for upstream in config.upstreams.values())


def _first_word(heard: Connection) -> str | None:
    """Return why a worker cannot serve; None once it does."""
    with heard:
        try:
            word: str | None = heard.recv() if heard.poll(_STARTING_S_MAX) else "it does not get ready"
        except EOFError:
            return "it ended before it served"
    return word


def _admin_ports(admin: AdminConfig, worker_count: int) -> tuple[int, ...]:
    """Return a port for the admin side of each worker: from the given one on, or any that are free."""
    if admin.port:
        return tuple(range(admin.port, admin.port + worker_count))
    with contextlib.ExitStack() as probes:
        sockets = [probes.enter_context(socket.create_server((admin.host, 0))) for _ in range(worker_count)]
        return tuple(probe.getsockname()[1] for probe in sockets)


def _reserve(config: ServeConfig, port: int) -> socket.socket:
    """Bind a port without listening, so that it is ours for as long as the supervisor runs.

    Raises:
        ServeError: if it is taken; another proxy with workers would share it silently, so that is asked first.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(config.host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            address = (address[0], probe.getsockname()[1], *address[2:])
        reserved = socket.socket(family, kind)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(address)
    except OSError as error:
        raise ServeError(listen_problem(config, error)) from error
    return reserved
