"""Shaping adds up to what the theorem says, and leaves the order of policies as it is."""

from itertools import pairwise

import pytest

from earthwire.fault_models.reward.shaping import Potential, ShapedSteps

POTENTIAL = Potential(0.9, {"search": 1.0, "book*": 3.0, "book_now": 5.0})


def run(potential: Potential, *calls: tuple[str, bool]) -> list[float]:
    steps = ShapedSteps(potential)
    return [steps.step(tool, succeeded) for tool, succeeded in calls]


def test_each_step_is_the_equation() -> None:
    shaped = run(POTENTIAL, ("search", True), ("search", True), ("book_now", False), ("book_now", True))
    phi = [0.0, 1.0, 1.0, 1.0, 6.0]
    assert shaped == pytest.approx([0.9 * after - before for before, after in pairwise(phi)])


def test_without_discount_the_sum_is_the_potential_that_was_gained() -> None:
    undiscounted = Potential(1.0, POTENTIAL.tools)
    calls = [("search", False), ("search", True), ("other", True), ("book_x", True), ("search", True)]
    assert sum(run(undiscounted, *calls)) == pytest.approx(4.0)


def test_two_ways_to_the_same_state_are_shaped_alike() -> None:
    """Policy invariance: Σ γ^t F_t telescopes to γ^T Φ(s_T) - Φ(s_0), whatever the way."""
    first = run(POTENTIAL, ("search", True), ("book_x", True), ("other", True))
    second = run(POTENTIAL, ("other", True), ("book_x", True), ("search", True))
    totals = [sum(0.9**t * shaped for t, shaped in enumerate(way)) for way in (first, second)]
    assert totals == pytest.approx([0.9**3 * 4.0] * 2)


def test_the_longest_pattern_counts() -> None:
    assert [POTENTIAL.of_tool(tool) for tool in ("book_now", "book_x", "sleep")] == [5.0, 3.0, 0.0]
