import math
import random

import pytest

from earthwire.proxy.recording.histogram import (
    DURATION_BOUNDS_S,
    FINE_BOUNDS_S,
    LATENESS_BOUNDS_S,
    Histogram,
    quantile_s,
)


def filled(values_s: list[float]) -> Histogram:
    histogram = Histogram()
    for value_s in values_s:
        histogram.add(value_s)
    return histogram


def test_a_value_falls_into_the_bucket_that_its_bound_closes() -> None:
    histogram = filled([0.01, 0.0101, 0.0125, 1e9, 0.0])
    first = FINE_BOUNDS_S.index(0.01)
    assert histogram.counts[first : first + 2] == [1, 2]
    assert (histogram.counts[0], histogram.counts[-1]) == (1, 1)
    assert histogram.total == 0.01 + 0.0101 + 0.0125 + 1e9


def test_many_values_count_as_each_of_them_does() -> None:
    draw = random.Random(3)
    values_s = [10 ** draw.uniform(-5, 3) for _ in range(100)]
    histogram = filled(values_s[:10])
    histogram.add_all(values_s[10:])
    assert (histogram.counts, histogram.total) == (filled(values_s).counts, filled(values_s).total)


@pytest.mark.parametrize("bounds_s", [DURATION_BOUNDS_S, LATENESS_BOUNDS_S])
def test_coarser_bounds_count_what_they_would_have_counted_themselves(bounds_s) -> None:
    draw = random.Random(1)
    values_s = [10 ** draw.uniform(-5, 3) for _ in range(2_000)] + list(bounds_s)
    assert filled(values_s).at_most(bounds_s) == [
        sum(value <= bound for value in values_s) for bound in bounds_s
    ]


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_quantiles_are_at_most_an_eighth_off(level) -> None:
    """Neighbouring bounds are at most 28 % apart, and 20,000 even values put the quantile inside their bucket."""
    draw = random.Random(2)
    values_s = sorted(draw.uniform(0.001, 2.0) for _ in range(20_000))
    estimate_s = quantile_s(filled(values_s).counts, level)
    assert estimate_s is not None
    assert abs(math.log(estimate_s / values_s[int(level * len(values_s))])) < math.log(1.125)


def test_without_values_there_is_no_quantile() -> None:
    assert quantile_s(Histogram().counts, 0.5) is None


def test_what_lies_beyond_the_last_bound_counts_as_that_bound() -> None:
    assert quantile_s(filled([1e9]).counts, 0.99) == FINE_BOUNDS_S[-1]


def test_merging_adds_up() -> None:
    one, other, both = filled([0.1, 3.0]), filled([0.1]), filled([0.1, 3.0, 0.1])
    one.merge(other)
    assert one.counts == both.counts
    assert one.total == pytest.approx(both.total)
