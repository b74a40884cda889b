import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthwire.fault_models.laws.latency import LEVELS, Extrapolation, LatencyTable

EXPONENTIAL = LatencyTable(1_000, tuple(-math.log(1 - level) for level in LEVELS))


def test_levels_rise_and_are_symmetric():
    assert len(LEVELS) == 63
    assert list(LEVELS) == sorted(set(LEVELS))
    assert all(low + high == pytest.approx(1.0) for low, high in zip(LEVELS, reversed(LEVELS), strict=True))


def test_quantile_at_a_level_is_the_stored_one():
    for level, value in zip(LEVELS, EXPONENTIAL.quantiles_s, strict=True):
        assert EXPONENTIAL.quantile_s(level) == pytest.approx(value)


def test_quantiles_between_levels_are_close_to_the_law_they_were_made_from():
    for i in range(20, 980):
        u = i / 1_000
        assert EXPONENTIAL.quantile_s(u) == pytest.approx(-math.log(1 - u), rel=0.02)


@given(st.floats(LEVELS[0], LEVELS[-1]))
def test_probability_inverts_quantile(u: float):
    assert EXPONENTIAL.probability(EXPONENTIAL.quantile_s(u)) == pytest.approx(u, abs=1e-9)


@given(st.floats(0, 1), st.floats(0, 1))
def test_quantile_never_falls(u: float, v: float):
    low, high = sorted((u, v))
    assert EXPONENTIAL.quantile_s(low) <= EXPONENTIAL.quantile_s(high)


def test_outermost_levels_hold_beyond_themselves():
    assert EXPONENTIAL.quantile_s(0.0) == EXPONENTIAL.quantiles_s[0]
    assert EXPONENTIAL.quantile_s(1.0) == EXPONENTIAL.quantiles_s[-1]
    assert EXPONENTIAL.probability(0.0) == 0.0
    assert EXPONENTIAL.probability(1e9) == 1.0


def test_probability_on_a_flat_part_is_its_middle():
    flat = LatencyTable(10, (0.2,) * 63)
    assert flat.probability(0.2) == pytest.approx(0.5)
    assert flat.quantile_s(0.3) == pytest.approx(0.2)


def test_a_scaled_law_has_every_quantile_and_limit_scaled():
    table = LatencyTable(
        9, tuple(0.1 + i for i in range(len(LEVELS))), 3, extrapolation=Extrapolation(20.0, 0.1, 0.2, 0.4)
    )
    scaled = table.scaled(3.0)
    assert scaled.quantiles_s == tuple(3.0 * value for value in table.quantiles_s)
    assert scaled.extrapolation == Extrapolation(60.0, 0.1, 0.2, 0.4)
    assert (scaled.count, scaled.censored_count) == (9, 3)


def test_the_mean_of_the_logarithm_is_that_of_many_drawn_latencies():
    table = LatencyTable(9, tuple(math.exp(-3.0 + 0.05 * i + 0.002 * i * i) for i in range(len(LEVELS))))
    ranks = [(i + 0.5) / 20_000 for i in range(20_000)]
    drawn = sum(math.log(table.quantile_s(u)) for u in ranks) / len(ranks)
    assert table.mean_log_s() == pytest.approx(drawn, abs=1e-4)


def test_the_band_beyond_a_limit_is_a_power_law_of_its_slopes():
    beyond = Extrapolation(20.0, 0.1, 0.2, 0.4)
    assert beyond.band(20.0) == pytest.approx((0.1, 0.1))
    assert beyond.band(40.0) == pytest.approx((0.1 * 0.2, 0.1 * 0.4))
    assert beyond.band(80.0) == pytest.approx((0.1 * 0.2**2, 0.1 * 0.4**2))


def test_the_fastest_share_has_the_quantiles_below_it():
    fastest = EXPONENTIAL.fastest(0.3)
    assert fastest.quantile_s(0.5) == pytest.approx(EXPONENTIAL.quantile_s(0.15), rel=1e-3)
    assert fastest.quantiles_s[-1] == pytest.approx(EXPONENTIAL.quantile_s(0.3 * LEVELS[-1]))
    assert (fastest.count, fastest.support) == (0, "assumed")


def test_probability_on_a_flat_part_amid_others_is_the_middle_of_its_levels():
    table = LatencyTable(10, tuple(0.1 if i < 10 else 0.2 if i < 17 else 0.3 + i for i in range(63)))
    assert table.probability(0.2) == pytest.approx((LEVELS[10] + LEVELS[16]) / 2)
