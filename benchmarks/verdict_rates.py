"""How often does the verdict of `earthwire fidelity` err? Its rule on classifier scores, where the answer is known.

Three things stand in for the simulation. Another third of reality: fail is a false alarm. Laws that are right and only
estimated: reality is replaced by calls of a simulation, half of which another one is calibrated on; this is the best
that can be hoped for with so few sessions. Reality itself, made slower: pass is a miss.

    python benchmarks/verdict_rates.py ../shared/data/dev_auth0/records.parquet --reports 10
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from earthwire.grounding.calibrate import fit_laws
from earthwire.grounding.engine import thinned, with_engine
from earthwire.grounding.fidelity import REPEATS_MIN
from earthwire.grounding.gap import yardstick
from earthwire.grounding.gap.auc_excess import AucExcess
from earthwire.grounding.simulated import simulate
from earthwire.traces import read_all
from earthwire.traces.columns.calls import Calls, calls_from_records, split_sessions

CALLS_MAX = 15_000
SLOWER = 1.2


class Split(NamedTuple):
    """What one split compares: calls that levels come from, held-out ones, and what stands in for a simulation."""

    training: Calls
    held_out: Calls
    simulated: Calls


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("traces", type=Path, nargs="+", help="traces, each a source of its own")
    parser.add_argument("--reports", type=int, default=10, help="verdicts for each source and stand-in")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(
        "| source | in place of a simulation | AUC of single calls, above the floor | pass | cannot tell | fail |"
    )
    print("|---|---|---|---|---|---|")
    for path in options.traces:
        calls = calls_from_records(read_all([path])).timed()
        for name, split in STAND_INS.items():
            found = list(verdicts(calls, split, options.reports, options.seed))
            counts = [
                sum(verdict == kind for verdict, _ in found) for kind in ("pass", "cannot tell", "fail")
            ]
            excess = np.mean([of_calls for _, of_calls in found])
            print(
                f"| {path.parent.name} | {name} | {excess:+.3f} | {' | '.join(map(str, counts))} |",
                flush=True,
            )


def verdicts(
    calls: Calls, split: Callable[[Calls, np.random.Generator], Split], reports: int, seed: int
) -> Iterator[tuple[str, float]]:
    """Yield verdict and excess of the AUC of single calls of as many reports, each of five splits."""
    for report in range(reports):
        scores = []
        for i in range(REPEATS_MIN):
            rng = np.random.default_rng((seed, report, i))
            scores.append(scored(split(thinned(calls, CALLS_MAX, rng), rng), i))
        auc, floor, calls_auc, calls_floor = np.array(scores).T
        rules = AucExcess.of("AUC", auc, floor), AucExcess.of("AUC of single calls", calls_auc, calls_floor)
        failed, open_ = (
            any(found) for found in zip(*((r.failures(), r.unresolved()) for r in rules), strict=True)
        )
        yield "fail" if failed else "cannot tell" if open_ else "pass", rules[1].mean


def scored(split: Split, seed: int) -> list[float]:
    """Return AUC and floor with all features, and with those of single calls."""
    base = yardstick.base_levels(split.training)
    real = yardstick.features(split.held_out, base)
    scores = []
    for columns in (range(len(yardstick.FEATURES)), yardstick.CALL_FEATURES):
        for other in (split.simulated, split.training):
            x = yardstick.features(other, base)[:, columns]
            scores.append(
                yardstick.two_sample_auc(real[:, columns], split.held_out.session, x, other.session, seed)
            )
    return scores


def another_third(calls: Calls, rng: np.random.Generator) -> Split:
    sessions = np.unique(calls.session)
    rng.shuffle(sessions)
    return Split(*(calls.of_sessions(part) for part in np.array_split(sessions, 3)))


def right_laws(calls: Calls, rng: np.random.Generator) -> Split:
    world = simulate(with_engine(fit_laws(calls), "compact"), calls, int(rng.integers(1 << 31)))
    training, held_out = split_sessions(world, rng)
    profile = with_engine(fit_laws(training), "compact")
    return Split(training, held_out, simulate(profile, held_out, int(rng.integers(1 << 31))))


def slower(calls: Calls, rng: np.random.Generator) -> Split:
    training, held_out = split_sessions(calls, rng)
    return Split(training, held_out, replace(held_out, latency_s=SLOWER * held_out.latency_s))


STAND_INS = {
    "another third of reality": another_third,
    "right laws, estimated": right_laws,
    "reality, 20 % slower": slower,
}


if __name__ == "__main__":
    main()
