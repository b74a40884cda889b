"""Sessions that fail as a whole are told apart where they are there, and not where they are not."""

from dataclasses import replace

import numpy as np
import pytest

from earthwire.fault_models.laws.failing_sessions import FailingSessions
from earthwire.fault_models.laws.outcome import without_part
from earthwire.grounding import calibrate
from earthwire.grounding.calibrate import fit_laws
from earthwire.grounding.counts.tally import tally
from earthwire.grounding.engine import Engine
from earthwire.grounding.fits.failing_sessions import (
    FAILING_MIN,
    failing_law,
    failing_sessions,
    session_kinds,
)
from earthwire.grounding.samples.outcome_mix import dispersion, faults
from earthwire.grounding.simulated import simulate
from earthwire.traces.columns.calls import Calls
from tests.grounding.synthetic import make_calls


def failing(
    share: float = 0.25, sessions: int = 160, often: float = 0.5, seed: int = 0
) -> tuple[Calls, np.ndarray]:
    """Calls of sessions of which the first ones fail often, and the codes of these."""
    calls = make_calls(sessions=sessions, calls_per_session=25, fault_rate=0.0, seed=seed)
    bad_sessions = np.arange(round(share * sessions))
    chance = np.where(np.isin(calls.session, bad_sessions), often, 0.03)
    bad = np.random.default_rng(seed).random(len(calls)) < chance
    return replace(calls, kind_names=("http_4xx:403", "ok"), kind=np.where(bad, 0, 1)), bad_sessions


def test_the_sessions_that_fail_are_found():
    calls, truth = failing()
    found = failing_sessions(calls)
    assert len(np.setxor1d(found, truth)) <= 2


@pytest.mark.parametrize("seed", range(10))
def test_sessions_that_fail_by_chance_are_not(seed: int):
    assert not len(
        failing_sessions(make_calls(sessions=150, calls_per_session=25, fault_rate=0.1, seed=seed))
    )


def test_tools_that_keep_failing_once_they_do_are_no_sessions_that_fail():
    """A fault is followed by faults of the same tool, in any session and for no other tool."""
    rng = np.random.default_rng(3)
    calls = make_calls(sessions=150, calls_per_session=40)
    kind, last = np.ones(len(calls), dtype=np.int64), {}
    for i, place in enumerate(zip(calls.session.tolist(), calls.tool.tolist(), strict=True)):
        last[place] = rng.random() < (0.8 if last.get(place) else 0.05)
        kind[i] = 0 if last[place] else 1
    assert not len(failing_sessions(replace(calls, kind_names=("http_5xx:503", "ok"), kind=kind)))


def test_few_failing_sessions_may_each_have_a_reason_of_their_own():
    calls, truth = failing(share=(FAILING_MIN - 2) / 160)
    assert len(truth) == FAILING_MIN - 2
    assert not len(failing_sessions(calls))


def test_tools_with_laws_of_their_own_say_nothing():
    calls, _ = failing()
    assert not len(failing_sessions(calls, apart=range(len(calls.tool_names))))


def test_the_counts_of_both_kinds_add_up():
    calls, truth = failing()
    kinds = session_kinds(calls, tally(calls), apart=[1])
    assert kinds is not None
    assert kinds.failing.tolist() == failing_sessions(calls, [1]).tolist()
    unknown = failing_law(kinds, np.full(160, np.nan))
    assert unknown == FailingSessions(160, len(kinds.failing), (round(len(kinds.failing) / 160, 4),))
    assert sorted(kinds.outcomes) == [0, 2, 3]
    others = kinds.usual.outcomes()
    for tool, part in kinds.outcomes.items():
        assert without_part(tally(calls).outcomes()[tool], part).total == others[tool].total
        assert part.fault_share() > 0.4 > 0.1 > others[tool].fault_share()
    assert len(truth) == 40


def test_counts_of_all_calls_are_divided_as_those_of_the_sample():
    calls, _ = failing()
    sample = calls.of_sessions(np.arange(0, 160, 2))
    kinds = session_kinds(sample, tally(calls))
    assert kinds is not None
    of_sample = session_kinds(sample, tally(sample))
    assert of_sample is not None
    for tool, part in kinds.outcomes.items():
        assert sum(part.total.values()) == pytest.approx(
            2 * sum(of_sample.outcomes[tool].total.values()), rel=0.2
        )
        assert part.fault_share() == pytest.approx(of_sample.outcomes[tool].fault_share(), abs=0.05)


def slow_where_they_fail() -> tuple[Calls, np.ndarray]:
    """Calls of which those of failing sessions take three times as long, whatever they end as."""
    calls, truth = failing()
    slow = np.isin(calls.session, truth)
    return replace(calls, latency_s=calls.latency_s * np.where(slow, 3.0, 1.0)), truth


def test_failing_sessions_are_slow_where_they_were():
    calls, _ = slow_where_they_fail()
    law = calibrate(calls, has_intervals=False).failing_sessions
    assert law is not None
    assert len(law.by_level) == 8
    assert law.by_level[-1] > 0.9
    assert max(law.by_level[:4]) <= 0.1


@pytest.mark.parametrize("engine", ["compact", "replay"])
def test_faults_of_slow_sessions_are_as_slow_as_recorded(engine: Engine):
    calls, _ = slow_where_they_fail()
    profile = calibrate(calls, engine=engine, has_intervals=False)

    def medians_log_s(made: Calls) -> list[float]:
        bad = faults(made)
        return [float(np.log(np.median(made.latency_s[alike]))) for alike in (bad, ~bad)]

    simulated = np.mean([medians_log_s(simulate(profile, calls, seed)) for seed in range(5)], axis=0)
    # Without scales of their own faults come out .2 slower than recorded.
    assert simulated == pytest.approx(medians_log_s(calls), abs=0.1)


def test_sessions_without_latencies_fail_as_often_as_those_with():
    calls, truth = failing()
    unknown = np.isin(calls.session, truth) & (faults(calls) | (calls.session % 2 == 0))
    law = fit_laws(replace(calls, latency_s=np.where(unknown, np.nan, calls.latency_s))).failing_sessions
    assert law is not None
    assert law.share == pytest.approx(law.failing / law.sessions, abs=0.03)


def test_simulated_faults_come_by_session_as_recorded_ones():
    calls, _ = failing()
    profile = fit_laws(calls)
    assert profile.overall.failing_outcomes is not None

    def clustering(made: Calls) -> float:
        return float(dispersion(faults(made).astype(float), made.session))

    simulated = [simulate(profile, calls, seed) for seed in range(5)]
    recorded = clustering(calls)
    assert recorded > 5.0
    assert np.mean([clustering(made) for made in simulated]) == pytest.approx(recorded, rel=0.25)
    assert np.mean([faults(made).mean() for made in simulated]) == pytest.approx(
        faults(calls).mean(), rel=0.25
    )
