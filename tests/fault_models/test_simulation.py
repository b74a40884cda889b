import random
from collections import Counter

import msgspec
import numpy as np
import pytest
from scipy import stats

from earthwire.fault_models import (
    LEVELS,
    START,
    Call,
    Dependence,
    LatencyTable,
    OutcomeCounts,
    Profile,
    SessionLevels,
    Simulation,
    ToolLaws,
    plan_digest,
)

EXPONENTIAL_S = tuple(float(-np.log(1 - level)) for level in LEVELS)
COUNTS = OutcomeCounts(
    {
        START: {"ok": 90, "http_5xx:503": 10},
        "ok": {"ok": 900, "http_5xx:503": 50},
        "http_5xx:503": {"http_5xx:503": 50, "ok": 50},
    }
)


def laws(scale: float = 1.0) -> ToolLaws:
    table = LatencyTable(1_000, tuple(scale * value for value in EXPONENTIAL_S))
    return ToolLaws(1_150, 40, COUNTS, {"ok": table, "http_5xx:503": table})


NORMAL_LEVELS = tuple(float(stats.norm.ppf((i + 0.5) / 32)) for i in range(32))
RESTLESS = SessionLevels(999, tuple(0.6 * v for v in NORMAL_LEVELS), tuple(0.5 + i / 40 for i in range(32)))


def profile(dependence: Dependence | None = None, levels: SessionLevels | None = None) -> Profile:
    tools = {
        name: msgspec.structs.replace(laws(scale), session_levels=levels) for name, scale in SCALES.items()
    }
    return Profile(tools, laws(), dependence or Dependence())


SCALES = {"a": 1.0, "b": 2.0, "c": 3.0}
DEPENDENT = profile(Dependence(tool_share=0.1, level_share=0.3, level_memory=0.8), RESTLESS)


def plans_in_order(calls: list[tuple[str, str]], seed: int) -> dict[tuple[str, str, int], str]:
    simulation = Simulation(DEPENDENT, seed)
    plans = {}
    for episode, tool in calls:
        drawn = simulation.draw(Call(episode, tool))
        plans[episode, tool, drawn.call_index] = plan_digest(drawn.plan)
    return plans


def test_plans_do_not_depend_on_the_order_in_which_calls_arrive():
    calls = [(episode, tool) for episode in ("e1", "e2", "e3") for tool in ("a", "b", "c") for _ in range(50)]
    expected = plans_in_order(calls, seed=5)
    shuffler = random.Random(0)
    for _ in range(5):
        shuffler.shuffle(calls)
        assert plans_in_order(calls, seed=5) == expected


def test_another_seed_gives_other_plans():
    calls = [("e", "a")] * 100
    assert plans_in_order(calls, seed=5) != plans_in_order(calls, seed=6)


def test_an_episode_alone_gets_the_plans_it_gets_among_others():
    alone = plans_in_order([("e2", "b")] * 20, seed=1)
    among = plans_in_order([("e1", "b"), ("e2", "b"), ("e3", "b")] * 20, seed=1)
    assert alone.items() <= among.items()


def test_an_episode_that_was_forgotten_starts_again():
    simulation = Simulation(DEPENDENT, 1)
    first = [simulation.draw(Call("e", "a")) for _ in range(5)]
    simulation.forget("e")
    assert [simulation.draw(Call("e", "a")) for _ in range(5)] == first


@pytest.mark.parametrize("served", [profile(), DEPENDENT], ids=["independent", "dependent"])
def test_the_marginal_is_the_table_whatever_the_dependence(served: Profile):
    """One call an episode: latencies are independent, so the one-sample KS test applies (α = 0.001, seed fixed)."""
    simulation = Simulation(served, 11)
    latencies = [simulation.draw(Call(str(i), "a")).plan.last_byte_s for i in range(4_000)]
    inside = [value for value in latencies if EXPONENTIAL_S[0] < value < EXPONENTIAL_S[-1]]
    truncated = stats.truncexpon(b=EXPONENTIAL_S[-1] - EXPONENTIAL_S[0], loc=EXPONENTIAL_S[0])
    assert stats.kstest(inside, truncated.cdf).pvalue > 1e-3


def test_the_marginal_test_rejects_a_law_that_is_off_by_a_fifth():
    simulation = Simulation(Profile({"a": laws(1.2)}, laws()), 11)
    latencies = [simulation.draw(Call(str(i), "a")).plan.last_byte_s for i in range(4_000)]
    assert stats.kstest(latencies, stats.expon.cdf).pvalue < 1e-3


