import msgspec
import numpy as np
import pytest

from earthwire.fault_models import (
    CALLS_MIN,
    LEVELS,
    START,
    Call,
    Forward,
    GroundedSimulation,
    LatencyTable,
    OutcomeCounts,
    Profile,
    RelayBody,
    Simulation,
    ToolLaws,
    Wait,
)

TABLE = LatencyTable(900, tuple(float(0.2 * np.exp(x)) for x in np.linspace(-1.5, 1.5, len(LEVELS))))
COUNTS = OutcomeCounts({START: {"ok": 9, "http_5xx:503": 1}, "ok": {"ok": 800, "http_5xx:503": 90}})
LAWS = ToolLaws(900, 40, COUNTS, {"ok": TABLE, "http_5xx:503": TABLE})
PROFILE = Profile({"a": LAWS}, LAWS)


def grounded(
    times_s: np.ndarray, warnings: list[str] | None = None, laws: Simulation | None = None
) -> GroundedSimulation:
    planner = GroundedSimulation(
        laws or Simulation(PROFILE, 3), ([] if warnings is None else warnings).append
    )
    for value in times_s:
        planner.observe("a", float(value))
    return planner


def upstream_s(mean_s: float, n: int = 500) -> np.ndarray:
    return mean_s * np.random.default_rng(1).lognormal(0, 0.8, n)


def test_until_the_upstream_is_known_plans_are_those_of_the_simulation():
    planner, plain = grounded(upstream_s(0.1, CALLS_MIN - 1)), Simulation(PROFILE, 3)
    for _ in range(50):
        assert planner.draw(Call("e", "a")) == plain.draw(Call("e", "a"))


def test_only_the_wait_of_what_the_upstream_answers_is_changed():
    planner, plain = grounded(upstream_s(0.1)), Simulation(PROFILE, 3)
    for _ in range(200):
        drawn, before = planner.draw(Call("e", "a")), plain.draw(Call("e", "a"))
        assert drawn.plan.outcome == before.plan.outcome
        if before.plan.outcome != "ok":
            assert drawn == before
            continue
        assert drawn.plan.last_byte_s <= before.plan.last_byte_s * 1.021
        assert drawn.plan.steps[0] == Forward()
        assert Wait(drawn.plan.first_byte_s) in drawn.plan.steps
        assert RelayBody(drawn.plan.last_byte_s) in drawn.plan.steps
        noted = msgspec.json.decode(drawn.conditions)["earthwire.recorded_law_s"]
        assert noted == pytest.approx(before.plan.last_byte_s)


def test_an_episode_under_other_laws_is_grounded_in_those():
    slower = LatencyTable(900, tuple(3.0 * value for value in TABLE.quantiles_s))
    laws = ToolLaws(900, 40, COUNTS, {"ok": slower, "http_5xx:503": slower})
    other = Simulation(Profile({"a": laws}, laws), 5)
    planner, alone = grounded(upstream_s(0.1)), grounded(upstream_s(0.1), laws=other)
    first = [planner.draw(Call("e", "a")) for _ in range(50)]
    under = planner.under(other.variant())
    assert (under.seed, under.profile_hash) == (5, other.profile_hash)
    drawn = [under.draw(Call("e", "a")) for _ in range(50)]
    assert drawn == [alone.draw(Call("e", "a")) for _ in range(50)]
    assert drawn != first


def test_the_same_observations_give_the_same_plans():
    one, two = grounded(upstream_s(0.1)), grounded(upstream_s(0.1))
    assert [one.draw(Call("e", "a")) for _ in range(50)] == [two.draw(Call("e", "a")) for _ in range(50)]


def test_an_upstream_that_is_too_slow_is_warned_of_once_and_told():
    warnings: list[str] = []
    planner = grounded(upstream_s(0.5), warnings)
    for _ in range(20):
        planner.draw(Call("e", "a"))
    assert len(warnings) == 1
    assert "too slow" in warnings[0]
    assert planner.infeasible_shares()["a"] > 0.5
    # Log-normals of medians .36 and .2 s, and about equal spread: nearly every rank is slower.
    assert planner.fits()["a"].infeasible_call_share > 0.9
    noted = msgspec.json.decode(planner.draw(Call("e", "a")).conditions)
    assert noted["earthwire.infeasible_share"] == round(planner.infeasible_shares()["a"], 3)


def test_an_upstream_that_is_fast_enough_is_not_warned_of():
    warnings: list[str] = []
    planner = grounded(upstream_s(0.01), warnings)
    planner.draw(Call("e", "a"))
    assert warnings == []
    assert planner.infeasible_shares()["a"] < 0.01
    assert planner.fits()["a"].infeasible_call_share == 0.0
    assert "earthwire.infeasible_share" not in planner.draw(Call("e", "a")).conditions


def test_too_few_observations_tell_no_share():
    fit = grounded(np.full(CALLS_MIN - 1, 0.1)).fits()["a"]
    assert (fit.calls, fit.infeasible_share, fit.infeasible_call_share) == (CALLS_MIN - 1, None, None)
    assert fit.recorded_p50_s == pytest.approx(0.2)
    assert fit.upstream_p50_s == pytest.approx(0.1, rel=0.02)
