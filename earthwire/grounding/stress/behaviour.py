"""What retry policies make of a series of calls: recorded ones, simulated ones, or recorded faults torn apart.

1. The calls of a tool in a session are a series. A policy makes one logical call after the other along it.
2. The next attempt meets the next call of the series that began no sooner than the policy waits for. Where calls have
   no start times it meets the next call: a policy that waits is then judged as one that does not.
3. A fault is what trying again may mend: a caller's own mistake, such as a 404, counts as an answer.
4. A logical call that the end of the series cuts short does not count.
5. A policy that verifies asks first, which is one more attempt: if it gets an answer, and an attempt before has done
   its work, it is content. Whether work was done, outcomes tell as in `earthwire.traces.clients.attempts`.

Nobody retried like this when the calls were recorded: the tool might have behaved otherwise under more load. And calls
were recorded seconds or hours apart, so that faults right after one another are rarer here than for a client that tries
again at once.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from earthwire.fault_models.intervals import Interval
from earthwire.fault_models.runs.retry_policy import RetryPolicy
from earthwire.grounding.certainty.clusters import NotStatedError, jackknife_interval, share_of_clusters
from earthwire.grounding.stress.rates import CONFIDENCE
from earthwire.grounding.stress.worlds import World
from earthwire.traces.columns.calls import Calls, FloatArray, IntArray

_PERMUTATIONS = 20


class PolicyCounts(msgspec.Struct, frozen=True):
    """What a policy made of a series of calls, session by session.

    Attributes:
        calls: logical calls, shape (n_sessions,).
        exhausted: those that failed to the last attempt, shape (n_sessions,).
        attempts: of all logical calls, shape (n_sessions,).
    """

    calls: FloatArray
    exhausted: FloatArray
    attempts: FloatArray

    @property
    def exhausted_share(self) -> float:
        """Share of the logical calls that failed to the last attempt; NaN without any."""
        return float(self.exhausted.sum() / self.calls.sum()) if self.calls.any() else float("nan")

    def interval(self) -> Interval:
        """Return the interval of that share, sessions being what is independent.

        Raises:
            NotStatedError: if there are too few sessions.
        """
        return share_of_clusters(self.exhausted, self.calls, CONFIDENCE)


Rates = Literal["one rate", "own rates"]
"""Of independent faults: one for all tools, as benchmarks inject them, or that of each tool."""


def independent_faults(world: World, rates: Rates, rng: np.random.Generator) -> World:
    """Return the same calls with the same faults in random order: equal rates, and no bursts."""
    order = np.arange(len(world.calls))
    for rows in [order] if rates == "one rate" else _groups(world.calls.tool):
        order[rows] = rng.permutation(rows)
    return msgspec.structs.replace(
        world,
        calls=replace(world.calls, kind=world.calls.kind[order]),
        failed=world.failed[order],
        asked_wait_s=world.asked_wait_s[order],
    )


def replayed(policy: RetryPolicy, world: World) -> PolicyCounts:
    """Let a policy loose on a series of calls."""
    calls = world.calls
    sums = np.zeros((len(calls.session_names), 3))
    series = calls.session.astype(np.int64) * len(calls.tool_names) + calls.tool
    columns = (world.failed, world.done, world.asked_wait_s, calls.start_s)
    for rows in _groups(series):
        one = _Series(*(column[rows].tolist() for column in columns))
        sums[calls.session[rows[0]]] += _along(policy, one)
    return PolicyCounts(sums[:, 0], sums[:, 1], sums[:, 2])


def replayed_independent(policy: RetryPolicy, world: World, rates: Rates, seed: int) -> PolicyCounts:
    """Return what a policy makes of independent faults, on average over many random orders."""
    rng = np.random.default_rng(seed)
    runs = [replayed(policy, independent_faults(world, rates, rng)) for _ in range(_PERMUTATIONS)]
    return scaled(summed(runs), 1 / _PERMUTATIONS)


def summed(runs: Sequence[PolicyCounts]) -> PolicyCounts:
    """Return the counts of several runs together."""
    return PolicyCounts(
        *(np.sum([getattr(run, name) for run in runs], axis=0) for name in PolicyCounts.__struct_fields__)
    )


def scaled(counts: PolicyCounts, factor: float) -> PolicyCounts:
    """Return counts times a number."""
    return PolicyCounts(*(factor * getattr(counts, name) for name in PolicyCounts.__struct_fields__))


def apart(first: PolicyCounts, second: PolicyCounts) -> tuple[PolicyCounts, PolicyCounts]:
    """Return counts of two worlds that have no session in common, under sessions of both."""
    lengths = len(first.calls), len(second.calls)
    padded = (
        PolicyCounts(*(np.pad(getattr(counts, name), width) for name in PolicyCounts.__struct_fields__))
        for counts, width in zip((first, second), ((0, lengths[1]), (lengths[0], 0)), strict=True)
    )
    one, other = padded
    return one, other


def exhaustion_ratio(first: PolicyCounts, second: PolicyCounts) -> Interval:
    """Return how many times as often the policy is exhausted in the first world, over the sessions of both.

    Raises:
        NotStatedError: if there are too few sessions, or none of one world is ever exhausted.
    """
    sums = np.column_stack([first.exhausted, first.calls, second.exhausted, second.calls])

    def ratio(totals: FloatArray) -> FloatArray:
        value: FloatArray = totals[:, 0] / totals[:, 1] / (totals[:, 2] / totals[:, 3])
        return value

    return jackknife_interval(sums[sums.any(axis=1)], ratio, CONFIDENCE, "log")


def split_sessions(calls: Calls, seed: int) -> tuple[Calls, Calls]:
    """Return two halves of the sessions, drawn at random."""
    names = np.random.default_rng(seed).permutation(len(calls.session_names))
    in_first = np.zeros(len(names), dtype=bool)
    in_first[names[: len(names) // 2]] = True
    return calls.select(in_first[calls.session]), calls.select(~in_first[calls.session])


def interval_or_none(counts: PolicyCounts) -> Interval | None:
    """Return the interval of the exhausted share; None where there are too few sessions for an honest one."""
    try:
        return counts.interval()
    except NotStatedError:
        return None


def _groups(codes: IntArray) -> list[IntArray]:
    """Return the rows of each code, in order."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1) if len(order) else []


