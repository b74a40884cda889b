"""What an upstream adds to the plans is told beside a verdict: no profile could mend it."""

import pytest

from earthwire.grounding.gap.upstream_own import UpstreamReport, UpstreamTally
from earthwire.traces import TraceRecord


def call(**differences: object) -> TraceRecord:
    """Return a call of .1 s that went as planned, but for the differences."""
    usual = {"plan_last_byte_ns": 10**8, "plan_outcome": "ok", "outcome": "ok", "origin": "upstream"}
    return TraceRecord(tool="t", **{**usual, **differences})


def reported(*calls: TraceRecord) -> UpstreamReport | None:
    tally = UpstreamTally()
    for one in calls:
        tally.add(one)
    return tally.report()


def test_calls_without_a_plan_tell_nothing() -> None:
    assert reported(call(plan_last_byte_ns=None, outcome="http_error")) is None


@pytest.mark.parametrize(
    ("differences", "failed", "late"),
    [
        ({}, 0, 0),
        ({"outcome": "http_error"}, 1, 0),
        ({"outcome": "http_error", "plan_outcome": "http_5xx:503", "origin": "injected"}, 0, 0),
        ({"outcome": "cancelled"}, 0, 0),
        ({"lateness_ns": 9 * 10**6}, 0, 0),
        ({"lateness_ns": 11 * 10**6}, 0, 1),
        ({"lateness_ns": 11 * 10**6, "proxy_lag_ns": 2 * 10**6}, 0, 0),
        ({"lateness_ns": 90 * 10**6, "plan_last_byte_ns": 10**9}, 0, 0),
    ],
)
def test_only_what_no_plan_asked_for_is_the_upstreams_own(
    differences: dict[str, object], failed: int, late: int
) -> None:
    assert reported(call(**differences)) == UpstreamReport(1, failed, late)


def test_less_than_one_call_in_a_hundred_is_not_told() -> None:
    assert str(UpstreamReport(1000, 9, 9)) == ""
    assert str(UpstreamReport(1000, 10, 20)).startswith(
        "the upstream behind the proxy failed by itself with 10 and took longer than was drawn with 20 of 1,000 "
    )
