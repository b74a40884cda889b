import pytest

from earthwire.fault_models.runs.retry_policy import POLICIES, RetryPolicy


def waits(policy: RetryPolicy, retry_after_s: float | None = None) -> list[float]:
    found: list[float] = []
    while (wait_s := policy.wait_before_next_s(len(found) + 1, retry_after_s)) is not None:
        found.append(wait_s)
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none", []),
        ("immediate", [0.0, 0.0, 0.0]),
        ("back-off", [0.5, 1.0, 2.0]),
        ("retry-after", [0.5, 1.0, 2.0]),
        ("verify", [0.5, 1.0, 2.0]),
    ],
)
def test_policies_wait_as_they_say(name: str, expected: list[float]) -> None:
    assert waits(POLICIES[name]) == expected


def test_only_who_honours_retry_after_waits_for_it() -> None:
    assert waits(POLICIES["back-off"], 30.0) == [0.5, 1.0, 2.0]
    assert waits(POLICIES["retry-after"], 30.0) == [30.0] * 3
    assert waits(POLICIES["verify"], 1.5) == [1.5, 1.5, 2.0]


def test_no_wait_is_longer_than_the_bound() -> None:
    assert waits(POLICIES["retry-after"], 3600.0) == [60.0] * 3


def test_policies_have_the_names_that_they_are_found_by() -> None:
    assert all(policy.name == name for name, policy in POLICIES.items())
    assert [policy.name for policy in POLICIES.values() if policy.verifies] == ["verify"]
