"""CPU time of one proxied 1 KiB keep-alive request, in microseconds, beside nginx and haproxy.

Every contender proxies to the same upstream (a small nginx, or a Python stub where nginx is absent). Rounds are
interleaved (A B C A B C …), so that a busy machine hurts all alike; what counts is the ratio within one run. CPU is
user plus system time of the contender's processes only, from /proc.

    python benchmarks/cpu_per_request.py --with-profile
"""

import argparse
import asyncio
import contextlib
import functools
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
CONNECTION_COUNT = 32
STOP_TIMEOUT_S = 20.0
START_TIMEOUT_S = 10.0
BODY = b'{"x":"' + b"a" * 1016 + b'"}'
CLOCK_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Contender:
    """A running proxy: its name, its port, and the process whose CPU time (with all children) is measured."""

    name: str
    port: int
    process: subprocess.Popen[bytes]


def main() -> None:
    arguments = parse_arguments()
    if arguments.serve is not None:
        serve_earthwire(*arguments.serve, arguments.with_profile, arguments.record)
        return
    if arguments.stub is not None:
        serve_stub(arguments.stub)
        return
    install_missing()
    with tempfile.TemporaryDirectory() as folder:
        results = measure_all(Path(folder), arguments)
    if arguments.json:
        print(json.dumps(results, indent=2))
    else:
        print_table(results)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds per contender")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a round")
    parser.add_argument(
        "--with-profile", action="store_true", help="add earthwire with a draw and the record on"
    )
    parser.add_argument("--connections", type=int, default=CONNECTION_COUNT, help="kept-alive connections")
    parser.add_argument(
        "--vary",
        action="store_true",
        help="give each request a target and a header value of its own (needs wrk)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--serve", nargs=2, metavar=("PORT", "UPSTREAM"), help=argparse.SUPPRESS)
    parser.add_argument("--record", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--stub", type=int, metavar="PORT", help=argparse.SUPPRESS)
    return parser.parse_args()


def measure_all(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Start the upstream and all contenders, measure them in turn, stop them."""
    rounds: dict[str, list[float]] = {}
    rates: dict[str, list[float]] = {}
    script = write_script(folder) if arguments.vary else None
    with contextlib.ExitStack() as running:
        contenders = start_all(folder, arguments.with_profile, running)
        for number in range(arguments.rounds + 1):
            for contender in contenders:
                cpu_us, rate_hz = measure(contender, arguments.seconds, arguments.connections, script)
                if number > 0:  # The first round warms up.
                    rounds.setdefault(contender.name, []).append(round(cpu_us, 2))
                    rates.setdefault(contender.name, []).append(round(rate_hz))
    medians = {name: statistics.median(values) for name, values in rounds.items()}
    nginx_us = medians.get("nginx")
    least = {name: min(values) for name, values in rounds.items()}
    return {
        "connections": arguments.connections,
        "vary": arguments.vary,
        "seconds": arguments.seconds,
        "cpu_us": rounds,
        "requests_per_s": rates,
        "median_cpu_us": medians,
        "least_cpu_us": least,
        "ratio_to_nginx": {name: round(value / nginx_us, 2) for name, value in medians.items()}
        if nginx_us
        else {},
        "least_ratio_to_nginx": {name: round(value / least["nginx"], 2) for name, value in least.items()}
        if nginx_us
        else {},
    }


def measure(
    contender: Contender,
    duration_s: float,
    connection_count: int = CONNECTION_COUNT,
    script: Path | None = None,
) -> tuple[float, float]:
    """Load a contender; return (CPU microseconds per request, requests per second)."""
    before_s = cpu_s(contender.process.pid)
    started_s = time.monotonic()
    count = load(contender.port, duration_s, connection_count, script)
    elapsed_s = time.monotonic() - started_s
    return (cpu_s(contender.process.pid) - before_s) / count * 1e6, count / elapsed_s


def cpu_s(pid: int) -> float:
    """Return user plus system time of a process and its living children, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_PER_S + sum(
        cpu_s(int(child)) for child in children
    )


# Contenders.


def start_all(folder: Path, with_profile: bool, running: contextlib.ExitStack) -> list[Contender]:
    """Start the upstream and the contenders; return the contenders."""
    upstream = start_upstream(folder)
    running.callback(stop, upstream.process)
    options = {"earthwire bare": []}
    if with_profile:
        options["earthwire draw+record"] = ["--with-profile", "--record", str(folder / "record.jsonl")]
    contenders = []
    for starter in (
        start_nginx,
        start_haproxy,
        *(functools.partial(start_earthwire, name, extra) for name, extra in options.items()),
    ):
        contender = starter(folder, upstream.port)
        if contender is not None:
            running.callback(stop, contender.process)
            contenders.append(contender)
    return contenders


def start_upstream(folder: Path) -> Contender:
    port = free_port()
    if shutil.which("nginx") is None:
        return launch("upstream", port, [sys.executable, __file__, "--stub", str(port)])
    (folder / "www").mkdir()
    (folder / "www" / "x.json").write_bytes(BODY)
    location = f"root {folder / 'www'}; default_type application/json;"
    return launch("upstream", port, nginx_command(folder / "upstream.conf", port, location, ""))


def start_nginx(folder: Path, upstream_port: int) -> Contender | None:
    if shutil.which("nginx") is None:
        return None
    port = free_port()
    pool = (
        f"upstream tool {{ server 127.0.0.1:{upstream_port}; keepalive 64; keepalive_requests 100000000; }}"
    )
    location = (
        'location / { proxy_pass http://tool; proxy_http_version 1.1; proxy_set_header Connection ""; }'
    )
    return launch("nginx", port, nginx_command(folder / "nginx.conf", port, location, pool))


def nginx_command(path: Path, port: int, location: str, pool: str) -> list[str]:
    # A worker that root starts would drop to a user that cannot read the temporary folder.
    user = "user root;" if os.geteuid() == 0 else ""
    path.write_text(
        f"""daemon off; {user} worker_processes 1; pid {path}.pid; error_log {path}.log;
        events {{ worker_connections 4096; }}
        http {{ access_log off; keepalive_requests 100000000; {pool}
          server {{ listen 127.0.0.1:{port}; {location} }} }}""",
        encoding="utf-8",
    )
    return ["nginx", "-c", str(path)]


def start_haproxy(folder: Path, upstream_port: int) -> Contender | None:
    if shutil.which("haproxy") is None:
        return None
    port = free_port()
    path = folder / "haproxy.cfg"
    path.write_text(
        f"""global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend front
  bind 127.0.0.1:{port}
  default_backend tool
backend tool
  server tool 127.0.0.1:{upstream_port}
""",
        encoding="utf-8",
    )
    return launch("haproxy", port, ["haproxy", "-db", "-f", str(path)])


def start_earthwire(name: str, options: list[str], folder: Path, upstream_port: int) -> Contender:
    port = free_port()
    upstream = f"http://127.0.0.1:{upstream_port}"
    return launch(name, port, [sys.executable, __file__, "--serve", str(port), upstream, *options])


def launch(name: str, port: int, command: list[str]) -> Contender:
    """Start a process and wait until it listens."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return Contender(name, port, process)
    stop(process)
    raise SystemExit(f"{name} does not listen on port {port}: {' '.join(command)}")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(STOP_TIMEOUT_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def install_missing() -> None:
    """Install nginx and haproxy with apt-get, where that is possible and they are absent."""
    missing = [name for name in ("nginx", "haproxy") if shutil.which(name) is None]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"skipped, because not installed: {', '.join(missing)}", file=sys.stderr)
        return
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode != 0:
        print(f"skipped, because apt-get could not install: {', '.join(missing)}", file=sys.stderr)


# Servers of our own.


def serve_earthwire(port: str, upstream: str, with_profile: bool, record: Path | None) -> None:
    from earthwire.proxy.pass_through import PassThrough
    from earthwire.proxy.planner import Planner
    from earthwire.proxy.server import ServeConfig, run

    planner: Planner = CalibratedPlanner() if with_profile else PassThrough()
    run(ServeConfig(upstreams={"tool": upstream}, port=int(port), record_path=record), planner)


class CalibratedPlanner:
    """Draws from a profile whose latencies are too short to wait for: all the work of a draw, none of its delay."""

    seed = 1
    profile_hash = "benchmark"

    def __init__(self) -> None:
        from earthwire.fault_models.latency import LEVELS, LatencyTable
        from earthwire.fault_models.outcome import START, OutcomeCounts
        from earthwire.fault_models.profile import Profile, ToolLaws
        from earthwire.fault_models.simulation import Simulation
        from earthwire.proxy.pass_through import PassThrough

        kinds = {"ok": 1000, "unknown": 1}
        outcomes = OutcomeCounts({START: kinds, "ok": kinds, "unknown": kinds})
        quantiles_s = tuple(1e-9 * (1 + number) for number in range(len(LEVELS)))
        latency = {kind: LatencyTable(1000, quantiles_s) for kind in kinds}
        laws = ToolLaws(1001, 10, outcomes, latency)
        self.draw = Simulation(Profile(tools={}, overall=laws), self.seed).draw
        self.tool_of = PassThrough().tool_of


def serve_stub(port: int) -> None:
    """Serve the body to every request that comes whole in one read, as the clients here send them."""
    response = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        len(BODY),
        BODY,
    )

    class Stub(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(response * data.count(b"\r\n\r\n"))

    run_server(Stub, port)


def run_server(protocol: Callable[[], asyncio.Protocol], port: int) -> None:
    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port)
        await server.serve_forever()

    asyncio.run(forever())


# Load.


def write_script(folder: Path) -> Path:
    """Write what makes wrk's requests differ from each other, as those of an agent do."""
    path = folder / "vary.lua"
    path.write_text(
        """count = 0
        request = function()
          count = count + 1
          local headers = {["X-Request-Id"] = tostring(count), ["Accept"] = "application/json"}
          return wrk.format("GET", "/x.json?page=" .. count, headers)
        end""",
        encoding="utf-8",
    )
    return path


def load(
    port: int, duration_s: float, connection_count: int = CONNECTION_COUNT, script: Path | None = None
) -> int:
    """Send requests on keep-alive connections for a while; return how many were answered."""
    if shutil.which("wrk") is None:
        return asyncio.run(load_with_asyncio(port, duration_s, connection_count))
    url = f"http://127.0.0.1:{port}/x.json"
    options = [] if script is None else ["-s", str(script)]
    command = ["wrk", "-t1", f"-c{connection_count}", f"-d{max(1, round(duration_s))}s", *options, url]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit(f"errors under load:\n{output}")
    return next(int(line.split()[0]) for line in output.splitlines() if "requests in" in line)


async def load_with_asyncio(port: int, duration_s: float, connection_count: int) -> int:
    loop = asyncio.get_running_loop()
    clients = [LoadClient() for _ in range(connection_count)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)
    await asyncio.sleep(duration_s)
    for client in clients:
        client.transport.abort()
    return sum(client.answered_count for client in clients)


class LoadClient(asyncio.Protocol):
    """Sends the next request as soon as the body of the last one is complete."""

    REQUEST = b"GET /x.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

    def __init__(self) -> None:
        self.answered_count = 0
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.REQUEST)

    def data_received(self, data: bytes) -> None:
        """Count a complete response and send the next request."""
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator or len(body) < len(BODY):
            return
        if b" 200 " not in head[:15]:
            raise SystemExit(f"errors under load: {head!r}")
        self.received = b""
        self.answered_count += 1
        self.transport.write(self.REQUEST)


def print_table(results: dict[str, object]) -> None:
    keys = (
        "cpu_us",
        "median_cpu_us",
        "ratio_to_nginx",
        "least_cpu_us",
        "least_ratio_to_nginx",
        "requests_per_s",
    )
    tables = []
    for key in keys:
        table = results[key]
        assert isinstance(table, dict)
        tables.append(table)
    rounds, medians, ratios, least, least_ratios, rates = tables
    print(
        f"{'CPU per request, µs':<24}{'median':>8}{'x nginx':>9}{'least':>8}{'x nginx':>9}{'req/s':>9}  rounds"
    )
    for name, values in rounds.items():
        shown = " ".join(f"{value:.1f}" for value in values)
        rate_hz = round(statistics.median(rates[name]))
        print(
            f"{name:<24}{medians[name]:>8.1f}{ratios.get(name, 0):>9.2f}"
            f"{least[name]:>8.1f}{least_ratios.get(name, 0):>9.2f}{rate_hz:>9}  {shown}"
        )


if __name__ == "__main__":
    main()
