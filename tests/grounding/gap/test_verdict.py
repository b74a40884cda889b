"""What a report ends with follows from the reasons that are given, the gravest first."""

import pytest

from earthwire.grounding.gap.verdict import Verdict, rate_failures, tail_failures, verdict
from earthwire.grounding.samples.outcome_mix import Rate


@pytest.mark.parametrize(
    ("shortage", "failures", "unresolved", "invalid", "expected"),
    [
        ([], [], [], [], "pass"),
        ([], [], ["unclear"], [], "insufficient data"),
        ([], ["differs"], ["unclear"], [], "fail"),
        (["too few"], ["differs"], ["unclear"], [], "insufficient data"),
        (["too few"], ["differs"], ["unclear"], ["overloaded"], "INVALID"),
        ([], [], [], ["overloaded"], "INVALID"),
    ],
)
def test_the_gravest_reason_decides(
    shortage: list[str], failures: list[str], unresolved: list[str], invalid: list[str], expected: Verdict
) -> None:
    assert verdict(shortage, failures, unresolved, invalid) == expected


@pytest.mark.parametrize("ratio", [None, 0.8, 1.0, 1.25])
def test_a_tail_passes_that_is_unknown_or_within_a_fifth_less_and_a_quarter_more(ratio: float | None) -> None:
    assert tail_failures(ratio) == []


@pytest.mark.parametrize("ratio", [0.79, 1.26])
def test_a_tail_out_of_range_fails_with_its_ratio(ratio: float) -> None:
    assert tail_failures(ratio) == [f"p99 is {ratio} times the recorded one, outside [0.8, 1.25]"]


def test_a_fault_rate_beyond_chance_fails_and_names_both_sides() -> None:
    real, alike, other = (Rate(rate, rate - 0.02, rate + 0.02, 500, 400.0) for rate in (0.1, 0.11, 0.2))
    assert rate_failures(real, alike) == []
    assert rate_failures(real, other) == [
        "fault rate 0.2000 against 0.1000 recorded: beyond chance at an effective 400 calls"
    ]
