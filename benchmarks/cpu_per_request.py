"""CPU time of one proxied 1 KiB keep-alive request, in microseconds, beside nginx and haproxy.

Every contender proxies to the same upstream (a small nginx, or a Python stub where nginx is absent). Rounds are
interleaved (A B C A B C …), so that a busy machine hurts all alike; what counts is the ratio within one run. CPU is
user plus system time of the contender's processes only, from /proc.

    python benchmarks/cpu_per_request.py --with-profile
"""

import argparse
import contextlib
import json
import math
import statistics
import tempfile
import time
from pathlib import Path

from closed_load import CONNECTION_COUNT, load, write_script
from contenders import install_missing, start_all
from process import Contender, cpu_s


def main() -> None:
    arguments = parse_arguments()
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
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PROGRAM",
        help="measure earthwire in this interpreter as well; it must have what earthwire depends on; repeatable",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args()


def measure_all(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Start the upstream and all contenders, measure them in turn, stop them."""
    rounds: dict[str, list[float]] = {}
    rates: dict[str, list[float]] = {}
    script = write_script(folder) if arguments.vary else None
    with contextlib.ExitStack() as running:
        contenders = start_all(folder, arguments.with_profile, running, arguments.python)
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
    """Load a contender; return (CPU microseconds per request, requests per second): (inf, 0) if it answers nothing."""
    before_s = cpu_s(contender.process.pid)
    started_s = time.monotonic()
    count = load(contender.port, duration_s, connection_count, script)
    elapsed_s = time.monotonic() - started_s
    if count == 0:
        return math.inf, 0.0
    return (cpu_s(contender.process.pid) - before_s) / count * 1e6, count / elapsed_s


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
