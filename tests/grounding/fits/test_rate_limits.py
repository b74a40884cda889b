import heapq
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from earthwire.fault_models.call import Call
from earthwire.fault_models.laws.rate_limit import REFUSED
from earthwire.fault_models.simulation import Simulation
from earthwire.grounding.calibrate import calibrate
from earthwire.grounding.fits.rate_limits import Sequence, _Runs, find_limit, rate_limits, window_s
from earthwire.grounding.fits.regimes import run_lengths
from earthwire.traces.columns.calls import BoolArray
from tests.grounding.synthetic import calls_of

LLMPERF = Path(__file__).parents[3].parent / "shared" / "data" / "dev_llmperf" / "records.parquet"


def sequence(refused: BoolArray, start_s: np.ndarray | None = None) -> Sequence:
    return Sequence(refused, np.full(len(refused), np.nan) if start_s is None else start_s)


def clients(
    rng: np.random.Generator, length: int, quota: int, window: float, count: int, pause_s: float = 1.0
) -> tuple[BoolArray, np.ndarray]:
    """Calls of concurrent clients against a window of `window` seconds, in the order in which they end.

    Returns:
        Whether each was refused, and when each began.
    """
    clock = [(float(rng.random()), i) for i in range(count)]
    heapq.heapify(clock)
    opened_s, passed = -np.inf, 0
    calls = []
    while len(calls) < length:
        now_s, client = heapq.heappop(clock)
        if now_s >= opened_s + window:
            opened_s, passed = now_s, 0
        refused = passed >= quota
        passed += not refused
        end_s = now_s + rng.gamma(4, 0.01 if refused else 0.1)
        calls.append((end_s, now_s, refused))
        heapq.heappush(clock, (end_s + rng.exponential(pause_s), client))
    calls.sort()
    return np.array([call[2] for call in calls]), np.array([call[1] for call in calls])


def markov(rng: np.random.Generator, length: int, enter: float, leave: float) -> BoolArray:
    bad, u = np.zeros(length, dtype=bool), rng.random(length)
    for i in range(1, length):
        bad[i] = u[i] >= leave if bad[i - 1] else u[i] < enter
    return bad


@pytest.mark.parametrize("quota", [5, 10, 20, 60])
@pytest.mark.parametrize("count", [1, 5, 20])
def test_a_quota_is_found_among_concurrent_clients(quota: int, count: int) -> None:
    # Passing takes a client 0.6 s, being refused 0.24 s: time for the quota and about 100 refusals.
    window = (0.6 * quota + 0.24 * 100) / count
    for seed in range(10):
        refused, _ = clients(np.random.default_rng(seed), 3_000, quota, window, count, pause_s=0.2)
        found = find_limit([sequence(refused)])
        assert found is not None
        assert found.quota == quota


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.87])
@pytest.mark.parametrize("length", [300, 3_000])
def test_random_refusals_are_no_limit(share: float, length: int) -> None:
    """The evidence asked for allows 1 false alarm in 1,000; 2 in 200 would be 4 standard errors off."""
    rng = np.random.default_rng(1)
    found = [find_limit([sequence(rng.random(length) < share)]) for _ in range(200)]
    assert sum(limit is not None for limit in found) <= 1


@pytest.mark.parametrize(
    ("enter", "leave"), [(0.05, 0.1), (0.1, 0.02), (0.02, 0.3), (0.1, 0.1), (0.3, 0.05), (0.5, 0.1)]
)
def test_bursts_of_refusals_are_no_limit(enter: float, leave: float) -> None:
    """As above, for Markov bursts, in one sequence and in five short ones together."""
    rng = np.random.default_rng(2)
    one = [find_limit([sequence(markov(rng, 600, enter, leave))]) for _ in range(100)]
    five = [find_limit([sequence(markov(rng, 150, enter, leave)) for _ in range(5)]) for _ in range(100)]
    assert sum(limit is not None for limit in one + five) <= 1


def test_a_trickle_is_no_window():
    """A token bucket lets one call in ten pass once it is empty: there is no quota a window to be found."""
    refused = np.concatenate((np.zeros(20, dtype=bool), np.tile([True] * 9 + [False], 60)))
    assert find_limit([sequence(refused)]) is None


def test_few_refusals_or_few_windows_are_not_enough():
    window = np.array([False] * 10 + [True] * 20)
    assert find_limit([sequence(np.tile(window, 2))]) is None
    assert find_limit([sequence(np.array([False] * 10 + [True] * 3) == 1)] * 3) is None
    assert find_limit([sequence(np.tile(window, 6))]) is not None


