from itertools import groupby

import numpy as np
import pytest

from earthwire.fault_models.call import Call
from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
from earthwire.fault_models.laws.outcome import START, OutcomeCounts
from earthwire.fault_models.laws.outcome_path import SCHEMA_DRIFT, FaultRules, OutcomeModel
from earthwire.fault_models.laws.rate_limit import REFUSED, RateLimit
from earthwire.fault_models.laws.regime import AgeHazards, HazardCounts, RegimeLaw, RunHistory, UpstreamRegime
from earthwire.fault_models.plan import Head, RelayDamaged
from earthwire.fault_models.profile import Profile, ToolLaws
from earthwire.fault_models.simulation import Simulation

COUNTS = OutcomeCounts(
    {
        START: {"ok": 10},
        "ok": {"ok": 850, "http_5xx:503": 40, "timeout": 20},
        "http_5xx:503": {"http_5xx:503": 30, "ok": 40},
        "timeout": {"ok": 20},
    }
)
HISTORY = RunHistory((400, 30, 200, 1, 100, 9, 260))


def laws(regime: RegimeLaw | None = None, limit: RateLimit | None = None) -> ToolLaws:
    table = LatencyTable(1_000, tuple(0.1 + i / 100 for i in range(len(LEVELS))))
    return ToolLaws(1_000, 4, COUNTS, {"ok": table}, regime=regime, rate_limit=limit)


def uniforms(seed: int, length: int) -> list[float]:
    return np.random.default_rng(seed).random(length).tolist()


def test_a_history_decides_whether_and_the_law_decides_how():
    model = OutcomeModel("a", [COUNTS], HISTORY)
    drawn: list[str] = []
    for episode in range(60):
        path = model.open(1, str(episode))
        drawn += [path.next(i, u) for i, u in enumerate(uniforms(episode, 1_000))]
    faults = [kind for kind in drawn if kind != "ok"]
    # A block is 4,000 calls long: 1,000 calls are all of the history or have one seam.
    assert len(faults) / 60_000 == pytest.approx(HISTORY.bad_share, abs=0.01)
    assert set(faults) == {"http_5xx:503", "timeout"}
    longest = max(len(list(run)) for bad, run in groupby(drawn, lambda kind: kind != "ok") if bad)
    assert 30 <= longest <= 39


