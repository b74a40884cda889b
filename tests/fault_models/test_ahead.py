"""Draws ahead of need are those that are made one by one, to the last bit."""

import math

import msgspec
import numpy as np
import pytest

from earthwire.config import read_profile, shipped_profiles
from earthwire.fault_models import Call, OutcomeCounts, Profile, Simulation, ToolLaws, plan_digest
from earthwire.fault_models.ahead import AHEAD_COUNT_MAX, Curve, uniform_columns
from earthwire.fault_models.laws.dependence import NO_SESSIONS, Dependence, RankLaw
from earthwire.fault_models.laws.failing_sessions import FailingSessions
from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
from earthwire.fault_models.uniforms import Purpose, UniformStream
from earthwire.traces.labels.outcome_kind import is_fault

CALLS = 3 * AHEAD_COUNT_MAX
TABLE = LatencyTable(100, tuple(0.01 * 1.1**i for i in range(len(LEVELS))))
PROFILES = {name: read_profile(path) for name, path in shipped_profiles().items()}


def test_uniforms_are_the_same_numbers() -> None:
    stream = UniformStream(7, "e", "t")
    columns = uniform_columns(stream, range(5, 400), tuple(Purpose))
    one_by_one = [stream.at(index) for index in range(5, 400)]
    assert [tuple(row) for row in np.array(columns).T.tolist()] == one_by_one


def test_latencies_are_the_same_numbers_at_every_rank() -> None:
    ranks = np.array([0.0, *LEVELS, *np.linspace(0.0, 1.0, 10_001), math.nextafter(LEVELS[0], 0.0), 1.0])
    assert Curve(TABLE).latencies_s(ranks) == [TABLE.quantile_s(rank) for rank in ranks.tolist()]
    assert Curve(None).latencies_s(ranks[:3]) == [0.0, 0.0, 0.0]


def test_ranks_are_the_same_numbers_at_every_score() -> None:
    law = RankLaw(NO_SESSIONS, Dependence())
    scores = [-9.0, -6.0, 6.0, 9.0, *np.random.default_rng(1).normal(size=10_000).tolist()]
    assert law.ranks(scores).tolist() == [law.rank(score) for score in scores]


def with_slow_sessions_that_fail(profile: Profile) -> Profile:
    """Return a profile in which all faults of its tools are from slow sessions that failed as a whole."""

    def failing(laws: ToolLaws) -> ToolLaws:
        after = {
            previous: {kind: count for kind, count in counts.items() if is_fault(kind)}
            for previous, counts in laws.outcomes.after.items()
        }
        return msgspec.structs.replace(laws, failing_outcomes=OutcomeCounts(after))

    return msgspec.structs.replace(
        profile,
        tools={name: failing(laws) for name, laws in profile.tools.items()},
        overall=failing(profile.overall),
        failing_sessions=FailingSessions(100, 50, (0.5, 0.75)),
    )


PROFILES["failing"] = with_slow_sessions_that_fail(PROFILES["demo"])


@pytest.mark.parametrize("name", PROFILES)
def test_plans_are_the_same_for_every_tool(name: str) -> None:
    laws = Simulation(PROFILES[name], 11)
    tools = sorted(laws.profile.tools)[:2]
    checked = 0
    for tool in [*tools, "an unknown tool"]:
        call = Call("e", tool)
        ahead = laws.variant(seed=11)
        following = ahead.ahead(call)
        if following is None:
            continue
        one_by_one = laws.variant(seed=11)
        for _ in range(CALLS if name == "demo" else 150):
            foreseen = next(following)
            index, kind, _, latency_s, _ = foreseen
            expected = one_by_one.draw(call)
            assert (index, kind, latency_s) == (
                expected.call_index,
                expected.plan.outcome,
                expected.plan.last_byte_s,
            )
            drawn = ahead.drawn_ahead(call, *foreseen)
            assert plan_digest(drawn.plan) == plan_digest(expected.plan)
        checked += 1
    assert checked or name != "demo"


def test_drawing_ahead_goes_on_where_drawing_one_by_one_has_ended() -> None:
    laws = Simulation(PROFILES["demo"], 3)
    call = Call("e", sorted(laws.profile.tools)[0])
    one_by_one, mixed = laws.variant(), laws.variant()
    expected = [one_by_one.draw(call).plan.last_byte_s for _ in range(300)]
    found = [mixed.draw(call).plan.last_byte_s for _ in range(16)]
    following = mixed.ahead(call)
    assert following is not None
    found += [next(following)[3] for _ in range(284)]
    assert found == expected


def test_a_draw_goes_on_with_what_was_drawn_ahead() -> None:
    laws = Simulation(PROFILES["demo"], 3)
    call = Call("e", sorted(laws.profile.tools)[0])
    one_by_one, mixed = laws.variant(), laws.variant()
    expected = [one_by_one.draw(call) for _ in range(400)]
    following = mixed.ahead(call, count_max=64)
    assert following is not None
    found = []
    for i in range(400):
        # Asked again, it is the same one.
        drawn = mixed.draw(call) if i % 3 else mixed.drawn_ahead(call, *next(mixed.ahead(call)))
        found.append(drawn)
    assert found == expected


@pytest.mark.parametrize("options", [{"severity": 2.0}, {"regime_clock": "time"}])
def test_what_depends_on_more_than_its_own_past_is_drawn_one_by_one(options) -> None:
    laws = Simulation(PROFILES["demo"], 3, **options)
    tool = sorted(laws.profile.tools)[0]
    is_alone = laws.ahead(Call("e", tool)) is not None
    assert is_alone == (options.get("regime_clock") == "time" and not laws.profile.upstreams)