class _Series(NamedTuple):
    """The calls of one tool in one session: what each came to, and when it began."""

    failed: list[bool]
    done: list[bool]
    asked_wait_s: list[float]
    start_s: list[float]


class _LogicalCall(NamedTuple):
    """One logical call along a series: whether it failed to the end, its attempts, and where the next one begins."""

    exhausted: bool
    attempts: int
    next_place: int


def _along(policy: RetryPolicy, series: _Series) -> tuple[int, int, int]:
    """Return logical calls, exhausted ones and attempts of a policy along one series."""
    calls = exhausted = attempts = place = 0
    while place < len(series.failed):
        one = _logical_call(policy, series, place)
        if one is None:
            break
        calls += 1
        exhausted += one.exhausted
        attempts += one.attempts
        place = one.next_place
    return calls, exhausted, attempts


def _logical_call(policy: RetryPolicy, series: _Series, place: int) -> _LogicalCall | None:
    """Return the logical call that begins at a place; None if the end of the series cuts it short."""
    tried = sent = 1
    was_done = False
    while series.failed[place]:
        was_done = was_done or series.done[place]
        asked_s = series.asked_wait_s[place]
        wait_s = policy.wait_before_next_s(tried, None if math.isnan(asked_s) else asked_s)
        if wait_s is None:
            return _LogicalCall(True, sent, place + 1)
        place = _next_place(place, wait_s, series.start_s)
        if policy.verifies and place < len(series.failed):
            sent += 1
            if was_done and not series.failed[place]:
                return _LogicalCall(False, sent, place + 1)
            place += 1
        if place == len(series.failed):
            return None
        tried += 1
        sent += 1
    return _LogicalCall(False, sent, place + 1)


def _next_place(place: int, wait_s: float, start_s: list[float]) -> int:
    """Return where the next attempt is: the first later call that began late enough; unknown times are late enough."""
    due_s = start_s[place] + wait_s
    following = place + 1
    while following < len(start_s) and start_s[following] < due_s:
        following += 1
    return following
