"""What retry policies make of a series of calls: recorded ones, simulated ones, or recorded faults torn apart.

1. The calls of a tool in a session are a series. A policy makes one logical call after the other along it.
2. The next attempt meets the next call of the series that began no sooner than the policy waits for. Where calls have
   no start times it meets the next call: a policy that waits is then judged as one that does not.
3. A fault is what trying again may mend: a caller's own mistake, such as a 404, counts as an answer.
4. A logical call that the end of the series cuts short does not count.

Nobody retried like this when the calls were recorded: the tool might have behaved otherwise under more load. And calls
were recorded seconds or hours apart, so that faults right after one another are rarer here than for a client that tries
again at once.
"""

from typing import Literal

import msgspec
import numpy as np

from earthwire.fault_models.intervals import Interval
from earthwire.fault_models.retry_policy import RetryPolicy
from earthwire.grounding.clusters import NotStatedError, jackknife_interval, share_of_clusters
from earthwire.grounding.stress.rates import CONFIDENCE
from earthwire.traces.calls import BoolArray, Calls, FloatArray, IntArray
from earthwire.traces.outcome_kind import is_client_error, is_fault

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


def retryable_faults(calls: Calls) -> BoolArray:
    """Return which calls failed so that trying again may help, shape (n_calls,)."""
    kinds = np.array([is_fault(kind) and not is_client_error(kind) for kind in calls.kind_names], dtype=bool)
    return kinds[calls.kind]


Rates = Literal["one rate", "own rates"]
"""Of independent faults: one for all tools, as benchmarks inject them, or that of each tool."""


def independent_faults(calls: Calls, failed: BoolArray, rates: Rates, rng: np.random.Generator) -> BoolArray:
    """Return the same faults in random order: equal rates, and no bursts."""
    if rates == "one rate":
        return rng.permutation(failed)
    shuffled = np.empty_like(failed)
    for rows in _groups(calls.tool):
        shuffled[rows] = rng.permutation(failed[rows])
    return shuffled


def replayed(policy: RetryPolicy, calls: Calls, failed: BoolArray) -> PolicyCounts:
    """Let a policy loose on a series of calls.

    Args:
        policy: when to try again.
        calls: sorted by session, and by order inside it.
        failed: which of them fail, shape (n_calls,).
    """
    sums = np.zeros((len(calls.session_names), 3))
    series = calls.session.astype(np.int64) * len(calls.tool_names) + calls.tool
    for rows in _groups(series):
        sums[calls.session[rows[0]]] += _along(policy, failed[rows].tolist(), calls.start_s[rows].tolist())
    return PolicyCounts(sums[:, 0], sums[:, 1], sums[:, 2])


def replayed_independent(
    policy: RetryPolicy, calls: Calls, failed: BoolArray, rates: Rates, seed: int
) -> PolicyCounts:
    """Return what a policy makes of independent faults, on average over many random orders."""
    rng = np.random.default_rng(seed)
    runs = [
        replayed(policy, calls, independent_faults(calls, failed, rates, rng)) for _ in range(_PERMUTATIONS)
    ]
    return PolicyCounts(
        *(np.mean([getattr(run, name) for run in runs], axis=0) for name in PolicyCounts.__struct_fields__)
    )


def exhaustion_ratio(first: PolicyCounts, second: PolicyCounts) -> Interval:
    """Return how many times as often the policy is exhausted in the first world, over the sessions of both.

    Raises:
        NotStatedError: if there are too few sessions, or none of one world is ever exhausted.
    """
    sums = np.column_stack([first.exhausted, first.calls, second.exhausted, second.calls])

    def ratio(totals: FloatArray) -> FloatArray:
        value: FloatArray = totals[:, 0] / totals[:, 1] / (totals[:, 2] / totals[:, 3])
        return value

    return jackknife_interval(sums[sums[:, 1] > 0], ratio, CONFIDENCE, "log")


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


def _along(policy: RetryPolicy, failed: list[bool], start_s: list[float]) -> tuple[int, int, int]:
    """Return logical calls, exhausted ones and attempts of a policy along one series."""
    calls = exhausted = attempts = place = 0
    while place < len(failed):
        tried = 1
        while failed[place]:
            wait_s = policy.wait_before_next_s(tried, None)
            if wait_s is None:
                exhausted += 1
                break
            place = _next_place(place, wait_s, start_s)
            tried += 1
            if place == len(failed):
                return calls, exhausted, attempts
        calls += 1
        attempts += tried
        place += 1
    return calls, exhausted, attempts


def _next_place(place: int, wait_s: float, start_s: list[float]) -> int:
    """Return where the next attempt is: the first later call that began late enough; unknown times are late enough."""
    due_s = start_s[place] + wait_s
    following = place + 1
    while following < len(start_s) and start_s[following] < due_s:
        following += 1
    return following
