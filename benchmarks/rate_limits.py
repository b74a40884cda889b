"""Are rate limits found in recorded calls, and do passes and refusals come back in runs as recorded?

For every tool that refuses calls with a 429, one row of the limit that was found, the recorded runs (calls that pass,
calls that are refused, and so on) and those of simulated episodes of the same length; then refused shares and the
median length of the first two runs.

    python benchmarks/rate_limits.py ../shared/data/dev_llmperf/records.parquet
"""

import argparse
from pathlib import Path

import numpy as np

from earthwire.fault_models.call import Call
from earthwire.fault_models.laws.rate_limit import REFUSED
from earthwire.fault_models.profile import Profile
from earthwire.fault_models.simulation import Simulation
from earthwire.grounding.calibrate import calibrate
from earthwire.grounding.fits.regimes import run_lengths
from earthwire.traces.columns.calls import BoolArray, Calls, calls_from_records
from earthwire.traces.files.formats import read_all

SHOWN_RUNS = 8


def main() -> None:
    """Print what was found and what it is simulated as, tool by tool."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("traces", type=Path)
    parser.add_argument("--episodes", type=int, default=50, help="simulated episodes a tool")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    calls = calls_from_records(read_all([arguments.traces]))
    profile = calibrate(calls, engine="compact", has_intervals=False)
    print("| tool | limit found | | runs | refused | first pass, first refusal |\n|---|---|---|---|---|---|")
    for code, tool in enumerate(calls.tool_names):
        recorded = refused(calls.select(calls.tool == code))
        if recorded.any():
            drawn = [
                simulated(profile, tool, len(recorded), arguments.seed, i) for i in range(arguments.episodes)
            ]
            print_rows(profile, tool, recorded, drawn)


def refused(calls: Calls) -> BoolArray:
    """Return which calls were refused, shape (n_calls,)."""
    return np.array([calls.kind_names[kind] == REFUSED for kind in calls.kind.tolist()], dtype=bool)


def simulated(profile: Profile, tool: str, length: int, seed: int, episode: int) -> BoolArray:
    """Return which calls of one episode are refused, shape (length,)."""
    simulation = Simulation(profile, seed)
    call = Call(str(episode), tool)
    return np.array([simulation.draw(call).plan.outcome == REFUSED for _ in range(length)])


def print_rows(profile: Profile, tool: str, recorded: BoolArray, drawn: list[BoolArray]) -> None:
    """Print one row recorded and one simulated."""
    limit = profile.tools[tool].rate_limit
    found = "none" if limit is None else f"{limit.quota} in {limit.window_calls} calls"
    for name, parts in (("recorded", [recorded]), ("simulated", drawn)):
        runs = [run_lengths(part).tolist() for part in parts]
        shown = " ".join(map(str, runs[0][:SHOWN_RUNS])) + (" …" if len(runs[0]) > SHOWN_RUNS else "")
        first = [f"{np.median([one[i] for one in runs if len(one) > i] or [0]):.0f}" for i in (0, 1)]
        share = np.mean([part.mean() for part in parts])
        print(f"| {tool} | {found} | {name} | {shown} | {share:.3f} | {', '.join(first)} |")


if __name__ == "__main__":
    main()
