"""A smaller version of ``benchmarks/synthetic_truth.py``: known truth lies inside the stated intervals."""

from functools import cache

import numpy as np
import pytest

from benchmarks.synthetic_truth import key, parameters, recover, scope_of, summary
from earthwire.fault_models.intervals import CONFIDENCE, Interval, Intervals, ScopeIntervals

RECORDINGS = 10
SPREAD = 0.057
"""Standard deviation of the share of parameters that one recording covers, over 200 of them."""
NEVER_STATED = {
    "sessions: GET api.example.com/b: latency_s of ok at p99",
    "sessions: POST api.example.com/c: latency_s of ok at p99",
    "bursts: POST jobs.example.com/run: p_leave bad at age 64 to 127",
    "bursts: POST jobs.example.com/run: p_leave bad at age 128 or more",
}
"""Fewer than 30 calls lie beyond these quantiles, and hardly an outage lasts that long."""


@cache
def recovered() -> list[dict[str, list[float] | None]]:
    """The stated intervals of recordings that the benchmark does not use."""
    return [recover(seed) for seed in range(5_000, 5_000 + RECORDINGS)]


def coverage(factor: float) -> np.ndarray:
    """Share of the stated intervals that hold the truth times a factor, by recording."""
    shares = []
    for found in recovered():
        stated = [(p.truth * factor, found[key(p)]) for p in parameters() if found[key(p)] is not None]
        shares.append(np.mean([low <= truth <= high for truth, (_, low, high) in stated]))
    return np.array(shares)


def test_known_truth_lies_inside_the_intervals_as_often_as_stated():
    """Over all parameters at once: 0.90, with a standard error of 0.018 for ten recordings; three of them."""
    assert coverage(1.0).mean() == pytest.approx(CONFIDENCE, abs=3 * SPREAD / np.sqrt(RECORDINGS))


def test_a_truth_that_is_wrong_by_half_is_not_covered():
    """Negative control: 0.075 over the benchmark's recordings, 0.026 from one to the next; three standard errors."""
    assert coverage(1.5).mean() < 0.10


def test_every_parameter_is_stated_but_those_with_too_few_calls():
    missing = {name for name in recovered()[0] if all(found[name] is None for found in recovered())}
    assert missing == NEVER_STATED
    assert set(recovered()[0]) == {key(parameter) for parameter in parameters()}


def test_estimates_scatter_about_the_truth():
    """The mean of ten estimates is off by less than 1.5 half-widths of one interval; a biased one is not."""
    for parameter in parameters():
        row = summary(parameter, recovered())
        if row["stated"] == RECORDINGS and row["mean_half_width"]:
            assert abs(row["mean_estimate"] - parameter.truth) < 1.5 * row["mean_half_width"], key(parameter)


def test_the_summary_counts_what_was_not_stated():
    parameter = parameters()[0]
    row = summary(parameter, [{key(parameter): None}, {key(parameter): [0.3, 0.2, 0.4]}])
    assert (row["stated"], row["coverage"]) == (1, 1.0)


def test_scopes_are_found_by_name():
    stated = ScopeIntervals({"x": Interval(1.0, 0.0, 2.0, 9)})
    intervals = Intervals(0.9, 1, ScopeIntervals(), {"tool": stated})
    assert scope_of(intervals, "tool") is stated
    assert scope_of(intervals, "overall") == scope_of(intervals, "elsewhere") == ScopeIntervals()
