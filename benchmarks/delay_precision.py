"""How late delayed answers are, in milliseconds: achieved less intended delay, which must never be negative.

Requests arrive at a fixed rate, whatever becomes of the earlier ones; each is to be answered after a fixed delay. What
the client sees holds the delays of the client itself and of the network; what the proxy records ends at its own
write. Load, proxy and tool share the machine: other work on it shows at once.

    python benchmarks/delay_precision.py --rate 1000
"""

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
from pathlib import Path

import uvloop
from contenders import BODY, start_upstream
from held_requests import REQUEST, start_proxy
from process import stop

from earthwire.traces import read_traces

TICK_S = 0.001
PERCENTILES = (0, 50, 90, 99, 99.9, 100)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=1000, help="requests per second")
    parser.add_argument("--delay", type=float, default=0.2, metavar="SECONDS", help="delay of each answer")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the run")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        record = Path(folder) / "record.jsonl"
        upstream = start_upstream(Path(folder))
        running.callback(stop, upstream.process)
        proxy = start_proxy(upstream.port, arguments.delay, str(record))
        running.callback(stop, proxy.process)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            load = Load(proxy.port, arguments.rate, arguments.delay, arguments.seconds)
            seen_ms = runner.run(load.run())
        stop(proxy.process)
        recorded_ms = [(call.lateness_ns or 0) / 1e6 for call in read_traces(record)]
    results = {"client_ms": percentiles(seen_ms), "proxy_ms": percentiles(recorded_ms)}
    if arguments.json:
        print(json.dumps({"rate": arguments.rate, "answered": len(seen_ms), **results}, indent=2))
        return
    print(f"{'lateness, ms':<16}" + "".join(f"{'p' + str(p):>9}" for p in PERCENTILES) + f"{'calls':>9}")
    for name, values, count in (
        ("at the client", results["client_ms"], len(seen_ms)),
        ("at the proxy", results["proxy_ms"], len(recorded_ms)),
    ):
        print(f"{name:<16}" + "".join(f"{value:>9.3f}" for value in values.values()) + f"{count:>9}")


def percentiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    last = len(ordered) - 1
    return {f"p{p}": round(ordered[min(last, int(p / 100 * len(ordered)))], 4) for p in PERCENTILES}


class Load:
    """Open-loop load on keep-alive connections: as many as are needed are opened, idle ones are used again."""

    def __init__(self, port: int, rate_hz: int, delay_s: float, duration_s: float) -> None:
        self.port = port
        self.rate_hz = rate_hz
        self.delay_s = delay_s
        self.duration_s = duration_s
        self.idle: list[Client] = []
        self.lateness_ms: list[float] = []

    async def run(self) -> list[float]:
        """Return the lateness of each answer in milliseconds."""
        loop = asyncio.get_running_loop()
        # Opening a connection is not what is measured: enough of them are there at the start.
        for _ in range(int(self.rate_hz * self.delay_s * 1.5) + 20):
            await loop.create_connection(lambda: Client(self), "127.0.0.1", self.port)
        count, sent_count = int(self.rate_hz * self.duration_s), 0
        started_s = time.monotonic()
        while sent_count < count:
            due_count = min(count, int((time.monotonic() - started_s) * self.rate_hz))
            while sent_count < due_count and self.idle:
                self.idle.pop().send()
                sent_count += 1
            await asyncio.sleep(TICK_S)
        deadline_s = time.monotonic() + self.delay_s + 10
        while len(self.lateness_ms) < count and time.monotonic() < deadline_s:
            await asyncio.sleep(0.05)
        return self.lateness_ms


class Client(asyncio.Protocol):
    """One connection of the load."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.sent_s = 0.0
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready for a request."""
        self.transport = transport
        self.load.idle.append(self)

    def send(self) -> None:
        """Send a request."""
        self.received = b""
        self.sent_s = time.monotonic()
        self.transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        """Note the time at which the answer is complete."""
        now_s = time.monotonic()
        self.received += data
        if self.received.endswith(BODY):
            self.load.lateness_ms.append((now_s - self.sent_s - self.load.delay_s) * 1e3)
            self.load.idle.append(self)


if __name__ == "__main__":
    main()
