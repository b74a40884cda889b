"""How often are retries exhausted: by recorded faults, and by as many independent ones?

Benchmarks inject each fault by itself. Recorded faults come in bursts, and whoever tries again meets the same burst.
Each retry policy of the built-in agents is let loose on recorded calls (what an attempt meets: see
earthwire/grounding/stress/behaviour.py), and on as many independent faults: at one rate for all tools, as benchmarks
inject them, and at each tool's own rate.

    python benchmarks/bursts_vs_independent.py ../shared/data/dev_upptime ../shared/data/dev_scaleway

What the policies make of a simulation, `earthwire stress panel TRACES` shows. Policies that differ only in what they do
with Retry-After, or in whether they ask first, are the same here.
"""

import argparse
import json
from pathlib import Path

from earthwire.cli.console import late_status
from earthwire.cli.reading.loading import load_traces
from earthwire.fault_models.runs.retry_policy import POLICIES, RetryPolicy
from earthwire.grounding.certainty.clusters import NotStatedError
from earthwire.grounding.stress import (
    PolicyCounts,
    Rates,
    World,
    exhaustion_ratio,
    interval_or_none,
    replayed,
    replayed_independent,
)
from earthwire.traces.columns.calls import Calls

COMPARED = ("none", "immediate", "back-off")
RATES: tuple[Rates, ...] = ("one rate", "own rates")


def main() -> None:
    """Print one table for each kind of rates."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("traces", type=Path, nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = []
    with late_status() as status:
        for path in arguments.traces:
            calls = load_traces([path], skip_bad_lines=True, status=status).calls
            status(f"replaying {path.name}")
            rows += bursts_rows(path.name, calls, arguments.seed)
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        print_rows(rows)


def bursts_rows(source: str, calls: Calls, seed: int) -> list[dict[str, object]]:
    """Return recorded faults against the same ones in random order, one row a policy."""
    world = World.of(calls)
    return [
        row(
            source,
            f"as recorded / independent, {rates}",
            policy,
            replayed(policy, world),
            replayed_independent(policy, world, rates, seed),
        )
        for rates in RATES
        for policy in compared()
    ]


def compared() -> list[RetryPolicy]:
    return [POLICIES[name] for name in COMPARED]


def row(
    source: str, worlds: str, policy: RetryPolicy, first: PolicyCounts, second: PolicyCounts
) -> dict[str, object]:
    """Return one row of a table."""
    stated: list[float | None] = [None, None, None]
    if second.exhausted.any():
        stated[0] = first.exhausted_share / second.exhausted_share
    try:
        ratio = exhaustion_ratio(first, second)
        stated = [ratio.estimate, ratio.low, ratio.high]
    except NotStatedError:
        pass
    return {
        "source": source,
        "worlds": worlds,
        "policy": policy.name,
        "logical_calls": float(first.calls.sum()),
        "first": share(first),
        "second": share(second),
        "attempts_per_call": [
            float(counts.attempts.sum() / counts.calls.sum()) for counts in (first, second)
        ],
        "ratio": stated,
    }


def share(counts: PolicyCounts) -> list[float | None]:
    """Return the exhausted share with its interval."""
    interval = interval_or_none(counts)
    ends = [None, None] if interval is None else [interval.low, interval.high]
    return [counts.exhausted_share, *ends]


def print_rows(rows: list[dict[str, object]]) -> None:
    """Print one table for each pair of worlds."""
    for worlds in dict.fromkeys(str(row["worlds"]) for row in rows):
        print(f"\nexhausted retries, {worlds} (95 % intervals over sessions)")
        first, second = worlds.split(" / ")
        print(f"{'source':22}{'policy':12}{'calls':>8}{first:>28}{second:>32}{'ratio':>24}")
        for one in rows:
            if one["worlds"] == worlds:
                shares = f"{shown(one['first']):>28}{shown(one['second']):>32}{shown(one['ratio'], 2):>24}"
                print(f"{one['source']:22}{one['policy']:12}{one['logical_calls']:>8.0f}{shares}")


def shown(values: object, digits: int = 4) -> str:
    assert isinstance(values, list)
    value, low, high = values
    if value is None:
        return "unknown"
    ends = "" if low is None else f" [{low:.{digits}f}, {high:.{digits}f}]"
    return f"{value:.{digits}f}{ends}"


if __name__ == "__main__":
    main()
