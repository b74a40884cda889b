"""The behaviour gap of one retry policy: what it makes of a simulation, against what it makes of recorded calls.

Two things are compared: how many logical calls fail to the last attempt, and how many attempts a logical call takes.
Each is a ratio with its interval over sessions, those of both worlds. The gap is small for sure (PASS) if
both intervals lie within the tolerance, large for sure (FAIL) if one lies beyond it, and else nobody can tell.
"""

import math
from collections.abc import Callable
from typing import Literal

import msgspec
import numpy as np

from earthwire.fault_models.intervals import Interval
from earthwire.grounding.certainty.clusters import NotStatedError, jackknife_interval
from earthwire.grounding.stress.behaviour import PolicyCounts, exhaustion_ratio, interval_or_none
from earthwire.grounding.stress.rates import CONFIDENCE
from earthwire.traces.columns.calls import FloatArray

GapWord = Literal["PASS", "FAIL", "INCONCLUSIVE", "n/a"]


class Tolerance(msgspec.Struct, frozen=True):
    """How large a gap may be.

    Attributes:
        times: the ratio of both worlds, in either direction, at least 1.
        share: a difference of exhausted shares that is small whatever its ratio is.
    """

    times: float = 1.25
    share: float = 0.0001


class PolicyInWorld(msgspec.Struct, frozen=True):
    """What a policy made of one world.

    Attributes:
        logical_calls: number of them; a mean where a world was simulated several times.
        exhausted: share that failed to the last attempt, with its interval over sessions; None without calls, or where
            there are too few sessions for an interval.
        exhausted_share: the same share, without interval; None without calls.
        attempts_per_call: mean number of attempts; None without calls.
    """

    logical_calls: float
    exhausted: Interval | None
    exhausted_share: float | None
    attempts_per_call: float | None


