"""Do faults come back in bursts as they were recorded? Index of dispersion and run lengths, simulated over recorded.

Every series of probes of one tool is one sequence. A profile is fitted on it and simulated for as many calls as were
recorded, in many episodes. The index of dispersion (IDC) is the variance of the number of faults in windows of 100
calls over its mean. That of one recorded series depends on where its windows happen to begin, so it is also given
averaged over all beginnings. Beside earthwire stand independent faults and the chain (previous outcome only).

    python benchmarks/bursts.py ../shared/data/dev_upptime/records.parquet

The laws are scored on the series that they were fitted on: this shows what a law can express, not what comes next.
With --held-out the first half of each series is fitted and the second one compared, which one series can say little on.
"""

import argparse
import json
from pathlib import Path

import msgspec
import numpy as np

from earthwire.cli.console import late_status
from earthwire.cli.reading.loading import load_traces
from earthwire.fault_models.call import Call
from earthwire.fault_models.laws.outcome import OutcomeCounts
from earthwire.fault_models.profile import Profile
from earthwire.fault_models.simulation import Simulation
from earthwire.grounding.calibrate import calibrate
from earthwire.grounding.fits.regimes import run_lengths
from earthwire.grounding.samples.distances import ks
from earthwire.grounding.samples.outcome_mix import BURST_WINDOW_CALLS, burst_dispersion, faults
from earthwire.traces.columns.calls import BoolArray, Calls, FloatArray
from earthwire.traces.labels.outcome_kind import is_fault

MODELS = ("independent", "chain", "earthwire")


def main() -> None:
    """Print one row a series and model."""
    arguments = parse_arguments()
    with late_status() as status:
        calls = load_traces([arguments.traces], skip_bad_lines=True, status=status).calls
    count = np.bincount(calls.tool, minlength=len(calls.tool_names))
    rows = []
    for tool in np.argsort(-count, kind="stable").tolist():
        series = calls.select(calls.tool == tool)
        if len(series) >= arguments.min_calls and faults(series).sum() >= arguments.min_faults:
            rows += score(series, arguments)
    if arguments.json:
        print(json.dumps({"seed": arguments.seed, "repeats": arguments.repeats, "rows": rows}, indent=2))
    else:
        print_rows(rows, arguments)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("traces", type=Path)
    parser.add_argument("--repeats", type=int, default=200, help="simulated episodes a series")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--min-calls", type=int, default=500)
    parser.add_argument("--min-faults", type=int, default=20)
    parser.add_argument("--held-out", action="store_true", help="fit the first half, compare the second")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def score(series: Calls, arguments: argparse.Namespace) -> list[dict[str, object]]:
    """Return the scores of every model on one series."""
    half = len(series) // 2
    fitted, compared = series, series
    if arguments.held_out:
        fitted, compared = series.select(np.arange(half)), series.select(np.arange(half, len(series)))
    real = faults(compared)
    tool = series.tool_names[series.tool[0]]
    rows = []
    for model in MODELS:
        profile = profile_of(fitted, model)
        simulated = [simulate(profile, tool, len(real), arguments.seed, i) for i in range(arguments.repeats)]
        rows.append({"tool": tool, "model": model, "calls": len(real), "faults": int(real.sum())})
        rows[-1] |= compare(real, simulated)
    return rows


def profile_of(series: Calls, model: str) -> Profile:
    """Return a profile of the series with the regime of `model`."""
    profile = calibrate(series, engine="compact")
    if model == "earthwire":
        return profile

    def plain(outcomes: OutcomeCounts) -> OutcomeCounts:
        return OutcomeCounts({"start": outcomes.total}) if model == "independent" else outcomes

    tools = {
        name: msgspec.structs.replace(laws, regime=None, outcomes=plain(laws.outcomes))
        for name, laws in profile.tools.items()
    }
    return msgspec.structs.replace(profile, tools=tools)


def simulate(profile: Profile, tool: str, length: int, seed: int, episode: int) -> BoolArray:
    """Return which calls of one episode fail, shape (length,)."""
    simulation = Simulation(profile, seed)
    call = Call(str(episode), tool)
    return np.array([is_fault(simulation.draw(call).plan.outcome) for _ in range(length)])


def compare(real: BoolArray, simulated: list[BoolArray]) -> dict[str, object]:
    """Return ratios of simulated to recorded figures, and KS distances of run lengths."""
    idc = np.array([burst_dispersion(series) for series in simulated])
    begun_anywhere = np.mean([burst_dispersion(np.roll(real, shift)) for shift in range(BURST_WINDOW_CALLS)])
    real_idc = burst_dispersion(real)
    return {
        "fault_rate_real": float(real.mean()),
        "fault_rate_simulated": float(np.mean([series.mean() for series in simulated])),
        "idc_real": real_idc,
        "idc_ratio": float(idc.mean() / real_idc),
        "idc_ratio_standard_error": float(idc.std(ddof=1) / np.sqrt(len(idc)) / real_idc),
        "idc_ratio_any_begin": float(idc.mean() / begun_anywhere),
        "ks_bad_runs": ks(runs_of([real], bad=True), runs_of(simulated, bad=True)),
        "ks_up_runs": ks(runs_of([real], bad=False), runs_of(simulated, bad=False)),
    }


def runs_of(parts: list[BoolArray], *, bad: bool) -> FloatArray:
    """Return the lengths of all runs of bad calls, or of other ones."""
    lengths = np.concatenate([run_lengths(part)[int(bad) :: 2] for part in parts]).astype(float)
    return lengths[lengths > 0]


def print_rows(rows: list[dict[str, object]], arguments: argparse.Namespace) -> None:
    """Print the table."""
    split = (
        "first half fitted, second compared"
        if arguments.held_out
        else "fitted and compared on the same calls"
    )
    print(f"{arguments.repeats} episodes a series, seed {arguments.seed}; {split}")
    head = ("calls", "faults", "rate", "sim", "IDC", "sim/real ± s.e.", "any begin", "KS bad", "KS up")
    print(f"{'series':28} {'model':12}" + "".join(f"{name:>16}" for name in head))
    for row in rows:
        cells = (
            f"{row['calls']}",
            f"{row['faults']}",
            f"{row['fault_rate_real']:.4f}",
            f"{row['fault_rate_simulated']:.4f}",
            f"{row['idc_real']:.2f}",
            f"{row['idc_ratio']:.2f} ± {row['idc_ratio_standard_error']:.2f}",
            f"{row['idc_ratio_any_begin']:.2f}",
            f"{row['ks_bad_runs']:.3f}",
            f"{row['ks_up_runs']:.3f}",
        )
        print(f"{str(row['tool'])[:28]:28} {row['model']:12}" + "".join(f"{cell:>16}" for cell in cells))


if __name__ == "__main__":
    main()
