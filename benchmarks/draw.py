"""Time of one draw in process, in microseconds: from a call to its plan, for each of the ready-made profile's tools.

python benchmarks/draw.py
"""

import argparse
import json
import statistics
import time
from importlib.resources import files
from pathlib import Path

from earthwire.config import read_profile
from earthwire.fault_models import Call, Simulation, plan_digest

DEMO_PROFILE = Path(str(files("earthwire.config") / "profiles" / "demo.yaml"))
TOOLS_MAX = 20


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--profile", type=Path, default=DEMO_PROFILE, help="profile to draw from")
    parser.add_argument("--rounds", type=int, default=20, help="measured rounds")
    parser.add_argument("--calls", type=int, default=2_000, help="draws in a round")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    simulation = Simulation(read_profile(arguments.profile), seed=1)
    tools = list(simulation.profile.tools)[:TOOLS_MAX]
    calls = [Call("benchmark", tools[i % len(tools)]) for i in range(arguments.calls)]
    plans = [simulation.draw(call).plan for call in calls]  # Warms up, too.
    results = {
        "draw_us": [microseconds_of(simulation.draw, calls) for _ in range(arguments.rounds)],
        "plan_digest_us": [microseconds_of(plan_digest, plans) for _ in range(arguments.rounds)],
    }
    if arguments.json:
        print(json.dumps({"profile": str(arguments.profile), "tools": len(tools), **results}, indent=2))
        return
    print(
        f"{'µs of CPU':<16}{'median':>8}{'least':>8}{'most':>8}   {len(tools)} tools of {arguments.profile.name}"
    )
    for name, values in results.items():
        print(f"{name:<16}{statistics.median(values):>8.2f}{min(values):>8.2f}{max(values):>8.2f}")


def microseconds_of(function: object, items: list[object]) -> float:
    """Return the CPU microseconds that a function takes for an item, on the average."""
    assert callable(function)
    started_s = time.process_time()
    for item in items:
        function(item)
    return (time.process_time() - started_s) / len(items) * 1e6


if __name__ == "__main__":
    main()
