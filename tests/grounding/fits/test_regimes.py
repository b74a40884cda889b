from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from earthwire.fault_models.call import Call
from earthwire.fault_models.laws.outcome import OutcomeCounts, OutcomeLaw
from earthwire.fault_models.laws.regime import AgeHazards, RunHistory
from earthwire.fault_models.simulation import Simulation
from earthwire.grounding.calibrate import calibrate
from earthwire.grounding.counts.tally import tally
from earthwire.grounding.fits.regimes import (
    HISTORY_RUNS_MAX,
    age_hazards,
    histories,
    run_history,
    run_lengths,
)
from earthwire.grounding.samples.outcome_mix import burst_dispersion, faults, mean_run_length
from earthwire.traces.columns.calls import BoolArray, Calls
from earthwire.traces.labels.outcome_kind import is_fault
from tests.grounding.synthetic import calls_of

UPTIME = Path(__file__).parents[3].parent / "shared" / "data" / "dev_upptime" / "records.parquet"


def calls_from(bad: BoolArray, session: np.ndarray) -> Calls:
    return calls_of(
        ["a"] * len(bad),
        [f"s{code:04d}" for code in session],
        ["timeout" if b else "ok" for b in bad],
        np.ones(len(bad)),
    )


def semi_markov(rng: np.random.Generator, length: int, bad_length: int, up_mean: float) -> BoolArray:
    """Up for a geometric time, then bad for exactly `bad_length` calls."""
    runs: list[np.ndarray] = []
    while sum(map(len, runs)) < length:
        runs += [np.zeros(rng.geometric(1 / up_mean), dtype=bool), np.ones(bad_length, dtype=bool)]
    return np.concatenate(runs)[:length]


def markov(rng: np.random.Generator, length: int, enter: float, leave: float) -> BoolArray:
    bad, u = np.zeros(length, dtype=bool), rng.random(length)
    for i in range(1, length):
        bad[i] = u[i] >= leave if bad[i - 1] else u[i] < enter
    return bad


def hazards_of(calls: Calls) -> AgeHazards | None:
    counts = tally(calls)
    return age_hazards(counts, 0, OutcomeLaw(outcome_counts(calls)))


def outcome_counts(calls: Calls) -> OutcomeCounts:
    return calibrate(calls, engine="compact").tools["a"].outcomes


def sessions_of(
    make: Callable[[np.random.Generator, int], BoolArray], seed: int, count: int = 60, length: int = 60
) -> Calls:
    rng = np.random.default_rng(seed)
    bad = np.concatenate([make(rng, length) for _ in range(count)])
    return calls_from(bad, np.repeat(np.arange(count), length))


def test_runs_alternate_and_begin_with_an_up_one():
    assert run_lengths(np.array([False, False, True, False])).tolist() == [2, 1, 1]
    assert run_lengths(np.array([True, True, False])).tolist() == [0, 2, 1]
    assert run_lengths(np.zeros(0, dtype=bool)).tolist() == []
    assert run_lengths(np.ones(3, dtype=bool)).tolist() == [0, 3]


def test_faults_that_last_a_fixed_time_have_ages():
    law = hazards_of(sessions_of(lambda rng, n: semi_markov(rng, n, 4, 12.0), 1))
    assert law is not None
    timeout = law.after["timeout"]
    # Nothing ends at age 1; at ages 2 and 3 nothing either, at ages 4 to 7 everything does.
    assert timeout.left[:2] == (0, 0)
    assert timeout.left[2] == timeout.at_risk[2] > 50


def test_faults_without_memory_of_ages_are_seldom_given_ages():
    """A Bayes factor of 20 is reached by less than 1 data set in 20 without ages; 5 of 60 are 4 standard errors off."""
    found = sum(
        hazards_of(sessions_of(lambda rng, n: markov(rng, n, 0.05, 0.4), seed, count=20)) is not None
        for seed in range(60)
    )
    assert found <= 5


