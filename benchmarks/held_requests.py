"""Memory of the proxy for each request that it holds back, in KiB, and whether all of them are answered.

Many clients send one request each; the tool answers at once with 1 KiB, and the proxy holds all answers until they
are due. Its resident memory then, less that of the warm proxy before, is divided by their number.

    python benchmarks/held_requests.py --count 10000
"""

import argparse
import asyncio
import contextlib
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from answers import body_bytes
from contenders import start_upstream
from process import Contender, free_port, launch, stop

REQUEST = b"GET /x.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
OPENED_AT_ONCE_COUNT = 200
WARM_UP_COUNT = 64
DESCRIPTORS_SPARE_COUNT = 200
SETTLE_S = 2.0
"""Between the last request and the look at the memory; the answers are due later still."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000, help="requests held at once")
    parser.add_argument("--hold", type=float, default=20.0, metavar="SECONDS", help="how long each is held")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    count = min(arguments.count, descriptor_count_max() - DESCRIPTORS_SPARE_COUNT)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        upstream = start_upstream(Path(folder))
        running.callback(stop, upstream.process)
        proxy = start_proxy(upstream.port, arguments.hold)
        running.callback(stop, proxy.process)
        results = asyncio.run(measure(proxy, count, arguments.hold))
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    for name, value in results.items():
        print(f"{name.replace('_', ' '):<24}{value:>10}")


def descriptor_count_max() -> int:
    """Raise the bound on open files, here and in the processes started later, as far as it goes; return it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def start_proxy(upstream_port: int, delay_s: float, *record: str) -> Contender:
    port = free_port()
    script = str(Path(__file__).with_name("delayed_proxy.py"))
    upstream = f"http://127.0.0.1:{upstream_port}"
    return launch("earthwire", port, [sys.executable, script, str(port), upstream, str(delay_s), *record])


async def measure(proxy: Contender, count: int, hold_s: float) -> dict[str, float]:
    """Hold requests and return what that took."""
    await warm_up(proxy.port)
    before_kib = resident_kib(proxy.process.pid)
    started_s = time.monotonic()
    clients = []
    for first in range(0, count, OPENED_AT_ONCE_COUNT):
        group = range(first, min(first + OPENED_AT_ONCE_COUNT, count))
        clients += await asyncio.gather(*(send(proxy.port) for _ in group))
    await asyncio.sleep(SETTLE_S)
    held_kib = resident_kib(proxy.process.pid)
    elapsed_s = time.monotonic() - started_s
    if elapsed_s >= hold_s:
        raise SystemExit(f"sending took {elapsed_s:.0f} s; the first answers were due by then: raise --hold")
    answers = await asyncio.gather(*(answer(reader) for reader, _ in clients))
    for _, writer in clients:
        writer.close()
    return {
        "held": count,
        "answered": sum(answers),
        "kib_before": before_kib,
        "kib_held": held_kib,
        "kib_per_held_request": round((held_kib - before_kib) / count, 2),
    }


async def warm_up(port: int) -> None:
    """Have the proxy hold a few requests whose clients leave: what it makes once is made then."""
    for _, writer in [await send(port) for _ in range(WARM_UP_COUNT)]:
        writer.close()
    await asyncio.sleep(SETTLE_S)


async def send(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    return reader, writer


async def answer(reader: asyncio.StreamReader) -> bool:
    """Tell whether a whole answer comes."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(body_bytes(head) or 0)
        return b" 200 " in head[:15]
    except (asyncio.IncompleteReadError, ConnectionError):
        return False


def resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


if __name__ == "__main__":
    main()
