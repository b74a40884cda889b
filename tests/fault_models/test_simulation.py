import random
from collections import Counter

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


def profile(dependence: Dependence = Dependence()) -> Profile:
    return Profile({"a": laws(), "b": laws(2.0), "c": laws(3.0)}, {}, laws(), dependence)


DEPENDENT = profile(Dependence(session_share=0.2, tool_share=0.1, level_share=0.3, level_memory=0.8))


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


@pytest.mark.parametrize("dependence", [Dependence(), DEPENDENT.dependence])
def test_the_marginal_is_the_table_whatever_the_dependence(dependence: Dependence):
    """One call an episode: latencies are independent, so the one-sample KS test applies (α = 0.001, seed fixed)."""
    simulation = Simulation(profile(dependence), 11)
    latencies = [simulation.draw(Call(str(i), "a")).plan.last_byte_s for i in range(4_000)]
    inside = [value for value in latencies if EXPONENTIAL_S[0] < value < EXPONENTIAL_S[-1]]
    truncated = stats.truncexpon(b=EXPONENTIAL_S[-1] - EXPONENTIAL_S[0], loc=EXPONENTIAL_S[0])
    assert stats.kstest(inside, truncated.cdf).pvalue > 1e-3


def test_the_marginal_test_rejects_a_law_that_is_off_by_a_fifth():
    simulation = Simulation(Profile({"a": laws(1.2)}, {}, laws()), 11)
    latencies = [simulation.draw(Call(str(i), "a")).plan.last_byte_s for i in range(4_000)]
    assert stats.kstest(latencies, stats.expon.cdf).pvalue < 1e-3


def test_calls_of_one_episode_hang_together_as_stated():
    """Rank correlation of two calls of an episode: a_s across tools, a_s + a_t + a_l φ for neighbours of one tool."""
    simulation = Simulation(DEPENDENT, 2)
    scores = []
    for i in range(6_000):
        drawn = [simulation.draw(Call(str(i), tool)).plan.last_byte_s for tool in ("a", "a", "b")]
        scores.append(drawn)
    ranks = np.array(scores).argsort(axis=0).argsort(axis=0)
    normal = stats.norm.ppf((ranks + 0.5) / len(ranks))
    correlation = np.corrcoef(normal.T)
    # The standard error at 6,000 episodes is below 0.013; the bound is 4 of them.
    assert correlation[0, 1] == pytest.approx(0.2 + 0.1 + 0.3 * 0.8, abs=0.052)
    assert correlation[0, 2] == pytest.approx(0.2, abs=0.052)


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
    simulation = Simulation(Profile({"a": coarse}, {}, laws()), 1)
    for _ in range(100):
        steps = simulation.draw(Call("e", "a")).plan.last_byte_s / 0.01
        assert steps == pytest.approx(round(steps), abs=1e-9)
        assert steps >= 1


def test_a_tool_never_seen_is_simulated_by_its_siblings_and_says_so():
    group = ToolLaws(9, None, COUNTS, {"ok": LatencyTable(9, EXPONENTIAL_S, support="server")})
    grouped = Profile({}, {"GET api.example.com": group}, laws())
    plan = Simulation(grouped, 1).draw(Call("e", "GET api.example.com/new")).plan
    assert plan.support == "server"


def test_a_tool_without_any_recorded_latency_answers_at_once_and_says_so():
    plan = Simulation(Profile({}, {}, ToolLaws(0, 0, OutcomeCounts({}), {})), 1).draw(Call("e", "x")).plan
    assert plan.last_byte_s == 0.0
    assert plan.support == "assumed"
