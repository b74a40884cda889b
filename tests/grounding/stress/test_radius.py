import math

import pytest

from earthwire.grounding.samples.outcome_mix import wilson
from earthwire.grounding.stress import Estimate, RadiusSearch, next_multiple, radius

SEARCH = RadiusSearch(target=0.8, most=8.0, step=0.25)


def rate_at(multiple: float, middle: float, seeds: int = 50) -> Estimate:
    """Success that falls from 1 to 0 around `middle`, as it would be seen without noise."""
    value = round(seeds / (1 + math.exp(2 * (multiple - middle)))) / seeds
    return Estimate(value, *wilson(value, seeds), seeds)


def searched(middle: float) -> tuple[dict[float, Estimate], int]:
    known: dict[float, Estimate] = {}
    while (multiple := next_multiple(SEARCH, known)) is not None:
        assert multiple not in known
        known[multiple] = rate_at(multiple, middle)
    return known, len(known)


@pytest.mark.parametrize("middle", [0.9, 1.3, 2.0, 4.4, 7.0])
def test_bisection_finds_what_trying_everything_finds(middle: float) -> None:
    known, tried = searched(middle)
    everything = {index * 0.25: rate_at(index * 0.25, middle) for index in range(33)}
    assert radius(SEARCH, known) == radius(SEARCH, everything)
    assert tried < 16


def test_the_interval_holds_the_radius() -> None:
    found = radius(SEARCH, searched(4.0)[0])
    assert found.holds_to is not None
    assert found.falls_by == found.holds_to + 0.25
    assert found.low <= found.holds_to
    assert found.high is not None
    assert found.high >= found.falls_by


def test_an_agent_that_never_falls_has_no_end() -> None:
    found = radius(SEARCH, searched(100.0)[0])
    assert (found.holds_to, found.falls_by, found.low, found.high) == (8.0, None, 8.0, None)


def test_an_agent_that_fails_when_clean_has_no_radius() -> None:
    known, tried = searched(-10.0)
    found = radius(SEARCH, known)
    assert (found.holds_to, found.falls_by, found.high) == (None, 0.0, 0.0)
    assert tried == 2
