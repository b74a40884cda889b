from collections import Counter

import msgspec
import numpy as np
import pytest
from scipy import stats

from earthwire.fault_models import (
    LEVELS,
    START,
    Call,
    DrawnLaws,
    LatencyTable,
    OutcomeCounts,
    Profile,
    SessionLevels,
    Simulation,
    ToolLaws,
    dirichlet,
    effective_share,
)


def table(latency_s: np.ndarray) -> LatencyTable:
    return LatencyTable(len(latency_s), tuple(float(q) for q in np.quantile(latency_s, LEVELS)))


def profile(latency_s: np.ndarray, faults: int = 0) -> Profile:
    n = len(latency_s)
    counts = OutcomeCounts({START: {"ok": n - faults, "http_5xx:503": faults}})
    laws = ToolLaws(n, n, counts, {"ok": table(latency_s), "http_5xx:503": table(latency_s)})
    return Profile({"a": laws}, laws)


EXPONENTIAL = -np.log1p(-(np.arange(400) + 0.5) / 400)


def drawn_laws(served: Profile, episodes: int) -> list[DrawnLaws]:
    model = Simulation(served, 1).model("a")
    return [DrawnLaws(model, served, 1, f"e{i}", "a") for i in range(episodes)]


def medians(served: Profile, episodes: int) -> np.ndarray:
    return np.array([laws.latency("ok").quantile_s(0.5) for laws in drawn_laws(served, episodes)])


def test_a_dirichlet_draw_has_the_stated_moments():
    """Shapes 0.5, 2, 7.5 of sum 10: means .05, .2, .75, variance m(1 - m)/11; 4,000 draws, bounds of 4 s.e."""
    rng = np.random.default_rng(0)
    draws = np.array([dirichlet([0.5, 2.0, 7.5], iter(rng.random(64))) for _ in range(4_000)])
    mean = np.array([0.05, 0.2, 0.75])
    deviation = np.sqrt(mean * (1 - mean) / 11)
    assert draws.mean(axis=0) == pytest.approx(mean, abs=float(4 * deviation.max() / np.sqrt(4_000)))
    assert draws.std(axis=0) == pytest.approx(deviation, rel=0.08)


def test_drawn_tables_rise_and_stay_inside_what_was_recorded():
    for laws in drawn_laws(profile(EXPONENTIAL[::40]), 50):
        quantiles = np.array(laws.latency("ok").quantiles_s)
        assert np.all(np.diff(quantiles) >= 0)
        assert quantiles.min() >= EXPONENTIAL[::40].min() * (1 - 1e-9)
        assert quantiles.max() <= EXPONENTIAL[::40].max() * (1 + 1e-9)


def test_averaged_over_episodes_the_law_is_that_of_the_profile():
    """The mean probability below each recorded decile over 600 episodes of a law of 50 calls: s.e. .07/√600 = .003."""
    served = profile(EXPONENTIAL[::8])
    laws = drawn_laws(served, 600)
    for level in (0.1, 0.3, 0.5, 0.7, 0.9):
        time_s = served.tools["a"].latency["ok"].quantile_s(level)
        share = np.mean([one.latency("ok").probability(time_s) for one in laws])
        assert share == pytest.approx(level, abs=0.012)


def test_averaged_over_episodes_the_fault_rate_is_that_of_the_profile():
    """Concentration 53 + 3: standard deviation √(.2 × .8/57) = .053, over 800 episodes .0019; bound 4 of them."""
    served = profile(EXPONENTIAL[::8], faults=10)
    rates = [laws.outcomes.law.fault_probability(START) for laws in drawn_laws(served, 800)]
    expected = Simulation(served, 1).model("a").outcomes.law.fault_probability(START)
    assert np.mean(rates) == pytest.approx(expected, abs=0.0075)
    assert np.std(rates) == pytest.approx(0.053, rel=0.15)


def test_the_interval_of_the_median_covers_the_truth_as_often_as_it_says():
    """120 samples of 60 calls; an 80 % interval covers log 2 in 96 of them on average, ± 4.4; bound 3 of those."""
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(120):
        low, high = np.quantile(medians(profile(rng.exponential(1.0, 60)), 60), [0.1, 0.9])
        covered += low <= np.log(2) <= high
    assert 83 <= covered <= 109


def test_laws_of_many_calls_hardly_vary():
    few, many = (medians(profile(np.repeat(EXPONENTIAL, k)[::step]), 60) for k, step in ((1, 20), (100, 1)))
    assert few.std() / np.log(2) > 0.15
    assert many.std() / np.log(2) < 0.02


def test_calls_of_one_session_count_for_less_than_independent_ones():
    """Kish: ρ = var(±1) = 1, so 100 calls in 5 sessions are worth 5."""
    laws = ToolLaws(100, 5, OutcomeCounts({}), {}, session_levels=SessionLevels(2, (-1.0, 1.0), (1.0, 1.0)))
    assert effective_share(Profile({"a": laws}, laws), "a") == pytest.approx(5 / 100)
    assert (
        effective_share(Profile({"a": laws}, msgspec.structs.replace(laws, session_levels=None)), "a") == 1.0
    )


def test_an_episode_keeps_its_laws_and_another_has_others():
    served = profile(EXPONENTIAL[::8], faults=10)
    simulation, again = (Simulation(served, 3, randomize=True) for _ in range(2))
    first = [simulation.draw(Call("e1", "a")) for _ in range(20)]
    assert first == [again.draw(Call("e1", "a")) for _ in range(20)]
    assert {drawn.conditions for drawn in first} == {first[0].conditions}
    assert "earthwire.laws_drawn" in msgspec.json.decode(first[0].conditions)
    assert simulation.draw(Call("e2", "a")).conditions != first[0].conditions


def test_off_is_bit_for_bit_as_without():
    served = profile(EXPONENTIAL, faults=40)
    off, plain = Simulation(served, 3, randomize=False), Simulation(served, 3)
    for _ in range(200):
        assert off.draw(Call("e", "a")) == plain.draw(Call("e", "a"))


def test_fault_rates_differ_between_episodes_by_more_than_chance():
    """With 20 recorded calls the rate has standard deviation .1; a χ² test of 60 episodes × 200 calls must see it."""
    served = profile(EXPONENTIAL[::20], faults=5)
    simulation = Simulation(served, 3, randomize=True)
    faults = [
        Counter(simulation.draw(Call(f"e{i}", "a")).plan.outcome == "ok" for _ in range(200))[False]
        for i in range(60)
    ]
    assert stats.chi2_contingency([faults, [200 - count for count in faults]]).pvalue < 1e-6
