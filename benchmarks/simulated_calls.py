"""Simulated calls a second on the virtual clock: over HTTP, for one worker process, and in process.

Over HTTP, `wrk` asks an episode with a virtual clock, on 32 connections that are kept open, each call a request and an
answer of its own. Its calls are simulated whole: no tool is asked, the answers come from a recording or are errors of
our own, under plans that are drawn from a calibrated profile. Every call is in the counters and the episode's account,
and its trace record on the disk. Beside it a bare stub on the same loop, which only sends fixed bytes back. What counts
is the CPU time of the process for a call, user and system: a worker with a core to itself answers 1 / CPU calls a
second. In process, a callable that returns at once is wrapped by `SimulatedEpisode`; beside it the callable alone.

    python benchmarks/simulated_calls.py
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import uvloop
from process import Contender, cpu_s, free_port, launch, stop

from earthwire.client import EarthwireClient, EarthwireError
from earthwire.config import read_profile, shipped_profile_path
from earthwire.fault_models import Simulation
from earthwire.in_process import SimulatedEpisode
from earthwire.tool_errors import ToolHTTPError
from earthwire.traces import JsonlWriter, TraceRecord, request_key

TOKEN = "the-token-of-the-benchmark"
BODY = '{"items":["' + "x" * 200 + '"]}'
TOOL = "GET registry.access-ci.org/x.json"
CONNECTION_COUNT = 32
PIPELINED_COUNT = 16
ROUND_CALLS = 100_000
DECLARE_ATTEMPTS = 100


def main() -> None:
    arguments = parse_arguments()
    if arguments.stub is not None:
        run_stub(arguments.stub)
        return
    results: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        contenders = {} if arguments.in_process else start_all(Path(folder), running)
        for number in range(arguments.rounds + 1):
            for name, seconds_per_call in measured(contenders, Path(folder), arguments.seconds):
                if number:
                    results.setdefault(name, []).append(seconds_per_call * 1e6)
    if arguments.json:
        print(json.dumps({"cpu_us_per_call": results}, indent=2))
        return
    print(f"{'':<40}{'µs of CPU, median':>18}{'least':>8}{'calls/s of a core':>20}{'at best':>12}")
    for name, values in results.items():
        median, least = statistics.median(values), min(values)
        print(f"{name:<40}{median:>18.2f}{least:>8.2f}{1e6 / median:>20,.0f}{1e6 / least:>12,.0f}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds")
    parser.add_argument("--seconds", type=int, default=2, help="length of a round over HTTP")
    parser.add_argument("--in-process", action="store_true", help="leave HTTP out")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--stub", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def measured(contenders: dict[str, Contender], folder: Path, seconds: int) -> Iterator[tuple[str, float]]:
    """Yield CPU seconds a call of everything that is compared, once each."""
    for name, contender in contenders.items():
        for depth in (1, PIPELINED_COUNT):
            label = f"{name}, {'one request at a time' if depth == 1 else f'{depth} pipelined'}"
            yield label, cpu_s_per_call(contender, seconds, folder, depth)
    episode = SimulatedEpisode(Simulation(read_profile(shipped_profile_path("demo")), 1), 7)
    yield "in process, the callable alone", cpu_of(nothing)
    yield "in process, simulated", cpu_of(episode.tool(nothing, TOOL))


def cpu_s_per_call(contender: Contender, seconds: int, folder: Path, depth: int = 1) -> float:
    """Return the CPU seconds of a process for one call of the episode.

    Args:
        contender: the process.
        seconds: how long to ask.
        folder: for the script of the load.
        depth: requests that are sent at once on each connection.
    """
    before_s = cpu_s(contender.process.pid)
    calls = load(contender.port, seconds, depth, folder)
    return (cpu_s(contender.process.pid) - before_s) / calls


def nothing() -> None:
    """Stand for a tool that answers at once."""


def cpu_of(function: Callable[[], None]) -> float:
    """Return the CPU seconds of one call, faults included."""
    started_s = time.process_time()
    for _ in range(ROUND_CALLS):
        # Not contextlib.suppress, which would take longer than the call.
        try:  # noqa: SIM105
            function()
        except (OSError, ToolHTTPError):
            pass
    return (time.process_time() - started_s) / ROUND_CALLS


def load(port: int, seconds: int, depth: int, folder: Path) -> int:
    """Ask as fast as answers come; return how many there were."""
    script = folder / f"pipelined-{depth}.lua"
    script.write_text(
        f"""init = function()
          local one = {{}}
          for i = 1, {depth} do one[i] = wrk.format("GET", "/e/bench/x.json") end
          all = table.concat(one)
        end
        request = function() return all end""",
        encoding="utf-8",
    )
    command = ["wrk", "-t1", f"-c{CONNECTION_COUNT}", f"-d{seconds}s", "-s", str(script)]
    url = f"http://127.0.0.1:{port}/"
    output = subprocess.run([*command, url], capture_output=True, check=True, text=True).stdout
    return next(int(line.split()[0]) for line in output.splitlines() if "requests in" in line)


def start_all(folder: Path, running: contextlib.ExitStack) -> dict[str, Contender]:
    """Start a bare stub, and a proxy whose calls are simulated and recorded."""
    stub_port, port, admin_port = free_port(), free_port(), free_port()
    stub = launch("stub", stub_port, [sys.executable, __file__, "--stub", str(stub_port)])
    running.callback(stop, stub.process)
    token, recording = folder / "token", folder / "recording.jsonl"
    token.write_text(TOKEN, encoding="utf-8")
    token.chmod(0o600)
    write_recording(recording)
    command = [sys.executable, "-c", "from earthwire.cli.main import main; main()", "serve"]
    command += ["--replay", str(recording), "--timing", "calibrated", "--profile", "demo"]
    command += ["--record", str(folder / "record.jsonl")]
    command += ["--port", str(port), "--admin-port", str(admin_port), "--admin-token-file", str(token)]
    served = launch("earthwire", port, command)
    running.callback(stop, served.process)
    declare(admin_port)
    return {"bare stub": stub, "earthwire": served}


def declare(admin_port: int) -> None:
    """Declare the episode; the admin side listens a moment after the proxy does."""
    client = EarthwireClient(f"http://127.0.0.1:{admin_port}", TOKEN)
    for attempt in range(DECLARE_ATTEMPTS):
        try:
            client.episode(id="bench", seed=7, clock="virtual", client_timeout_s=30.0)
        except EarthwireError:
            if attempt == DECLARE_ATTEMPTS - 1:
                raise
            time.sleep(0.05)
        else:
            return


def write_recording(path: Path) -> None:
    with JsonlWriter(path) as writer:
        writer.write(
            TraceRecord(
                tool=TOOL,
                http_request_method="GET",
                url_full="http://registry.access-ci.org/x.json",
                request_key=request_key("GET", "/x.json"),
                duration_ns=10_000_000,
                outcome="ok",
                http_response_status_code=200,
                content_type="application/json",
                response_body=BODY,
                response_body_encoding="utf-8",
            )
        )


class Stub(asyncio.Protocol):
    """Sends fixed bytes for every request: what the loop and the kernel alone cost."""

    HEAD = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(BODY)}\r\n\r\n"
    ANSWER = (HEAD + BODY).encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete; wrk sends whole ones."""
        self.transport.write(self.ANSWER * data.count(b"\r\n\r\n"))


def run_stub(port: int) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", port)
        await server.serve_forever()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())


if __name__ == "__main__":
    main()