class PolicyGap(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the panel.

    Attributes:
        policy: its name.
        recorded, simulated: both worlds.
        difference: of exhausted shares, simulated less recorded; None where there is no interval.
        exhausted_times: ratio of exhausted shares, simulated over recorded; None where nothing is known of it.
        attempts_times: ratio of attempts per call; None where they never vary.
        word: of this policy; ``n/a`` where the traces cannot tell it from another one.
        reason: why, in a sentence without its end.
    """

    policy: str
    recorded: PolicyInWorld
    simulated: PolicyInWorld
    difference: Interval | None = None
    exhausted_times: Interval | None = None
    attempts_times: Interval | None = None
    word: GapWord
    reason: str


def policy_gap(
    policy: str, recorded: PolicyCounts, simulated: PolicyCounts, runs: int, tolerance: Tolerance
) -> PolicyGap:
    """Return the gap of one policy.

    Args:
        policy: its name.
        recorded: what it made of recorded sessions.
        simulated: what it made of the same sessions simulated, summed over all runs.
        runs: simulations of each session.
        tolerance: how large the gap may be.
    """
    real, other = in_world(recorded), in_world(simulated, runs)
    if real.exhausted is None or other.exhausted is None:
        reason = f"{_session_count(recorded)} sessions are too few for an interval"
        return PolicyGap(policy=policy, recorded=real, simulated=other, word="INCONCLUSIVE", reason=reason)
    difference = _difference(other.exhausted, real.exhausted)
    exhausted = _exhausted_times(simulated, recorded, other.exhausted, real.exhausted)
    attempts = _stated(lambda: _attempts_ratio(simulated, recorded))
    word, reason = _judged(difference, exhausted, attempts, tolerance)
    return PolicyGap(
        policy=policy,
        recorded=real,
        simulated=other,
        difference=difference,
        exhausted_times=exhausted,
        attempts_times=attempts,
        word=word,
        reason=reason,
    )


def in_world(counts: PolicyCounts, runs: int = 1) -> PolicyInWorld:
    """Return what a policy made of a world, from the counts of so many runs of it."""
    calls = float(counts.calls.sum())
    if not calls:
        return PolicyInWorld(0.0, None, None, None)
    attempts_per_call = float(counts.attempts.sum()) / calls
    return PolicyInWorld(calls / runs, interval_or_none(counts), counts.exhausted_share, attempts_per_call)


def _session_count(counts: PolicyCounts) -> int:
    return int((counts.calls > 0).sum())


def _difference(simulated: Interval, recorded: Interval) -> Interval:
    """Return the interval of a difference from those of its terms (Zou and Donner 2008, equation 5).

    What the sessions have in common would make it narrower; it is left out, to be on the safe side.
    """
    value = simulated.estimate - recorded.estimate
    down = math.hypot(simulated.estimate - simulated.low, recorded.high - recorded.estimate)
    up = math.hypot(simulated.high - simulated.estimate, recorded.estimate - recorded.low)
    return Interval(value, max(value - down, -1.0), min(value + up, 1.0), recorded.cluster_count)


def _exhausted_times(
    simulated: PolicyCounts, recorded: PolicyCounts, simulated_share: Interval, recorded_share: Interval
) -> Interval | None:
    """Return the ratio of exhausted shares; where sessions state none, the one that both shares leave possible."""
    stated = _stated(lambda: exhaustion_ratio(simulated, recorded))
    if stated is not None or recorded_share.estimate == simulated_share.estimate == 0.0:
        return stated
    low = _over(simulated_share.low, recorded_share.high)
    high = _over(simulated_share.high, recorded_share.low)
    if low == 0.0 and high == math.inf:
        return None
    value = _over(simulated_share.estimate, recorded_share.estimate)
    return Interval(value, low, high, recorded_share.cluster_count)


def _over(first: float, second: float) -> float:
    return first / second if second > 0 else math.inf


def _attempts_ratio(simulated: PolicyCounts, recorded: PolicyCounts) -> Interval:
    sums = np.column_stack([simulated.attempts, simulated.calls, recorded.attempts, recorded.calls])

    def ratio(totals: FloatArray) -> FloatArray:
        value: FloatArray = totals[:, 0] / totals[:, 1] / (totals[:, 2] / totals[:, 3])
        return value

    return jackknife_interval(sums[sums.any(axis=1)], ratio, CONFIDENCE, "log")


def _stated(estimate: Callable[[], Interval]) -> Interval | None:
    try:
        return estimate()
    except NotStatedError:
        return None


def _judged(
    difference: Interval, exhausted: Interval | None, attempts: Interval | None, tolerance: Tolerance
) -> tuple[GapWord, str]:
    """Return the word of a policy and why."""
    negligible = -tolerance.share <= difference.low and difference.high <= tolerance.share
    surely_not_negligible = difference.low > tolerance.share or difference.high < -tolerance.share
    if exhausted is not None and surely_not_negligible and _is_beyond(exhausted, tolerance.times):
        return "FAIL", f"retries are exhausted {_shown(exhausted)} times as often as recorded"
    if attempts is not None and _is_beyond(attempts, tolerance.times):
        return "FAIL", f"a call takes {_shown(attempts)} times as many attempts as recorded"
    close = negligible or (exhausted is not None and _is_within(exhausted, tolerance.times))
    if close and (attempts is None or _is_within(attempts, tolerance.times)):
        return (
            "PASS",
            f"within {tolerance.times:g} times" if not negligible else f"within {tolerance.share:g}",
        )
    return (
        "INCONCLUSIVE",
        f"the interval lies on both sides of {tolerance.times:g} times; more sessions would tell",
    )


def _is_within(ratio: Interval, times: float) -> bool:
    return 1 / times <= ratio.low and ratio.high <= times


def _is_beyond(ratio: Interval, times: float) -> bool:
    return ratio.low > times or ratio.high < 1 / times


def _shown(ratio: Interval) -> str:
    return f"{ratio.estimate:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"
