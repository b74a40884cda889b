"""Latencies of single requests, as a client sees them: one after the other, and arriving at random."""

import asyncio
import random
import socket
import time

import uvloop
from answers import is_whole
from held_requests import REQUEST

WARM_UP_COUNT = 200
TIMEOUT_S = 20.0
_TAIL_S = 5.0


def sequential_s(port: int, count: int) -> list[float]:
    """Return the latency of each of `count` requests on one connection, sent one after the other."""
    latencies_s = []
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(count + WARM_UP_COUNT):
            started_s = time.perf_counter()
            connection.sendall(REQUEST)
            _read_answer(connection)
            if number >= WARM_UP_COUNT:
                latencies_s.append(time.perf_counter() - started_s)
    return latencies_s


def _read_answer(connection: socket.socket) -> None:
    received = b""
    while not is_whole(received):
        data = connection.recv(1 << 16)
        if not data:
            raise SystemExit(f"the connection ended in an answer: {received[:200]!r}")
        received += data


def poisson_s(port: int, rate_hz: float, duration_s: float, seed: int) -> list[float]:
    """Return the latency of each request, which come at exponential intervals whatever becomes of the earlier ones."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_OpenLoad(port, rate_hz, duration_s, seed).run())


class _OpenLoad:
    def __init__(self, port: int, rate_hz: float, duration_s: float, seed: int) -> None:
        self._port = port
        generator = random.Random(seed)
        self._arrivals_s = []
        arrival_s = 0.0
        while (arrival_s := arrival_s + generator.expovariate(rate_hz)) < duration_s:
            self._arrivals_s.append(arrival_s)
        self.idle: list[_Client] = []
        self.latencies_s: list[float] = []

    async def run(self) -> list[float]:
        loop = asyncio.get_running_loop()
        for _ in range(64):
            await loop.create_connection(lambda: _Client(self), "127.0.0.1", self._port)
        started_s = time.perf_counter() + 0.05
        for arrival_s in self._arrivals_s:
            due_s = started_s + arrival_s
            # The loop's timer has steps of a millisecond; what is shorter is waited for by turns of the loop.
            while (left_s := due_s - time.perf_counter()) > 0:
                await asyncio.sleep(left_s - 0.002 if left_s > 0.004 else 0)
            if not self.idle:
                await loop.create_connection(lambda: _Client(self), "127.0.0.1", self._port)
            # Late arrivals count from when they were due: or a slow proxy would slow its own load down.
            self.idle.pop().send(due_s)
        deadline_s = time.perf_counter() + _TAIL_S
        while len(self.latencies_s) < len(self._arrivals_s) and time.perf_counter() < deadline_s:
            await asyncio.sleep(0.01)
        for client in self.idle:
            client.transport.abort()
        return self.latencies_s


class _Client(asyncio.Protocol):
    def __init__(self, load: _OpenLoad) -> None:
        self._load = load
        self._due_s = 0.0
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._load.idle.append(self)

    def send(self, due_s: float) -> None:
        self._received = b""
        self._due_s = due_s
        self.transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if is_whole(self._received):
            self._load.latencies_s.append(time.perf_counter() - self._due_s)
            self._load.idle.append(self)
