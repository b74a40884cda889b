"""Episodes that fail as a whole do so for all tools, whatever the order of calls."""

from collections.abc import Sequence

import msgspec
import pytest

from earthwire.fault_models.call import Call
from earthwire.fault_models.laws.dependence import SessionLevels
from earthwire.fault_models.laws.donors import DonorRanks
from earthwire.fault_models.laws.failing_sessions import FailingEpisodes, FailingSessions
from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
from earthwire.fault_models.laws.outcome import START, OutcomeCounts
from earthwire.fault_models.profile import Profile, ToolLaws
from earthwire.fault_models.simulation import Simulation

BAD = "http_4xx:403"
TABLE = LatencyTable(1_000, tuple(0.1 + i / 100 for i in range(len(LEVELS))))
OUTCOMES = OutcomeCounts({START: {"ok": 800, BAD: 200}, "ok": {"ok": 8_000}, BAD: {BAD: 2_000}})
FAILING = OutcomeCounts({START: {BAD: 200}, BAD: {BAD: 2_000}})
EPISODES = [f"e{i}" for i in range(400)]


def laws(**changes: object) -> ToolLaws:
    made = ToolLaws(11_000, 1_000, OUTCOMES, {"ok": TABLE, BAD: TABLE}, failing_outcomes=FAILING)
    return msgspec.structs.replace(made, **changes)


def profile(by_level: tuple[float, ...] = (0.2,), **changes: object) -> Profile:
    tools = {"a": laws(), "b": laws(), "apart": laws(failing_outcomes=None)}
    made = Profile(tools, laws(), failing_sessions=FailingSessions(1_000, 200, by_level))
    return msgspec.structs.replace(made, **changes)


def outcomes(simulation: Simulation, tool: str, count: int = 3) -> dict[str, list[str]]:
    return {
        episode: [simulation.draw(Call(episode, tool, "/")).plan.outcome for _ in range(count)]
        for episode in EPISODES
    }


def failed(drawn: Sequence[str]) -> bool:
    return all(kind == BAD for kind in drawn)


def test_an_episode_fails_for_all_tools_or_for_none():
    simulation = Simulation(profile(), 1)
    a, b, unknown = (outcomes(simulation, tool) for tool in ("a", "b", "never recorded"))
    failing = {episode for episode in EPISODES if failed(a[episode])}
    # 400 episodes at .2: four standard errors are .08.
    assert len(failing) / len(EPISODES) == pytest.approx(0.2, abs=0.08)
    assert {episode for episode in EPISODES if failed(b[episode])} == failing
    assert {episode for episode in EPISODES if failed(unknown[episode])} == failing
    assert all(kind == "ok" for episode in EPISODES if episode not in failing for kind in a[episode])


def test_a_tool_with_laws_of_its_own_is_not_in_it():
    simulation = Simulation(profile(), 1)
    a, apart = outcomes(simulation, "a"), outcomes(simulation, "apart")
    assert {e for e in EPISODES if failed(apart[e])} != {e for e in EPISODES if failed(a[e])}


def test_without_the_law_tools_fail_each_by_itself():
    simulation = Simulation(profile(failing_sessions=None), 1)
    a, b = outcomes(simulation, "a"), outcomes(simulation, "b")
    both = sum(failed(a[e]) and failed(b[e]) for e in EPISODES)
    # .2 x .2 of 400 are 16.
    assert both < 40


def slow_and_fast(simulation: Simulation) -> tuple[list[bool], list[bool]]:
    """Whether "a" fails in the slowest quarter of the episodes, and in the others, going by another tool's calls."""
    mean_s = {
        e: sum(simulation.draw(Call(e, "apart", "/")).plan.last_byte_s for _ in range(8)) for e in EPISODES
    }
    drawn = outcomes(simulation, "a")
    by_mean = [failed(drawn[e]) for e in sorted(EPISODES, key=mean_s.__getitem__)]
    return by_mean[300:], by_mean[:300]


def test_slow_episodes_fail_where_slow_sessions_did():
    levels = SessionLevels(100, tuple(i / 10 - 1.6 for i in range(32)), (0.3,) * 32)
    tools = {name: laws(session_levels=levels) for name in "ab"}
    tools["apart"] = laws(session_levels=levels, failing_outcomes=None)
    served = profile(by_level=(0.0, 0.0, 0.0, 0.9), tools=tools, overall=laws(session_levels=levels))
    slow, fast = slow_and_fast(Simulation(served, 1))
    assert sum(slow) / len(slow) > 0.75
    assert sum(fast) / len(fast) < 0.08


def test_a_replayed_episode_fails_by_the_place_of_its_donor():
    numbers = tuple(range(40))
    ranks = DonorRanks(numbers, (8,) * 40, tuple(1_600 * i for i in numbers for _ in range(8)))
    tools = {name: laws(donor_ranks=ranks) for name in "ab"}
    tools["apart"] = laws(donor_ranks=ranks, failing_outcomes=None)
    levels = tuple(i / 10 - 2.0 for i in numbers)
    served = profile(by_level=(0.0, 0.0, 0.0, 0.9), tools=tools, donor_levels=levels)
    slow, fast = slow_and_fast(Simulation(served, 1))
    assert sum(slow) / len(slow) > 0.75
    assert sum(fast) / len(fast) < 0.08


@pytest.mark.parametrize(("severity", "share"), [(0.5, 1 / 9), (2.0, 1 / 3)])
def test_severity_scales_the_share_of_faults(severity: float, share: float):
    """The rates are ``s F / (1 - F + s F)`` with F = 1/5; four standard errors of 400 episodes are below .1."""
    drawn = outcomes(Simulation(profile(), 1, severity=severity), "a", 6)
    faults = [kind == BAD for kinds in drawn.values() for kind in kinds]
    assert sum(faults) / len(faults) == pytest.approx(share, abs=0.1)


def test_laws_that_are_drawn_anew_keep_the_kinds_of_episodes():
    simulation = Simulation(profile(), 1, randomize=True)
    a, b = outcomes(simulation, "a"), outcomes(simulation, "b")
    failing = {e for e in EPISODES if a[e].count(BAD) == 3}
    assert len(failing) / len(EPISODES) == pytest.approx(0.2, abs=0.08)
    assert len({e for e in EPISODES if b[e].count(BAD) == 3} ^ failing) < 0.05 * len(EPISODES)


def test_places_are_shares_of_the_sessions():
    law = FailingSessions(100, 25, (0.0, 0.125, 0.875))
    assert [law.share_at(place) for place in (0.0, 0.34, 0.999)] == [0.0, 0.125, 0.875]
    assert FailingEpisodes(law, lambda u: u).share == pytest.approx(1 / 3)