def normal_scores(columns: list[list[float]]) -> np.ndarray:
    ranks = np.array(columns).argsort(axis=0).argsort(axis=0)
    return stats.norm.ppf((ranks + 0.5) / len(ranks))


def test_calls_of_one_episode_hang_together_as_stated():
    """Score correlations: var(b) across tools, plus within × (t + a φ) for neighbours of one tool; sd(b) = 0.6 here."""
    levels = SessionLevels(999, tuple(0.6 * v for v in NORMAL_LEVELS), (0.8,) * 32)
    hangs = profile(Dependence(tool_share=0.2, level_share=0.5, level_memory=0.8), levels)
    simulation = Simulation(hangs, 2)
    scores = [
        [simulation.draw(Call(str(i), tool)).plan.last_byte_s for tool in ("a", "a", "b")]
        for i in range(6_000)
    ]
    correlation = np.corrcoef(normal_scores(scores).T)
    shared, within = 0.36 * np.var(NORMAL_LEVELS), 0.64
    total = shared + within
    # The standard error at 6,000 episodes is below 0.013; the bound is 4 of them.
    assert correlation[0, 1] == pytest.approx((shared + within * (0.2 + 0.5 * 0.8)) / total, abs=0.052)
    assert correlation[0, 2] == pytest.approx(shared / total, abs=0.052)


def test_sessions_that_are_fast_or_slow_as_a_whole_come_back_as_such():
    """Two kinds of sessions: the mean score of an episode is bimodal, although every marginal is as recorded."""
    levels = SessionLevels(40, (-0.9,) * 16 + (0.9,) * 16, (0.45,) * 32)
    simulation = Simulation(profile(levels=levels), 8)
    rows = [[simulation.draw(Call(str(i), "a")).plan.last_byte_s for _ in range(12)] for i in range(400)]
    scores = stats.norm.ppf((np.array(rows).ravel().argsort().argsort() + 0.5) / 4_800).reshape(400, 12)
    means = scores.mean(axis=1)
    assert np.mean(np.abs(means) < 0.4) < 0.02
    assert 0.4 < np.mean(means > 0) < 0.6


def test_outcomes_follow_the_previous_one_of_the_same_tool():
    simulation = Simulation(profile(), 3)
    after: dict[str, Counter[str]] = {}
    for episode in range(200):
        previous = START
        for _ in range(50):
            kind = simulation.draw(Call(str(episode), "a")).plan.outcome
            after.setdefault(previous, Counter())[kind] += 1
            previous = kind
    bad = after["http_5xx:503"]
    # 4 standard errors of a share of about 1,000 calls; the stated probability is (50 + p) / 101.
    assert bad["http_5xx:503"] / bad.total() == pytest.approx(0.497, abs=0.065)
    assert after["ok"]["http_5xx:503"] / after["ok"].total() == pytest.approx(50 / 950, abs=0.01)


def test_the_clock_step_of_the_recorder_is_reproduced():
    coarse = ToolLaws(10, 1, COUNTS, {"ok": LatencyTable(10, EXPONENTIAL_S)}, resolution_s=0.01)
    simulation = Simulation(Profile({"a": coarse}, laws()), 1)
    for _ in range(100):
        steps = simulation.draw(Call("e", "a")).plan.last_byte_s / 0.01
        assert steps == pytest.approx(round(steps), abs=1e-9)
        assert steps >= 1


def test_a_tool_never_seen_adopts_the_law_of_one_sibling_and_says_so():
    siblings = {f"GET api.example.com/t{i}": laws(10.0 ** (i + 1)) for i in range(3)}
    simulation = Simulation(Profile(siblings, laws()), 1)
    tool = "GET api.example.com/new"
    tables = [siblings[name].latency["ok"].quantiles_s for name in siblings]
    assert simulation.model(tool).latency("ok").quantiles_s in tables
    assert simulation.draw(Call("e", tool)).plan.support == "server"
    assert Simulation(Profile(siblings, laws()), 2).model(tool).latency("ok") == simulation.model(
        tool
    ).latency("ok")


def test_a_tool_without_siblings_is_simulated_by_the_law_of_all():
    overall = laws(7.0)
    simulation = Simulation(Profile({"a": laws()}, overall), 1)
    assert simulation.model("GET api.example.com/new").latency("ok") == overall.latency["ok"]


def test_a_tool_without_any_recorded_latency_answers_at_once_and_says_so():
    plan = Simulation(Profile({}, ToolLaws(0, 0, OutcomeCounts({}), {})), 1).draw(Call("e", "x")).plan
    assert plan.last_byte_s == 0.0
    assert plan.support == "assumed"
