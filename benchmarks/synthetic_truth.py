"""Does calibrate recover known truth inside its stated intervals, as often as it states?

Three recordings are drawn for each seed, from laws whose every parameter is known: sessions with a common level, slow
levels and outcome rates of their own; a hidden regime of up and bad in calls, with a rate limit beside it; and outages
of an upstream on the wall clock. Each is calibrated, and each stated interval is held against the truth.

    python benchmarks/synthetic_truth.py [--recordings 200] [--results FILE] [--json]

The last columns are the share of recordings whose interval covers the truth, with the Wilson interval of that share
at 95 %: the stated confidence should lie inside, or below where an interval is exact by construction. ``n/a`` counts
the recordings in which no interval was stated.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import special, stats

from earthwire.cli.console import late_status
from earthwire.fault_models.intervals import CONFIDENCE, Intervals, ScopeIntervals
from earthwire.fault_models.laws.rate_limit import REFUSED
from earthwire.fault_models.laws.regime import age_bin
from earthwire.grounding.calibrate import calibrate
from earthwire.grounding.samples.outcome_mix import wilson
from earthwire.traces.columns.calls import Calls, FloatArray, IntArray, assemble, encode

FAILED = "http_5xx:503"
NOT_FOUND = "http_4xx:404"

# Sessions: z = b + √(1 - B) (√t c + √a l + √(1 - t - a) ε), pushed through quantile functions.
SESSION_SHARE, TOOL_SHARE, LEVEL_SHARE, LEVEL_MEMORY = 0.3, 0.15, 0.35, 0.7
SESSIONS, SESSION_CALLS = 120, 60
TOOLS = ("GET api.example.com/a", "GET api.example.com/b", "POST api.example.com/c")
TOOL_USE = (0.5, 0.3, 0.2)
TOOL_LOG_S = (-2.0, -1.0, 0.0)
FAILED_LOG_S = -3.5
NOT_FOUND_RATE = 0.03
FAILED_BETA = (1.5, 20.0)
FIRST_BYTE_CORRELATION = -0.4

# Regime: hazards of leaving, by age bin in calls: outages are either short or long.
UP_HAZARDS = (0.10, 0.06, 0.04, 0.03, 0.02, 0.02, 0.02, 0.02)
BAD_HAZARDS = (0.50, 0.30, 0.15, 0.08, 0.06, 0.06, 0.06, 0.06)
AGES = ("1", "2 to 3", "4 to 7", "8 to 15", "16 to 31", "32 to 63", "64 to 127", "128 or more")
REGIME_TOOL, HISTORY_TOOL = "POST jobs.example.com/run", "GET series.example.com/probe"
REGIME_SESSIONS, REGIME_CALLS, HISTORY_CALLS = 60, 250, 20_000

# Rate limit: a window opens with the first call after the last one was over.
LIMITED_TOOL = "GET limited.example.com/search"
QUOTA, WINDOW_S, CALL_GAP_S, LIMITED_SESSIONS, LIMITED_CALLS = 30, 60.0, 0.5, 6, 1_000
SHORT_BY_ONE = 0.1

# Outages: ticks of 10 s in which both tools of an upstream fail together.
UPSTREAM = "pay.example.com"
TICK_S, TICKS, TICK_CALLS = 10.0, 4_000, 9.0
UP_TICKS, BAD_TICKS = 40.0, 12.0
UP_FAULTS, BAD_FAULTS = 0.02, 0.92


@dataclass(frozen=True)
class Parameter:
    """One parameter with known truth.

    Attributes:
        recording: name of the recording that shows it.
        scope: ``overall``, or the name of a tool or upstream.
        name: as the profile states it.
        truth: its value.
    """

    recording: str
    scope: str
    name: str
    truth: float


def main() -> None:
    """Print the table."""
    arguments = parse_arguments()
    with late_status() as status:
        rows = gather(arguments.recordings, arguments.seed, arguments.results, status)
    table = [summary(parameter, rows) for parameter in parameters()]
    if arguments.json:
        print(json.dumps({"seed": arguments.seed, "recordings": len(rows), "rows": table}, indent=2))
    else:
        print_table(table, len(rows), arguments.seed)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recordings", type=int, default=200, help="seeds, counted from --seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--results", type=Path, help="JSON lines, one a seed; seeds that are there are not run again"
    )
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def gather(
    count: int, first_seed: int, results: Path | None, status: Callable[[str], None]
) -> list[dict[str, list[float] | None]]:
    """Return for each seed the interval [estimate, low, high] of each parameter by key, None where not stated."""
    known: dict[int, dict[str, list[float] | None]] = {}
    if results is not None and results.exists():
        known = {row["seed"]: row["found"] for row in map(json.loads, results.read_text().splitlines())}
    for i, seed in enumerate(range(first_seed, first_seed + count)):
        if seed in known:
            continue
        status(f"recording {i + 1} of {count}")
        known[seed] = recover(seed)
        if results is not None:
            with results.open("a") as file:
                file.write(json.dumps({"seed": seed, "found": known[seed]}) + "\n")
    return [known[seed] for seed in range(first_seed, first_seed + count)]


def recover(
    seed: int, recordings: tuple[str, ...] = ("sessions", "bursts", "outages")
) -> dict[str, list[float] | None]:
    """Draw the recordings of one seed, calibrate them, and return what was stated of each parameter."""
    found: dict[str, list[float] | None] = {}
    for name in recordings:
        profile = calibrate(RECORDINGS[name](np.random.default_rng((seed, len(name)))), engine="compact")
        assert profile.intervals is not None
        for parameter in parameters():
            if parameter.recording == name:
                interval = scope_of(profile.intervals, parameter.scope).stated.get(parameter.name)
                found[key(parameter)] = (
                    None if interval is None else [interval.estimate, interval.low, interval.high]
                )
    return found


def scope_of(intervals: Intervals, scope: str) -> ScopeIntervals:
    """Return what is stated of all calls, one tool or one upstream."""
    if scope == "overall":
        return intervals.overall
    return intervals.tools.get(scope) or intervals.upstreams.get(scope) or ScopeIntervals()


def key(parameter: Parameter) -> str:
    """Return a name that is unique among all parameters."""
    return f"{parameter.recording}: {parameter.scope}: {parameter.name}"


def summary(parameter: Parameter, rows: list[dict[str, list[float] | None]]) -> dict[str, object]:
    """Return one row of the table."""
    stated = [found for row in rows if (found := row[key(parameter)]) is not None]
    covered = [low <= parameter.truth <= high for _, low, high in stated]
    band = wilson(float(np.mean(covered)), len(covered)) if covered else (0.0, 1.0)
    return {
        "scope": parameter.scope,
        "parameter": parameter.name,
        "truth": parameter.truth,
        "mean_estimate": float(np.mean([estimate for estimate, _, _ in stated])) if stated else None,
        "mean_half_width": float(np.mean([high - low for _, low, high in stated])) / 2 if stated else None,
        "stated": len(stated),
        "coverage": float(np.mean(covered)) if covered else None,
        "coverage_low": band[0],
        "coverage_high": band[1],
    }


def print_table(table: list[dict[str, object]], count: int, seed: int) -> None:
    """Print the rows for people."""
    print(f"{count} recordings, seeds {seed} to {seed + count - 1}; stated confidence {CONFIDENCE:.0%}")
    print(
        f"{'scope':32}{'parameter':38}{'truth':>10}{'estimate':>10}{'± half':>9}{'n/a':>5}  coverage [95 % band]"
    )
    for row in table:
        head = f"{row['scope']!s:32}{row['parameter']!s:38}{row['truth']:>10.4g}"
        if row["coverage"] is None:
            print(f"{head}{'n/a':>10}{'':>9}{count:>5}  n/a")
            continue
        band = f"{row['coverage']:.3f} [{row['coverage_low']:.3f}, {row['coverage_high']:.3f}]"
        missing = count - int(str(row["stated"]))
        print(f"{head}{row['mean_estimate']:>10.4g}{row['mean_half_width']:>9.2g}{missing:>5}  {band}")


def parameters() -> list[Parameter]:
    """Return every parameter with its truth."""
    return [*_of_sessions(), *_of_bursts(), *_of_outages()]


def _of_sessions() -> list[Parameter]:
    a, b = FAILED_BETA
    failed, failed_square = a / (a + b), a * (a + 1) / ((a + b) * (a + b + 1))
    kept = 1 - NOT_FOUND_RATE
    fault = NOT_FOUND_RATE + kept * failed
    fault_square = NOT_FOUND_RATE**2 + 2 * NOT_FOUND_RATE * kept * failed + kept**2 * failed_square
    found = [
        Parameter("sessions", "overall", "session_share", SESSION_SHARE),
        Parameter("sessions", "overall", "tool_share", TOOL_SHARE),
        Parameter("sessions", "overall", "level_share", LEVEL_SHARE),
        Parameter("sessions", "overall", "level_memory", LEVEL_MEMORY),
    ]
    for scope in ("overall", *TOOLS):
        found += [
            Parameter("sessions", scope, "fault_rate", fault),
            Parameter("sessions", scope, f"rate of {FAILED}", kept * failed),
            Parameter("sessions", scope, f"rate of {NOT_FOUND}", NOT_FOUND_RATE),
        ]
    for tool, name in enumerate(TOOLS):
        found += [
            Parameter("sessions", name, "fault_rate after a fault", fault_square / fault),
            Parameter("sessions", name, "fault_rate after no fault", (fault - fault_square) / (1 - fault)),
            Parameter("sessions", name, f"latency_s of {FAILED} at p50", float(np.exp(FAILED_LOG_S))),
        ]
        for level in (0.5, 0.9, 0.99):
            truth = float(np.exp(_log_s(special.ndtri(level), TOOL_LOG_S[tool])))
            found.append(Parameter("sessions", name, f"latency_s of ok at p{100 * level:g}", truth))
        found += [
            Parameter("sessions", name, "first_byte_share at p50", 0.6),
            Parameter("sessions", name, "first_byte_share at p90", 0.84),
            Parameter("sessions", name, "first_byte_correlation", FIRST_BYTE_CORRELATION),
        ]
    return found


def _of_bursts() -> list[Parameter]:
    up, bad = _mean_dwell(UP_HAZARDS), _mean_dwell(BAD_HAZARDS)
    found = []
    for tool in (REGIME_TOOL, HISTORY_TOOL):
        found += [
            Parameter("bursts", tool, "fault_rate", bad / (up + bad)),
            Parameter("bursts", tool, "fault_rate after a fault", 1 - 1 / bad),
            Parameter("bursts", tool, "fault_rate after no fault", 1 / up),
            Parameter("bursts", tool, "up_run_calls", up),
            Parameter("bursts", tool, "bad_run_calls", bad),
        ]
    for state, hazards in (("up", UP_HAZARDS), ("bad", BAD_HAZARDS)):
        for ages, hazard in zip(AGES, hazards, strict=True):
            found.append(Parameter("bursts", REGIME_TOOL, f"p_leave {state} at age {ages}", hazard))
    median_calls = 1 + float(stats.poisson.ppf(0.5, WINDOW_S / CALL_GAP_S))
    return [
        *found,
        Parameter("bursts", LIMITED_TOOL, "quota_calls", QUOTA),
        Parameter("bursts", LIMITED_TOOL, "window_s", WINDOW_S),
        Parameter("bursts", LIMITED_TOOL, "window_calls", median_calls),
    ]


def _of_outages() -> list[Parameter]:
    return [
        Parameter("outages", UPSTREAM, "up_run_ticks", UP_TICKS),
        Parameter("outages", UPSTREAM, "bad_run_ticks", BAD_TICKS),
        Parameter("outages", UPSTREAM, "fault_rate while up", UP_FAULTS),
        Parameter("outages", UPSTREAM, "fault_rate while bad", BAD_FAULTS),
    ]


def _mean_dwell(hazards: tuple[float, ...]) -> float:
    """Return the mean of a dwell time with these hazards by age bin, term by term."""
    mean, reached = 0.0, 1.0
    for age in range(1, 5_000):
        mean += reached
        reached *= 1 - hazards[age_bin(age)]
    return mean


def _log_s(z: FloatArray, centre: float) -> FloatArray:
    """Return log seconds at normal score z: a law with tails heavier than log-normal ones."""
    log_s: FloatArray = centre + 0.5 * np.sinh(0.7 * z) / 0.7
    return log_s


def draw_sessions(rng: np.random.Generator) -> Calls:
    """Draw the recording of sessions with latencies."""
    session = np.repeat(np.arange(SESSIONS), rng.poisson(SESSION_CALLS, SESSIONS))
    tool = rng.choice(len(TOOLS), size=len(session), p=TOOL_USE)
    z = _session_scores(session, tool, rng)
    missing = rng.random(len(session)) < NOT_FOUND_RATE
    failed = ~missing & (rng.random(len(session)) < rng.beta(*FAILED_BETA, SESSIONS)[session])
    centre = np.where(failed | missing, FAILED_LOG_S, np.array(TOOL_LOG_S)[tool])
    latency_s = np.exp(_log_s(z, centre))
    noise = rng.standard_normal(len(z))
    score = FIRST_BYTE_CORRELATION * z + np.sqrt(1 - FIRST_BYTE_CORRELATION**2) * noise
    first_s = np.where(failed | missing, np.nan, latency_s * (0.3 + 0.6 * special.ndtr(score)))
    kind = np.where(missing, 1, np.where(failed, 2, 0))
    return recording([TOOLS[t] for t in tool], session, kind, latency_s, first_s)


def _session_scores(session: IntArray, tool: IntArray, rng: np.random.Generator) -> FloatArray:
    """Return the normal scores of calls that share a session level, a tool level and a slow level."""
    level = rng.normal(0, np.sqrt(SESSION_SHARE), SESSIONS)
    own = rng.standard_normal((SESSIONS, len(TOOLS)))
    slow = rng.standard_normal((SESSIONS, len(TOOLS)))
    z = np.empty(len(session))
    for i, (s, t) in enumerate(zip(session.tolist(), tool.tolist(), strict=True)):
        inside = np.sqrt(TOOL_SHARE) * own[s, t] + np.sqrt(LEVEL_SHARE) * slow[s, t]
        inside += np.sqrt(1 - TOOL_SHARE - LEVEL_SHARE) * rng.standard_normal()
        z[i] = level[s] + np.sqrt(1 - SESSION_SHARE) * inside
        slow[s, t] = LEVEL_MEMORY * slow[s, t] + np.sqrt(1 - LEVEL_MEMORY**2) * rng.standard_normal()
    return z


def draw_bursts(rng: np.random.Generator) -> Calls:
    """Draw the recording of regimes in calls, short sessions and one long one, and of a rate limit."""
    tools: list[str] = []
    session: list[int] = []
    kind: list[int] = []
    start_s: list[float] = []

    def add(tool: str, kinds: list[int], starts_s: list[float]) -> None:
        tools.extend([tool] * len(kinds))
        session.extend([session[-1] + 1 if session else 0] * len(kinds))
        kind.extend(kinds)
        start_s.extend(starts_s)

    for _ in range(REGIME_SESSIONS):
        add(REGIME_TOOL, _regime_path(REGIME_CALLS, rng), [np.nan] * REGIME_CALLS)
    add(HISTORY_TOOL, _regime_path(HISTORY_CALLS, rng), [np.nan] * HISTORY_CALLS)
    for _ in range(LIMITED_SESSIONS):
        add(LIMITED_TOOL, *_limited_path(rng))
    nothing = np.full(len(tools), np.nan)
    return recording(tools, np.array(session), np.array(kind), nothing, nothing, np.array(start_s))


def _regime_path(length: int, rng: np.random.Generator) -> list[int]:
    """Return kinds of calls in a regime that was running for long before the first of them."""
    path: list[int] = []
    bad, age, before = False, 1, 2_000
    for u in rng.random(length + before).tolist():
        path.append(2 if bad else 0)
        leaves = u < (BAD_HAZARDS if bad else UP_HAZARDS)[age_bin(age)]
        bad, age = (not bad, 1) if leaves else (bad, age + 1)
    return path[before:]


def _limited_path(rng: np.random.Generator) -> tuple[list[int], list[float]]:
    """Return kinds and start times of one client under a quota; now and then somebody else takes one of its calls."""
    now_s, opened_s, left = 0.0, -np.inf, 0
    kinds, starts_s = [], []
    for gap_s in rng.exponential(CALL_GAP_S, LIMITED_CALLS).tolist():
        now_s += gap_s
        if now_s >= opened_s + WINDOW_S:
            opened_s, left = now_s, QUOTA - int(rng.random() < SHORT_BY_ONE)
        kinds.append(0 if left > 0 else 3)
        starts_s.append(now_s)
        left -= 1
    return kinds, starts_s


def draw_outages(rng: np.random.Generator) -> Calls:
    """Draw the recording of an upstream whose tools fail together."""
    bad: list[bool] = []
    while len(bad) < TICKS:
        bad += [False] * int(rng.geometric(1 / UP_TICKS)) + [True] * (1 + int(rng.poisson(BAD_TICKS - 1)))
    tick = np.repeat(np.arange(TICKS), rng.poisson(TICK_CALLS, TICKS))
    failed = rng.random(len(tick)) < np.where(np.array(bad)[tick], BAD_FAULTS, UP_FAULTS)
    start_s = np.sort(TICK_S * (tick + rng.random(len(tick))))
    tools = [
        f"GET {UPSTREAM}/{name}" for name in np.array(["charge", "refund"])[rng.integers(2, size=len(tick))]
    ]
    nothing = np.full(len(tick), np.nan)
    return recording(tools, np.arange(len(tick)) // 50, np.where(failed, 2, 0), nothing, nothing, start_s)


RECORDINGS: dict[str, Callable[[np.random.Generator], Calls]] = {
    "sessions": draw_sessions,
    "bursts": draw_bursts,
    "outages": draw_outages,
}


def recording(
    tools: list[str],
    session: IntArray,
    kind: IntArray,
    latency_s: FloatArray,
    first_s: FloatArray,
    start_s: FloatArray | None = None,
) -> Calls:
    """Return columns as a reader of traces would."""
    n = len(tools)
    names = np.array(["ok", NOT_FOUND, FAILED, REFUSED])
    return assemble(
        tool=encode(tools),
        session=encode([f"s{code:06d}" for code in session]),
        kind=encode(names[kind].tolist()),
        seq=np.arange(n, dtype=float),
        start_ns=np.full(n, np.nan) if start_s is None else start_s * 1e9,
        duration_ns=latency_s * 1e9,
        ttfb_ns=first_s * 1e9,
        censored=np.zeros(n, dtype=bool),
        limit_ns=np.full(n, np.nan),
    )


if __name__ == "__main__":
    main()
