"""How well is P(latency > 2 T) inferred from calls that were cut off at T?

Every endpoint gets an artificial time limit T at the 90th percentile of its recorded ``ok`` calls in one half of the
sessions. The laws are fitted to what is left, and asked for the share of calls beyond twice the limit; the truth is the
share in the other half. Two cases: only this endpoint is cut off (its siblings have other limits), and all of them are.

    python benchmarks/censoring.py ../shared/data/dev_scaleway/records.parquet [--json]
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from earthwire.grounding.counts.tally import tally
from earthwire.grounding.fits.tables import Tables
from earthwire.traces.columns.calls import Calls, FloatArray, calls_from_records, split_sessions
from earthwire.traces.files.formats import read_all
from earthwire.traces.options import ReadOptions

QUANTILE = 0.9
HELD_OUT_MIN = 50
Method = Callable[[Calls], Calls]


def cut(calls: Calls, limit_s: FloatArray) -> Calls:
    """Cut calls off at a limit for each tool code; infinite for none."""
    limits = limit_s[calls.tool]
    over = calls.latency_s > limits
    return replace(calls, latency_s=np.where(over, limits, calls.latency_s), censored=over)


METHODS: dict[str, Method] = {
    "earthwire": lambda calls: calls,
    "dropped": lambda calls: calls.select(~calls.censored),
    "taken for values": lambda calls: replace(calls, censored=np.zeros(len(calls), dtype=bool)),
}


def ok_calls(path: Path) -> Calls:
    calls = calls_from_records(read_all([path], ReadOptions()))

    ok = np.array([name in ("ok", "unknown") for name in calls.kind_names])
    calls = calls.select(ok[calls.kind] & (calls.latency_s > 0))
    return replace(calls, kind_names=("ok",), kind=np.zeros(len(calls), dtype=np.int64))


def study(calls: Calls, endpoint_calls_min: int, seeds: int) -> list[dict[str, object]]:
    errors: dict[tuple[str, str], list[float]] = {}
    inside: dict[str, list[bool]] = {"one": [], "all": []}
    for seed in range(seeds):
        training, held_out = split_sessions(calls, np.random.default_rng(seed))
        count = np.bincount(training.tool, minlength=len(calls.tool_names))
        checked = np.bincount(held_out.tool, minlength=len(calls.tool_names))
        endpoints = np.flatnonzero((count >= endpoint_calls_min) & (checked >= HELD_OUT_MIN))
        limits = np.full(len(count), np.inf)
        for tool in np.flatnonzero(count >= 10):
            limits[tool] = np.quantile(training.latency_s[training.tool == tool], QUANTILE)
        for case in ("one", "all"):
            for tool in endpoints:
                case_limits = (
                    np.where(np.arange(len(limits)) == tool, limits, np.inf) if case == "one" else limits
                )
                seen = cut(training, case_limits)
                double_s = 2 * limits[tool]
                truth = float((held_out.latency_s[held_out.tool == tool] > double_s).mean())
                for name, method in METHODS.items():
                    table = tables_of(method(seen), (name, case, seed)).table(calls.tool_names[tool], "ok")
                    errors.setdefault((case, name), []).append(abs(1 - table.probability(double_s) - truth))
                    if name == "earthwire" and table.extrapolation is not None:
                        low, high = table.extrapolation.band(double_s)
                        inside[case].append(low <= truth <= high)
    return [
        {
            "case": case,
            "method": name,
            "endpoints": len(values),
            "median_error": float(np.median(values)),
            "mean_error": float(np.mean(values)),
            "in_band": float(np.mean(inside[case])) if name == "earthwire" and inside[case] else None,
        }
        for (case, name), values in errors.items()
    ]


_CACHE: dict[tuple[str, str, int], Tables] = {}


def tables_of(calls: Calls, key: tuple[str, str, int]) -> Tables:
    """Fit tables; where all endpoints are cut off at once, they serve all of them."""
    if key[1] == "one":
        return Tables(tally(calls))
    if key not in _CACHE:
        _CACHE[key] = Tables(tally(calls))
    return _CACHE[key]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("traces", type=Path)
    parser.add_argument(
        "--calls-min", type=int, default=200, help="calls that an endpoint needs in the fitted half"
    )
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = study(ok_calls(arguments.traces), arguments.calls_min, arguments.splits)
    if arguments.json:
        print(json.dumps({"traces": str(arguments.traces), "quantile": QUANTILE, "rows": rows}))
        return
    print(
        f"{'siblings cut off':18}{'method':18}{'endpoints':>10}{'median |error|':>16}{'mean':>8}{'in band':>9}"
    )
    for row in rows:
        case = "none" if row["case"] == "one" else "all"
        band = "" if row["in_band"] is None else f"{row['in_band']:.2f}"
        print(
            f"{case:18}{row['method']:18}{row['endpoints']:>10}{row['median_error']:>16.4f}"
            f"{row['mean_error']:>8.4f}{band:>9}"
        )


if __name__ == "__main__":
    main()
