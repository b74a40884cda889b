"""Servers of our own that are started as processes to be measured.

python benchmarks/subject.py earthwire PORT UPSTREAM [--with-profile] [--latency SECONDS] [--record FILE]
python benchmarks/subject.py stub PORT
"""

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path

from contenders import BODY

NO_LATENCY_S = 1e-9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    subjects = parser.add_subparsers(dest="subject", required=True)
    earthwire = subjects.add_parser("earthwire")
    earthwire.add_argument("port", type=int)
    earthwire.add_argument("upstream")
    earthwire.add_argument("--with-profile", action="store_true")
    earthwire.add_argument("--latency", type=float, default=NO_LATENCY_S)
    earthwire.add_argument("--record", type=Path)
    subjects.add_parser("stub").add_argument("port", type=int)
    arguments = parser.parse_args()
    if arguments.subject == "stub":
        serve_stub(arguments.port)
    else:
        serve_earthwire(arguments)


def serve_earthwire(arguments: argparse.Namespace) -> None:
    from earthwire.proxy import PassThrough, Planner, ServeConfig, run

    planner: Planner = CalibratedPlanner(arguments.latency) if arguments.with_profile else PassThrough()
    upstreams = {"tool": arguments.upstream}
    config = ServeConfig(upstreams=upstreams, port=arguments.port, record_path=arguments.record)
    run(config, planner)


class CalibratedPlanner:
    """Draws from a profile with one latency; the usual one is too short to wait for: all work of a draw, no delay."""

    seed = 1
    profile_hash = "benchmark"

    def __init__(self, latency_s: float) -> None:
        from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
        from earthwire.fault_models.laws.outcome import START, OutcomeCounts
        from earthwire.fault_models.profile import Profile, ToolLaws
        from earthwire.fault_models.simulation import Simulation
        from earthwire.proxy.calls.pass_through import PassThrough

        kinds = {"ok": 1000, "unknown": 1}
        outcomes = OutcomeCounts({START: kinds, "ok": kinds, "unknown": kinds})
        quantiles_s = tuple(latency_s * (1 + 1e-3 * number) for number in range(len(LEVELS)))
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


if __name__ == "__main__":
    main()