@pytest.mark.parametrize(("quota", "window"), [(10, 20.0), (20, 60.0), (60, 60.0), (10, 37.0)])
def test_the_window_in_seconds_is_found_from_start_times(quota: int, window: float) -> None:
    for seed in range(10):
        refused, start_s = clients(np.random.default_rng(seed), 3_000, quota, window, 5)
        order = np.argsort(start_s)
        found = find_limit([sequence(refused[order], start_s[order])])
        assert found is not None
        assert window_s(found.cycles) == pytest.approx(window, rel=0.1)


def test_order_alone_does_not_tell_seconds():
    found = find_limit([sequence(np.tile([False] * 10 + [True] * 20, 6))])
    assert found is not None
    assert window_s(found.cycles) is None


def limited(tools: list[str], sessions: int) -> dict[str, object]:
    """Limits found where every session of each tool sees two windows of 10 of 25 calls."""
    names, where, kinds = [], [], []
    for tool in tools:
        for session in range(sessions):
            names += [tool] * 50
            where += [f"{tool} {session}"] * 50
            kinds += ([*["ok"] * 10, *[REFUSED] * 15]) * 2
    calls = calls_of(names, where, kinds, np.ones(len(names)))
    return {calls.tool_names[tool]: limit for tool, limit in rate_limits(calls).items()}


def test_one_tool_with_enough_windows_stands_for_itself():
    limit = limited(["GET a.example/x"], 4)["GET a.example/x"]
    assert (limit.quota, limit.window_calls, limit.window_s) == (10, 25, None)
    assert (limit.refusals, limit.cycles, limit.support) == (120, 8, "tool")


def test_tools_of_one_upstream_are_pooled_and_others_are_not():
    assert limited(["GET a.example/x"], 1) == {}
    pooled = limited(["GET a.example/x", "POST a.example/y", "GET b.example/z"], 1)
    assert set(pooled) == {"GET a.example/x", "POST a.example/y"}
    assert {limit.support for limit in pooled.values()} == {"server"}
    assert {limit.quota for limit in pooled.values()} == {10}


def test_a_window_never_seen_to_end_has_no_length():
    calls = calls_of(
        ["a"] * 240, [f"s{i // 30}" for i in range(240)], (["ok"] * 10 + [REFUSED] * 20) * 8, np.ones(240)
    )
    limit = rate_limits(calls)[0]
    assert (limit.quota, limit.window_calls) == (10, None)


def runs(refused: list[bool]) -> list[tuple[bool, int]]:
    return [(value, len(list(part))) for value, part in groupby(refused)]


@pytest.mark.skipif(not LLMPERF.exists(), reason="the recorded endpoints are not here")
def test_the_limits_of_recorded_endpoints_are_found_and_reproduced():
    """Recorded: 10 of 150 calls pass, 116 to 122 are refused, 10 pass, the rest is refused; 429s have no latency."""
    from earthwire.cli.reading.loading import load_traces

    calls = load_traces([LLMPERF], True, lambda _: None).calls
    profile = calibrate(calls, engine="compact")
    found = {name: laws.rate_limit for name, laws in profile.tools.items() if laws.rate_limit is not None}
    assert set(found) == {f"chat lepton/llama-2-{size}b" for size in (7, 13, 70)}
    assert {limit.quota for limit in found.values()} == {10}
    refused_code = calls.kind_names.index(REFUSED)
    for name in found:
        simulation = Simulation(profile, 3)
        plans = [simulation.draw(Call("e", name)).plan.outcome for _ in range(150)]
        simulated = [kind == REFUSED for kind in plans]
        recorded = (calls.kind[calls.tool == calls.tool_names.index(name)] == refused_code).tolist()
        assert sum(simulated) == sum(recorded) == 130
        assert runs(simulated)[:2] == runs(recorded)[:2]
        assert runs(simulated)[2] == (False, 10)


@pytest.mark.parametrize("seed", range(5))
def test_runs_of_all_sequences_are_those_of_each(seed: int):
    rng = np.random.default_rng(seed)
    parts = [rng.random(rng.integers(1, 9)) < 0.5 for _ in range(30)]
    found = _Runs.of([sequence(part) for part in parts])
    passed, refused, before = [], [], []
    for part in parts:
        runs, passed_so_far = run_lengths(part).tolist(), sum(passed)
        passed += runs[::2]
        refused += runs[1::2] + [0] * (len(runs) % 2)
        before += [passed_so_far] * len(runs[::2])
    assert found.passed.tolist() == passed
    assert found.refused.tolist() == refused
    assert found.before.tolist() == before
