import itertools

import pytest

from earthwire.pages.scale import linear_scale, log_scale, logit_scale, percent_tick, ratio_scale, spaced
from earthwire.traces.quantity_text import milliseconds


def test_the_ends_of_a_scale_are_the_ends_of_the_axis() -> None:
    for scale in (
        linear_scale(0.0, 4.0, 10, 110, str),
        log_scale([0.5, 8.0], 10, 110, milliseconds),
        ratio_scale([0.5, 1.5], 10, 110),
        logit_scale(10, 110),
    ):
        assert (scale.place(scale.low), scale.place(scale.high)) == (10, 110)


def test_equal_factors_are_equal_distances_on_a_logarithmic_axis() -> None:
    scale = log_scale([0.001, 1.0], 0, 300, milliseconds)
    assert [scale.place(value) for value in (0.01, 0.1)] == [100, 200]


def test_the_middle_of_a_logit_axis_is_one_half() -> None:
    scale = logit_scale(0, 100)
    assert scale.place(0.5) == 50
    assert scale.place(0.9) - 50 == pytest.approx(50 - scale.place(0.1))


def test_values_beyond_an_end_lie_on_it() -> None:
    scale = linear_scale(0.0, 1.0, 0, 100, str)
    assert (scale.place(-5.0), scale.place(7.0)) == (0, 100)


@pytest.mark.parametrize(("low", "high"), [(0.001, 100.0), (0.02, 0.9), (0.1, 0.2), (0.3, 0.3), (3e-6, 4e-6)])
def test_a_logarithmic_axis_has_ticks_whatever_it_spans(low: float, high: float) -> None:
    scale = log_scale([low, high], 0, 100, milliseconds)
    assert len(scale.ticks) >= 1
    assert all(scale.low <= value <= scale.high for value, _ in scale.ticks)


def test_ticks_of_a_linear_axis_are_round() -> None:
    assert [text for _, text in linear_scale(0.0, 0.026, 0, 1, percent_tick).ticks] == ["0 %", "1 %", "2 %"]


def test_texts_of_spaced_ticks_do_not_touch() -> None:
    scale = spaced(log_scale([0.1, 1.0], 0, 100, milliseconds), 40)
    places = [scale.place(value) for value, _ in scale.ticks]
    assert len(places) >= 2
    assert all(after - before >= 40 for before, after in itertools.pairwise(places))