def test_simulated_runs_are_as_long_as_recorded_ones():
    """At least 4 calls each; the chain would give geometric ones of the same mean, a quarter of them of one call."""
    calls = sessions_of(lambda rng, n: semi_markov(rng, n, 4, 12.0), 2)
    profile = calibrate(calls, engine="compact")
    simulation = Simulation(profile, 1)
    drawn = [
        np.array([is_fault(simulation.draw(Call(str(episode), "a")).plan.outcome) for _ in range(60)])
        for episode in range(200)
    ]
    inner = np.concatenate([run_lengths(bad)[1:-1:2] for bad in drawn])
    recorded = mean_run_length(calls)
    assert recorded is not None
    assert np.mean(inner == 1) < 0.1
    assert inner.mean() == pytest.approx(4.0, abs=0.3)
    rate = np.mean(np.concatenate(drawn))
    # Sessions are clustered: the standard error of the recorded rate is about 0.006 (60 sessions), this bound 4 of it.
    assert rate == pytest.approx(faults(calls).mean(), abs=0.025)


def test_a_history_needs_long_sequences_faults_and_bursts():
    rng = np.random.default_rng(0)
    long = markov(rng, 1_200, 0.02, 0.3)
    assert set(histories(calls_from(long, np.zeros(1_200, dtype=int)))) == {0}
    assert histories(calls_from(long, np.arange(1_200) // 100)) == {}
    one_burst = np.zeros(1_200, dtype=bool)
    one_burst[100:200] = True
    assert histories(calls_from(one_burst, np.zeros(1_200, dtype=int))) == {}
    few = np.zeros(1_200, dtype=bool)
    few[:190:10] = True
    assert histories(calls_from(few, np.zeros(1_200, dtype=int))) == {}


def test_a_history_holds_the_recorded_runs():
    bad = markov(np.random.default_rng(4), 900, 0.03, 0.3)
    history = histories(calls_from(bad, np.zeros(900, dtype=int)))[0]
    assert [history.is_bad(i) for i in range(900)] == bad.tolist()


def test_a_long_history_is_cut_to_a_typical_stretch():
    runs = np.where(np.arange(10_000) < 5_000, 1, 3)
    runs[1::2] = 1
    history = run_history(runs)
    assert history is not None
    assert len(history.runs) == HISTORY_RUNS_MAX
    assert history.bad_share == pytest.approx(runs[1::2].sum() / runs.sum(), abs=0.002)


def test_a_profile_keeps_the_recorded_rate_of_a_history():
    bad = markov(np.random.default_rng(5), 1_500, 0.02, 0.2)
    calls = calls_from(bad, np.zeros(1_500, dtype=int))
    profile = calibrate(calls, engine="compact")
    history = profile.tools["a"].regime
    assert isinstance(history, RunHistory)
    assert history.bad_share == pytest.approx(bad.mean())
    first = [is_fault(Simulation(profile, seed).draw(Call("e", "a")).plan.outcome) for seed in range(1_500)]
    # Independent episodes: 4 standard errors of a share.
    assert np.mean(first) == pytest.approx(bad.mean(), abs=4 * (bad.mean() * (1 - bad.mean()) / 1_500) ** 0.5)


@pytest.mark.skipif(not UPTIME.exists(), reason="the recorded probes are not here")
def test_the_bursts_of_a_recorded_service_come_back():
    """Its faults are 13 times as dispersed as independent ones; the chain gives a tenth of that."""
    from earthwire.cli.reading.loading import load_traces

    calls = load_traces([UPTIME], True, lambda _: None).calls
    tool = "d33bs: ACCESS Website (Public Webpage)"
    series = calls.select(calls.tool == calls.tool_names.index(tool))
    simulation = Simulation(calibrate(series, engine="compact"), 0)
    dispersions = []
    for episode in range(60):
        plans = [simulation.draw(Call(str(episode), tool)).plan.outcome for _ in range(len(series))]
        dispersions.append(burst_dispersion(np.array([is_fault(kind) for kind in plans])))
    assert 0.8 < np.mean(dispersions) / burst_dispersion(faults(series)) < 1.15
