"""A long run with every fault of the wire: is memory flat, is every call recorded, is every socket closed?

Calls come at a fixed rate on kept-alive connections. One in five ends in a fault, every kind in turn: resets and ends
of the connection at all places, cut and damaged bodies, silence until the client gives up. Resident memory and open
sockets of the proxy are looked at every few seconds, and its records counted in the end.

    python benchmarks/soak.py --minutes 10 --rate 200
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from answers import is_whole
from contenders import start_upstream
from held_requests import REQUEST, resident_kib
from process import Contender, free_port, launch, stop

from earthwire.proxy import Limits
from earthwire.traces import read_traces

PATIENCE_S = 0.3
"""After this the client gives up, as it must where the plan is silence."""
TICK_S = 0.005
CONNECTIONS_MAX = 500
WARM_UP_SHARE = 0.2
GROWTH_KIB_MAX = 2048
GROWTH_SHARE_MAX = 0.05
SAMPLES_MIN = 10
SETTLE_S_MAX = 30.0
LAST_CALL_COUNT = 2


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the run")
    parser.add_argument("--rate", type=float, default=200.0, help="requests per second")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        record = Path(folder) / "record.jsonl"
        upstream = start_upstream(Path(folder))
        running.callback(stop, upstream.process)
        proxy = start_proxy(upstream.port, record)
        running.callback(stop, proxy.process)
        soak = Soak(proxy, arguments.rate, arguments.minutes * 60)
        asyncio.run(soak.run())
        stop(proxy.process)
        results = judged(soak, sum(1 for _ in read_traces(record)))
    report(results, as_json=arguments.json)
    sys.exit(0 if results["verdict"] == "pass" else 1)


def start_proxy(upstream_port: int, record: Path) -> Contender:
    port = free_port()
    script = str(Path(__file__).with_name("faulty_proxy.py"))
    return launch(
        "earthwire",
        port,
        [sys.executable, script, str(port), f"http://127.0.0.1:{upstream_port}", str(record)],
    )


class Soak:
    """Open-loop load with a bound on the connections, and what was seen of the proxy meanwhile.

    Attributes:
        samples: (seconds since the start, resident KiB, open sockets).
        sent_count: requests sent.
        endings: how calls ended for the client, counted.
        sockets_before, sockets_after: of the idle proxy, before the first call and after the last.
    """

    def __init__(self, proxy: Contender, rate_hz: float, duration_s: float) -> None:
        self.proxy = proxy
        self.rate_hz = rate_hz
        self.duration_s = duration_s
        self.idle: list[Client] = []
        self.open_count = 0
        self.samples: list[tuple[float, int, int]] = []
        self.sent_count = 0
        self.endings = {"answered": 0, "broken": 0, "given up": 0}
        self.sockets_before = self.sockets_after = 0

    async def run(self) -> None:
        """Call until the time is over, then wait until the proxy has closed what it should."""
        loop, pid = asyncio.get_running_loop(), self.proxy.process.pid
        self.sockets_before = socket_count(pid)
        started_s = time.monotonic()
        period_s = max(0.5, self.duration_s / 200)
        while (elapsed_s := time.monotonic() - started_s) < self.duration_s:
            if elapsed_s >= len(self.samples) * period_s:
                self.samples.append((elapsed_s, resident_kib(pid), socket_count(pid)))
                show_progress(elapsed_s, self.duration_s, self.samples[-1], self.sent_count)
            while self.sent_count < elapsed_s * self.rate_hz:
                if not self.idle:
                    if self.open_count >= CONNECTIONS_MAX:
                        break
                    await loop.create_connection(lambda: Client(self), "127.0.0.1", self.proxy.port)
                self.idle.pop().send()
                self.sent_count += 1
            await asyncio.sleep(TICK_S)
        await asyncio.sleep(PATIENCE_S + TICK_S)
        await self.settle()

    async def settle(self) -> None:
        """Leave the proxy alone until what it keeps for the next call is too old, and see what is open then."""
        for client in list(self.idle):
            client.transport.abort()
        await asyncio.sleep(Limits().upstream_idle_s_max + 1)
        # Connections that are too old are closed when the next calls look for one.
        for _ in range(LAST_CALL_COUNT):
            await asyncio.get_running_loop().create_connection(
                lambda: Client(self), "127.0.0.1", self.proxy.port
            )
            self.idle.pop().send()
            self.sent_count += 1
            await asyncio.sleep(PATIENCE_S + TICK_S)
        for client in list(self.idle):
            client.transport.abort()
        deadline_s = time.monotonic() + SETTLE_S_MAX
        while (count := socket_count(self.proxy.process.pid)) > self.sockets_before:
            if time.monotonic() > deadline_s:
                break
            await asyncio.sleep(0.1)
        self.sockets_after = count


class Client(asyncio.Protocol):
    """One connection; a call on it ends with its answer, with the connection, or with the client's patience."""

    def __init__(self, soak: Soak) -> None:
        self.soak = soak
        self.received = b""
        self.patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready for a call."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.soak.open_count += 1
        self.soak.idle.append(self)

    def send(self) -> None:
        """Send a request."""
        self.received = b""
        self.transport.write(REQUEST)
        self.patience = asyncio.get_running_loop().call_later(PATIENCE_S, self.give_up)

    def give_up(self) -> None:
        """Leave."""
        self.patience = None
        self.soak.endings["given up"] += 1
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """End the call where its answer is complete; other answers end with the connection."""
        self.received += data
        if not is_whole(self.received):
            return
        self.end("answered")
        if not self.transport.is_closing():
            self.soak.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone, and the call on it."""
        self.soak.open_count -= 1
        if self in self.soak.idle:
            self.soak.idle.remove(self)
        self.end("broken")

    def end(self, ending: str) -> None:
        """Count the end of the call that is under way, if one is."""
        if self.patience is not None:
            self.patience.cancel()
            self.patience = None
            self.soak.endings[ending] += 1


def socket_count(pid: int) -> int:
    """Return the number of sockets that a process has open."""
    count = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            count += str(link.readlink()).startswith("socket:")
    return count


def judged(soak: Soak, record_count: int) -> dict[str, object]:
    """Return the figures and the verdict."""
    after_warm_up = [sample for sample in soak.samples if sample[0] >= WARM_UP_SHARE * soak.duration_s]
    third = max(1, len(after_warm_up) // 3)
    early_kib = statistics.median(kib for _, kib, _ in after_warm_up[:third])
    late_kib = statistics.median(kib for _, kib, _ in after_warm_up[-third:])
    allowed_kib = max(GROWTH_KIB_MAX, GROWTH_SHARE_MAX * early_kib)
    problems = []
    if len(soak.samples) < SAMPLES_MIN:
        problems.append(f"{len(soak.samples)} looks at the memory are too few: run for longer")
    if late_kib - early_kib > allowed_kib:
        problems.append(f"memory grew by {late_kib - early_kib:.0f} KiB, more than {allowed_kib:.0f}")
    if record_count != soak.sent_count:
        problems.append(f"{soak.sent_count} calls, but {record_count} records")
    if soak.sockets_after > soak.sockets_before:
        problems.append(f"{soak.sockets_after - soak.sockets_before} sockets are still open")
    return {
        "minutes": round(soak.duration_s / 60, 1),
        "calls": soak.sent_count,
        "records": record_count,
        "endings": soak.endings,
        "kib_early": early_kib,
        "kib_late": late_kib,
        "kib_most": max(kib for _, kib, _ in soak.samples),
        "sockets_before": soak.sockets_before,
        "sockets_most": max(count for _, _, count in soak.samples),
        "sockets_after": soak.sockets_after,
        "problems": problems,
        "verdict": "fail" if problems else "pass",
    }


def show_progress(
    elapsed_s: float, duration_s: float, sample: tuple[float, int, int], sent_count: int
) -> None:
    if sys.stderr.isatty():
        _, kib, sockets = sample
        text = (
            f"{elapsed_s:6.0f} of {duration_s:.0f} s  {sent_count:8} calls  {kib:7} KiB  {sockets:4} sockets"
        )
        print(f"\r{text}", end="", file=sys.stderr, flush=True)


def report(results: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(results, indent=2))
        return
    for name, value in results.items():
        print(f"{name.replace('_', ' '):<18}{value}")


if __name__ == "__main__":
    main()
