"""Compares how often calls fail, at the sample size that clustered faults really give."""

import msgspec
import numpy as np
from scipy import special

from earthwire.grounding.samples.distances import ks
from earthwire.traces.columns.calls import BoolArray, Calls, FloatArray, IntArray
from earthwire.traces.labels.outcome_kind import is_fault

BURST_WINDOW_CALLS = 100
"""Window in which faults are counted for the index of dispersion."""
BURST_WINDOWS_MIN = 5
"""Windows that a sequence needs to count for it."""


class Rate(msgspec.Struct, frozen=True):
    """A rate with the interval that its effective sample size supports.

    Attributes:
        rate: share of calls.
        low, high: Wilson interval at `effective_count`, at the level that was asked for.
        count: calls.
        effective_count: ``n / IDC``, with IDC the variance of session totals over that of independent faults.
    """

    rate: float
    low: float
    high: float
    count: int
    effective_count: float


def faults(calls: Calls) -> BoolArray:
    """Return whether each call is a fault, shape (n_calls,)."""
    of_kind = np.array([is_fault(name) for name in calls.kind_names], dtype=bool)
    return of_kind[calls.kind] if len(calls) else np.zeros(0, dtype=bool)


def fault_rate(calls: Calls, confidence: float = 0.95) -> Rate:
    """Return the fault rate of all calls."""
    return clustered_rate(faults(calls), calls.session, confidence)


def clustered_rate(hit: BoolArray, group: IntArray, confidence: float = 0.95) -> Rate:
    """Return the rate of `hit` where hits of one group come together (sessions).

    Wilson's interval (Wilson 1927, equation 3) is taken at the effective count: at the plain one it would cover the
    truth far too rarely.
    """
    n = len(hit)
    if n == 0:
        return Rate(float("nan"), 0.0, 1.0, 0, 0.0)
    rate = float(hit.mean())
    effective = n / dispersion(hit.astype(float), group)
    low, high = wilson(rate, effective, confidence)
    return Rate(rate, low, high, n, effective)


def with_fitting_error(simulated: Rate, training: Rate, confidence: float = 0.95) -> Rate:
    """Return a simulated rate with the uncertainty of the calls that it was fitted to added to its own.

    Variances add, hence ``1/n = 1/n_simulated + 1/n_training`` in effective counts.
    """
    effective = 1.0 / (1.0 / simulated.effective_count + 1.0 / training.effective_count)
    low, high = wilson(simulated.rate, effective, confidence)
    return Rate(simulated.rate, low, high, simulated.count, effective)


def dispersion(hit: FloatArray, group: IntArray) -> float:
    """Return the variance of group totals over that of independent hits, at least 1."""
    rate = hit.mean()
    if rate in (0.0, 1.0):
        return 1.0
    _, position = np.unique(group, return_inverse=True)
    excess = np.bincount(position, weights=hit - rate)
    return float(max((excess**2).sum() / (len(hit) * rate * (1 - rate)), 1.0))


def wilson(rate: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of a rate seen in `n` (effective) trials."""
    z = float(special.ndtri(0.5 + confidence / 2))
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def rates_agree(a: Rate, b: Rate) -> bool:
    """Tell whether two rates may be the same: whether their difference is within Newcombe's interval.

    Newcombe, "Interval estimation for the difference between independent proportions" (1998), method 10.
    """
    difference = a.rate - b.rate
    lower = difference - np.hypot(a.rate - a.low, b.high - b.rate)
    upper = difference + np.hypot(a.high - a.rate, b.rate - b.low)
    return bool(lower <= 0 <= upper)


def kind_shares(calls: Calls) -> dict[str, float]:
    """Return the share of each outcome kind, most frequent first."""
    counts = np.bincount(calls.kind, minlength=len(calls.kind_names)) / max(len(calls), 1)
    order = np.argsort(-counts, kind="stable")
    return {calls.kind_names[i]: float(counts[i]) for i in order if counts[i] > 0}


def mean_run_length(calls: Calls) -> float | None:
    """Return the mean number of faults in a row of one tool in one session; None where there is no fault."""
    lengths = run_lengths(calls)
    return float(lengths.mean()) if len(lengths) else None


def run_lengths(calls: Calls) -> IntArray:
    """Return the number of faults in a row of one tool in one session, for each run, shape (n_runs,)."""
    order = np.lexsort((np.arange(len(calls)), calls.tool, calls.session))
    bad = faults(calls)[order]
    tool, session = calls.tool[order], calls.session[order]
    begins = bad.copy()
    begins[1:] &= ~(bad[:-1] & (tool[1:] == tool[:-1]) & (session[1:] == session[:-1]))
    return np.bincount(np.cumsum(begins)[bad])[1:] if bad.any() else np.zeros(0, dtype=np.int64)


def session_totals(calls: Calls) -> FloatArray:
    """Return the total latency of each session in seconds, shape (n_sessions,); all latencies are to be known."""
    return _by_session(calls, calls.latency_s)


def burst_dispersion(bad: BoolArray) -> float:
    """Return the index of dispersion of one sequence: 1 for independent rare faults, more for bursts, 0 for no fault.

    It is the variance of the number of faults in windows of `BURST_WINDOW_CALLS` calls over its mean.

    Raises:
        ValueError: if there are fewer than two windows.
    """
    total = _window_totals(bad)
    if len(total) < 2:
        raise ValueError(f"{len(bad)} calls: two windows of {BURST_WINDOW_CALLS} are needed")
    return float(total.var(ddof=1) / total.mean()) if total.any() else 0.0


def mean_burst_dispersion(calls: Calls) -> float | None:
    """Return the index of dispersion over the sequences of one tool in one session that are long enough.

    Variances and means are added up before the ratio is taken. None where there is no long sequence or no fault.
    """
    variance = mean = 0.0
    for rows in _sequences(calls):
        total = _window_totals(rows)
        if len(total) >= BURST_WINDOWS_MIN:
            variance, mean = variance + float(total.var(ddof=1)), mean + float(total.mean())
    return variance / mean if mean > 0 else None


def session_errors_ks(a: Calls, b: Calls) -> float:
    """Return the Kolmogorov-Smirnov distance of the number of faults a session; sides may have other sessions."""
    return ks(_by_session(a, faults(a).astype(float)), _by_session(b, faults(b).astype(float)))


def session_totals_ks(a: Calls, b: Calls) -> float:
    """Return the Kolmogorov-Smirnov distance of a session's total latency; all latencies are to be known."""
    return ks(session_totals(a), session_totals(b))


def _window_totals(bad: BoolArray) -> FloatArray:
    count = len(bad) // BURST_WINDOW_CALLS
    windows = bad[: count * BURST_WINDOW_CALLS].reshape(count, BURST_WINDOW_CALLS)
    return np.asarray(windows.sum(axis=1), dtype=np.float64)


def _sequences(calls: Calls) -> list[BoolArray]:
    """Return which calls fail, for each tool in each session, in order."""
    order = np.lexsort((np.arange(len(calls)), calls.tool, calls.session))
    tool, session = calls.tool[order], calls.session[order]
    ends = np.flatnonzero((tool[1:] != tool[:-1]) | (session[1:] != session[:-1])) + 1
    return np.split(faults(calls)[order], ends)


def _by_session(calls: Calls, values: FloatArray) -> FloatArray:
    _, position = np.unique(calls.session, return_inverse=True)
    return np.asarray(np.bincount(position, weights=values), dtype=np.float64)