def test_hazards_by_age_give_runs_as_long_as_they_say():
    """Faults last exactly 4 calls or more: none ends at ages 1 to 3, half of the calls at ages 4 to 7 do."""
    huge = 10**9
    hazards = HazardCounts((huge,) * 8, (0, 0, huge // 2, huge, huge, huge, huge, huge))
    model = OutcomeModel("a", [COUNTS], AgeHazards({"http_5xx:503": hazards, "timeout": hazards}))
    path = model.open(1, "e")
    drawn = [path.next(i, u) != "ok" for i, u in enumerate(uniforms(0, 40_000))]
    runs = [len(list(run)) for bad, run in groupby(drawn) if bad]
    assert min(runs) == 4
    assert max(runs) <= 8
    # Half end at age 4: 4 standard errors of a share of about 2,000 runs.
    assert np.mean(np.array(runs) == 4) == pytest.approx(0.5, abs=0.05)


def test_hazards_without_counts_are_the_chain():
    chain, aged = OutcomeModel("a", [COUNTS]), OutcomeModel("a", [COUNTS], AgeHazards({}))
    one, other = chain.open(1, "e"), aged.open(1, "e")
    u = uniforms(3, 5_000)
    assert [one.next(i, v) for i, v in enumerate(u)] == [other.next(i, v) for i, v in enumerate(u)]


def test_a_limit_refuses_beyond_the_quota_and_the_rest_is_as_without_it():
    free, limited = OutcomeModel("a", [COUNTS]), OutcomeModel("a", [COUNTS], None, RateLimit(3, 5))
    one, other = free.open(1, "e"), limited.open(1, "e")
    drawn = [(other.next(i, u), other.wait_s) for i, u in enumerate(uniforms(0, 1_000))]
    assert [wait for _, wait in drawn] == [None, None, None, 2, 1] * 200
    assert {kind for kind, wait in drawn if wait is not None} == {REFUSED}
    passing = [u for i, u in enumerate(uniforms(0, 1_000)) if i % 5 < 3]
    assert [kind for kind, wait in drawn if wait is None] == [one.next(i, u) for i, u in enumerate(passing)]


def test_a_refusal_tells_what_is_left_of_the_window():
    simulation = Simulation(Profile({"a": laws(limit=RateLimit(2, 4))}, laws()), 1)
    plans = [simulation.draw(Call("e", "a")).plan for _ in range(8)]
    assert [plan.outcome == REFUSED for plan in plans] == [False, False, True, True] * 2
    heads = [step for plan in plans for step in plan.steps if isinstance(step, Head) and step.status == 429]
    assert [dict(head.headers)["retry-after"] for head in heads] == ["2", "1"] * 2


def test_on_the_wall_clock_the_tools_of_an_upstream_are_down_together():
    regime = UpstreamRegime(RunHistory((300, 60)), 900, 0, 100, 100)
    tools = {f"GET api.example.com/{name}": laws() for name in "ab"}
    profile = Profile(tools, laws(), upstreams={"api.example.com": regime})

    def failing(order: list[str]) -> dict[tuple[str, int], bool]:
        simulation = Simulation(profile, 1, regime_clock="time")
        return {
            (tool, tick): simulation.draw(Call("e", tool, at_s=10.0 * tick)).plan.outcome != "ok"
            for tick in range(720)
            for tool in order
        }

    one = failing(sorted(tools))
    assert one == failing(sorted(tools, reverse=True))
    first, second = (np.array([one[tool, tick] for tick in range(720)]) for tool in sorted(tools))
    # 360 ticks hold one outage of 60, in which 100 of 104 parts fail; two passes have 120 ticks of it.
    assert np.corrcoef(first, second)[0, 1] > 0.8
    assert 0.1 < first.mean() < 0.25


def test_on_the_wall_clock_plans_are_the_same_for_the_same_ticks_and_differ_for_others():
    regime = UpstreamRegime(RunHistory((30, 6)), 900, 9, 100, 90)
    profile = Profile({"s/a": laws()}, laws(), upstreams={"s": regime})

    def plans(late_s: float) -> list[object]:
        simulation = Simulation(profile, 3, regime_clock="time")
        return [simulation.draw(Call("e", "s/a", at_s=10.0 * tick + late_s)).plan for tick in range(300)]

    assert plans(0.0) == plans(9.99)
    assert plans(0.0) != plans(60.0)


def test_seconds_refill_a_quota_on_the_wall_clock():
    simulation = Simulation(
        Profile({"a": laws(limit=RateLimit(2, 40, 60.0))}, laws()), 1, regime_clock="time"
    )
    times_s = (0.0, 1.0, 2.0, 59.9, 60.0, 61.0, 62.0)
    drawn = [simulation.draw(Call("e", "a", at_s=at_s)) for at_s in times_s]
    assert [one.plan.outcome == REFUSED for one in drawn] == [False, False, True, True, False, False, True]
    assert {one.conditions for one in drawn} == {'{"earthwire.regime_clock":"time"}'}


def test_by_calls_the_time_of_a_call_does_not_matter():
    profile = Profile(
        {"a": laws(HISTORY)}, laws(), upstreams={"a": UpstreamRegime(RunHistory((1, 1)), 1, 0, 1, 1)}
    )
    one, other = Simulation(profile, 1), Simulation(profile, 1)
    assert [one.draw(Call("e", "a")) for _ in range(300)] == [
        other.draw(Call("e", "a", at_s=float(i))) for i in range(300)
    ]


def test_plans_with_regimes_and_limits_do_not_depend_on_the_order_of_tools():
    hazard = AgeHazards({"ok": HazardCounts((90,) * 8, (9,) * 8)})
    tools = {"a": laws(HISTORY), "b": laws(hazard), "c": laws(limit=RateLimit(3, 9))}
    calls = [(episode, tool) for episode in "ef" for tool in tools for _ in range(60)]

    def drawn(order: list[tuple[str, str]]) -> dict[tuple[str, str, int], object]:
        simulation = Simulation(Profile(tools, laws()), 9)
        plans = [(call, simulation.draw(Call(*call))) for call in order]
        return {(*call, one.call_index): one.plan for call, one in plans}

    expected = drawn(calls)
    for seed in range(3):
        shuffled = [calls[i] for i in np.random.default_rng(seed).permutation(len(calls))]
        assert drawn(shuffled) == expected


PASSING = FaultRules(pass_client_errors=True)
CALLER = OutcomeCounts(
    {
        START: {"ok": 60, "http_4xx:404": 40},
        "ok": {"ok": 500, "http_4xx:404": 200, "http_5xx:503": 100},
        "http_4xx:404": {"http_4xx:404": 90, "ok": 60, "http_5xx:503": 50},
        "http_5xx:503": {"ok": 100, "http_4xx:404": 50},
    }
)


def kinds(tool_laws: ToolLaws, count: int = 400, **options: object) -> list[str]:
    simulation = Simulation(Profile({"a": tool_laws}, laws()), 4, **options)  # type: ignore[arg-type]
    return [simulation.draw(Call("e", "a")).plan.outcome for _ in range(count)]


def test_passed_client_errors_become_good_calls_and_nothing_else_changes():
    table = laws().latency
    mixed = ToolLaws(1_000, 4, CALLER, table)
    drawn, passed = kinds(mixed), kinds(mixed, rules=PASSING)
    assert drawn.count("http_4xx:404") > 50
    assert passed == ["ok" if kind == "http_4xx:404" else kind for kind in drawn]


def test_refusals_of_a_limit_and_other_faults_are_drawn_as_before():
    limited = laws(limit=RateLimit(3, 9))
    simulation = Simulation(Profile({"a": limited}, laws()), 4, rules=PASSING)
    drawn = [simulation.draw(Call("e", "a")) for _ in range(90)]
    assert [one.plan.outcome for one in drawn] == kinds(limited, 90)
    assert sum(one.plan.outcome == REFUSED for one in drawn) == 60
    heads = [
        step for one in drawn for step in one.plan.steps if isinstance(step, Head) and step.status == 429
    ]
    assert {dict(head.headers)["retry-after"] for head in heads} == {"1", "2", "3", "4", "5", "6"}
    assert {one.conditions for one in drawn} == {'{"earthwire.pass_client_errors":true}'}


def test_severity_counts_only_the_faults_that_are_drawn():
    """A share F of 503 becomes 2F/(1 + F) at severity 2; with the 404 counted in, it would come out higher."""
    mixed = ToolLaws(1_000, 4, CALLER, laws().latency)
    share = OutcomeModel("a", [laws().outcomes, CALLER], rules=PASSING).fault_share()
    harsh = kinds(mixed, 6_000, rules=PASSING, severity=2.0)
    assert "http_4xx:404" not in harsh
    usual = kinds(mixed, 6_000, rules=PASSING).count("http_5xx:503") / 6_000
    wanted = 2 * usual / (1 + usual)
    # Standard error of a share of .2 at 6,000 calls, with some runs: about .008.
    assert abs(sum(kind != "ok" for kind in harsh) / 6_000 - wanted) < 0.035
    assert abs(share - usual) < 0.04


DRIFTING = OutcomeCounts(
    {START: {"ok": 7, SCHEMA_DRIFT: 3}, "ok": {"ok": 60, SCHEMA_DRIFT: 30, "http_5xx:503": 10}}
)


def drifted(episode: str, rules: FaultRules, seed: int = 2) -> list[tuple[str, tuple[object, ...]]]:
    profile = Profile({"a": ToolLaws(1_000, 4, DRIFTING, laws().latency)}, laws())
    simulation = Simulation(profile, seed, rules=rules)
    drawn = [simulation.draw(Call(episode, "a")).plan for _ in range(30)]
    return [
        (plan.outcome, tuple((s.operator, s.u, s.aim) for s in plan.steps if isinstance(s, RelayDamaged)))
        for plan in drawn
    ]


def test_a_schema_that_drifts_does_so_for_a_whole_episode_in_the_same_way():
    rules = FaultRules(episode_drift=True)
    count = 300
    share = 0
    damages = set()
    for i in range(count):
        plans = drifted(f"e{i}", rules)
        good = {kind for kind, _ in plans if kind in ("ok", SCHEMA_DRIFT)}
        assert len(good) == 1
        damage = {found for kind, found in plans if kind == SCHEMA_DRIFT}
        assert len(damage) == (good == {SCHEMA_DRIFT})
        share += good == {SCHEMA_DRIFT}
        damages |= damage
    # Shares of .3 to .33 before smoothing; the standard error at 300 episodes is .027.
    assert abs(share / count - 0.31) < 0.09
    assert len(damages) > 0.9 * share
    assert drifted("e0", rules) == drifted("e0", rules)


def test_by_default_each_call_drifts_by_itself():
    plans = drifted("e1", FaultRules())
    assert {kind for kind, _ in plans} >= {"ok", SCHEMA_DRIFT}
    assert len({found for kind, found in plans if kind == SCHEMA_DRIFT}) > 1
