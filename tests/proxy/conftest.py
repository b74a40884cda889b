"""A raw upstream, a proxy and raw clients on one loop, so that tests can look at bytes."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from earthwire.fault_models.call import Call, Drawn
from earthwire.fault_models.plan import PASS_THROUGH, Plan, Step
from earthwire.proxy.limits import Limits
from earthwire.proxy.server import Proxy, ServeConfig, running_proxy
from earthwire.proxy.wire.fiber import Fiber
from earthwire.traces.files.jsonl import read_jsonl
from earthwire.traces.record import TraceRecord

SCENARIO_TIMEOUT_S = 60.0
CLEANUP_TIMEOUT_S = 5.0
POLL_S = 0.002
ACCEPT_TURNS = 3
"""Turns of the loop from a connection that was accepted to the task that serves it."""

Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class FixedPlanner:
    """Gives every call the same plan, or each call the next of several."""

    seed = 7
    profile_hash = "test"

    def __init__(self, *plans: Plan) -> None:
        self.plans = plans or (PASS_THROUGH,)
        self.calls: list[Call] = []

    def draw(self, call: Call) -> Drawn:
        index = len(self.calls)
        self.calls.append(call)
        return Drawn(index, self.plans[index % len(self.plans)])

    def tool_of(self, method: str, path: str, at: str | None = None) -> str:
        return f"{method} tool{path}"


class RawUpstream:
    """Answers each request with given bytes and keeps what it received.

    `reply` is the bytes of every answer, or a function from the whole request to them; an empty answer closes.
    """

    def __init__(self, reply: bytes | Callable[[bytes], bytes]) -> None:
        self.reply = reply
        self.requests: list[bytes] = []
        self.connection_count = 0
        self.closed_count = 0
        self.port = 0

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connection_count += 1
        try:
            while (request := await read_message(reader)) is not None:
                self.requests.append(request)
                answer = self.reply(request) if callable(self.reply) else self.reply
                if not answer:
                    break
                writer.write(answer)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self.closed_count += 1
            writer.close()


async def read_message(reader: asyncio.StreamReader) -> bytes | None:
    """Read one request with its body; None at the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        return head + await reader.readuntil(b"0\r\n\r\n")
    if b"content-length:" in lower:
        length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
        return head + await reader.readexactly(length)
    return head


class Running:
    """A running proxy and its records."""

    def __init__(self, proxy: Proxy, record_path: Path) -> None:
        self.proxy = proxy
        self.port = proxy.port
        self._record_path = record_path

    def records(self) -> list[TraceRecord]:
        """Return what was recorded; to be called after the proxy has stopped."""
        return list(read_jsonl(self._record_path))


def in_fiber(awaitable: Awaitable[Any]) -> tuple[Fiber, "asyncio.Future[Any]"]:
    """Await something in a fiber; return the fiber and a future of the result."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Any] = loop.create_future()

    async def run() -> None:
        try:
            result.set_result(await awaitable)
        except asyncio.CancelledError:
            result.cancel()
        except Exception as error:
            result.set_exception(error)

    fiber = Fiber(loop, run())
    fiber.step()
    return fiber, result


class Harness:
    """What scenarios are made of."""

    PASS_THROUGH = PASS_THROUGH
    in_fiber = staticmethod(in_fiber)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warnings: list[str] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(
        self, port: int, limit: int = 1 << 16, address: str = "127.0.0.1"
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection (to a socket file: its path) that is closed with the scenario at the latest."""
        if address.startswith("/"):
            reader, writer = await asyncio.open_unix_connection(address, limit=limit)
        else:
            reader, writer = await asyncio.open_connection(address, port, limit=limit)
        self._writers.append(writer)
        return reader, writer

    async def close_connections(self) -> None:
        """Close all connections and wait until their sockets are closed."""
        for writer in self._writers:
            writer.transport.abort()
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(CLEANUP_TIMEOUT_S):
                    await writer.wait_closed()
        self._writers.clear()

    @staticmethod
    async def until(condition: Callable[[], object]) -> None:
        """Wait until a condition holds; the scenario's bound on its time is the bound here, too."""
        while not condition():
            await asyncio.sleep(POLL_S)

    @contextlib.asynccontextmanager
    async def upstream(self, reply: bytes | Callable[[bytes], bytes]) -> AsyncIterator[RawUpstream]:
        upstream = RawUpstream(reply)
        async with self.server(upstream.converse) as port:
            upstream.port = port
            yield upstream

    @contextlib.asynccontextmanager
    async def server(
        self, converse: Converse, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1"
    ) -> AsyncIterator[int]:
        tasks: set[asyncio.Task[None]] = set()

        async def tracked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                await converse(reader, writer)
            except (asyncio.CancelledError, ConnectionError):
                pass
            finally:
                tasks.discard(task)
                writer.close()

        if address.startswith("/"):
            server = await asyncio.start_unix_server(tracked, address, limit=1 << 20)
        else:
            server = await asyncio.start_server(tracked, address, 0, limit=1 << 20, ssl=tls)
        # Waited for from before the server is closed: only then does it end with the last connection in Python 3.11.
        closed = asyncio.create_task(server.wait_closed())
        try:
            name = server.sockets[0].getsockname()
            yield 0 if address.startswith("/") else name[1]
        finally:
            for _ in range(ACCEPT_TURNS):
                await asyncio.sleep(0)
            server.close()
            for task in list(tasks):
                task.cancel()
            if tasks:
                await asyncio.wait(list(tasks))
            await asyncio.wait([closed], timeout=CLEANUP_TIMEOUT_S)

    @contextlib.asynccontextmanager
    async def proxy(
        self, upstream_port: int, *plans: Plan, limits: Limits | None = None, **options: Any
    ) -> AsyncIterator[Running]:
        path = self.folder / "records.jsonl"
        settings: dict[str, Any] = {
            "upstreams": {"tool": f"http://127.0.0.1:{upstream_port}"},
            "port": 0,
            "record_path": path,
            "limits": limits or Limits(),
            **options,
        }
        self.planner = FixedPlanner(*plans)
        async with running_proxy(ServeConfig(**settings), self.planner, self.warnings.append) as proxy:
            yield Running(proxy, path)

    async def talk(self, port: int, *pieces: bytes) -> bytes:
        """Send pieces on one connection and return all that comes back until the proxy closes it."""
        reader, writer = await self.connect(port, limit=1 << 24)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await reader.read()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    @staticmethod
    def plan(*steps: Step, outcome: str = "ok", last_byte_s: float = 0.0) -> Plan:
        return Plan(outcome, 0.0, last_byte_s, steps, "tool")

    @staticmethod
    def response(body: bytes = b"hello", status: str = "200 OK", extra: bytes = b"") -> bytes:
        head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
        return head.encode() + extra + b"\r\n" + body

    @staticmethod
    def get(target: str = "/x", extra: bytes = b"", close: bool = True) -> bytes:
        connection = b"Connection: close\r\n" if close else b""
        return f"GET {target} HTTP/1.1\r\nHost: a\r\n".encode() + connection + extra + b"\r\n"


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    return Harness(tmp_path)


@pytest.fixture(params=["uvloop", "asyncio"])
def play(request: pytest.FixtureRequest, harness: Harness) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a scenario, with a bound on its time, on each kind of loop."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def run(scenario: Coroutine[Any, Any, Any]) -> Any:
        async def bounded() -> Any:
            async with asyncio.timeout(SCENARIO_TIMEOUT_S):
                try:
                    return await scenario
                finally:
                    await harness.close_connections()

        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(bounded())

    return run
