import math

import pytest

from earthwire.config import read_profile, shipped_profile_path
from earthwire.fault_models import (
    Call,
    GroundedSimulation,
    Patience,
    Plan,
    RelayBody,
    Simulation,
    Wait,
    plan_digest,
)
from earthwire.fault_models.plan import Abort
from earthwire.proxy.calls.pass_through import PassThrough
from earthwire.proxy.calls.routes import Route
from earthwire.proxy.episodes.episodes import (
    EpisodeExistsError,
    EpisodeRun,
    Episodes,
    EpisodeSettings,
    TooManyEpisodesError,
)
from earthwire.proxy.limits import Limits
from earthwire.proxy.timing.clock import Clock
from earthwire.proxy.timing.simulated_clocks import VIRTUAL_CLOCK, ScaledClock

LAWS = Simulation(read_profile(shipped_profile_path("demo")), 1)
CALL = Call("default", "GET registry.access-ci.org/search")


class StoppedClock:
    def __init__(self, now_s: float) -> None:
        self.now_s = now_s
        self.deadlines_s: list[float] = []

    def now(self) -> float:
        return self.now_s

    async def wait_until(self, deadline_s: float) -> None:
        self.deadlines_s.append(deadline_s)


def run_of(**settings: object) -> EpisodeRun:
    return EpisodeRun("e", EpisodeSettings(**settings), 0.0, Limits())


def route_of(planner: object, name: str = "tool") -> Route:
    return Route(name, None, planner)


def digests(planner, count: int = 50) -> list[str]:
    return [plan_digest(planner.draw(CALL).plan) for _ in range(count)]


def test_an_episode_draws_with_its_own_seed() -> None:
    planner = run_of(seed=9).route(route_of(LAWS)).planner
    assert planner.seed == 9
    assert digests(planner) == digests(LAWS.variant(seed=9)) != digests(LAWS.variant(seed=1))


def test_an_episode_without_settings_draws_as_the_recipe_says_and_from_the_first_call_on() -> None:
    used = LAWS.variant()
    digests(used, 3)
    assert digests(run_of().route(route_of(used)).planner) == digests(LAWS.variant())


def test_routes_that_share_a_planner_share_the_episodes_one() -> None:
    run = run_of(seed=9)
    first, second = run.route(route_of(LAWS, "a")), run.route(route_of(LAWS, "b"))
    assert first.planner is second.planner
    assert run.route(route_of(LAWS, "a")).planner is first.planner


def test_a_new_route_of_the_same_name_replaces_the_old_one() -> None:
    run = run_of(seed=9)
    before = run.route(route_of(LAWS))
    after = run.route(route_of(LAWS.variant()))
    assert after.planner is not before.planner


def test_a_grounded_planner_keeps_what_it_knows_of_the_upstreams() -> None:
    grounded = GroundedSimulation(LAWS)
    own = run_of(seed=9).route(route_of(grounded)).planner
    grounded.observe("t", 0.1)
    assert own.seed == 9
    assert own._upstreams is grounded._upstreams


def test_a_planner_without_laws_stays_as_it_is() -> None:
    planner = PassThrough()
    assert run_of(seed=9).route(route_of(planner)).planner is planner


def test_severity_and_randomness_of_the_laws_are_the_episodes_own() -> None:
    clean = run_of(severity=0.0).route(route_of(LAWS)).planner
    assert {clean.draw(CALL).plan.outcome for _ in range(300)} == {"ok"}
    assert run_of(randomize=True).route(route_of(LAWS)).planner.randomize


def test_the_clock_is_the_episodes_own() -> None:
    real = StoppedClock(0.0)
    assert run_of().clock(real, 0.0) is real
    assert run_of(clock="virtual").clock(real, 0.0) is VIRTUAL_CLOCK
    assert isinstance(run_of(clock="scaled", speed=2.0).clock(real, 0.0), ScaledClock)


def test_in_virtual_time_every_deadline_has_come() -> None:
    assert VIRTUAL_CLOCK.now() == math.inf
    assert VIRTUAL_CLOCK.wait_until(1e12).fired


def test_scaled_time_counts_from_the_arrival() -> None:
    real = StoppedClock(11.0)
    clock: Clock = ScaledClock(real, 10.0, 4.0)
    assert clock.now() == 14.0
    waiting = clock.wait_until(18.0)
    with pytest.raises(StopIteration):
        waiting.send(None)
    assert real.deadlines_s == [12.0]


@pytest.mark.parametrize("clock", ["real", "scaled"])
def test_only_virtual_time_ends_the_clients_patience_for_it(clock) -> None:
    plan = Plan("ok", 0.0, 9.0, (Wait(9.0), RelayBody(9.0)), "tool")
    settings = {"patience": Patience(1.0)}
    assert run_of(clock=clock, **settings).performed(plan) is plan
    assert run_of(clock="virtual", **settings).performed(plan).outcome == "timeout"


def test_silence_ends_in_virtual_time_even_for_a_patient_client() -> None:
    assert run_of(clock="virtual").performed(Plan("timeout", 0.0, 0.0, (Abort("hang"),), "tool")).steps != ()


def test_ids_are_unique_until_they_end_and_counted_from_the_start() -> None:
    forgotten: list[str] = []
    episodes = Episodes(Limits(declared_episodes_max=2), forgotten.append)
    run = episodes.declare("a", EpisodeSettings(), 1.0)
    assert episodes.get("a") is run
    with pytest.raises(EpisodeExistsError):
        episodes.declare("a", EpisodeSettings(), 2.0)
    assert episodes.end("a") is run
    assert episodes.end("a") is None
    assert episodes.get("a") is None
    assert forgotten == ["a", "a"]


def test_there_is_room_for_so_many_episodes_and_room_again_when_one_ends() -> None:
    episodes = Episodes(Limits(declared_episodes_max=2), lambda _: None)
    for name in "ab":
        episodes.declare(name, EpisodeSettings(), 1.0)
    with pytest.raises(TooManyEpisodesError, match="2 episodes"):
        episodes.declare("c", EpisodeSettings(), 1.0)
    episodes.end("a")
    episodes.declare("c", EpisodeSettings(), 1.0)
    assert [run.episode for run in episodes] == ["b", "c"]
    assert len(episodes) == 2


def test_what_a_clock_makes_longer_did_not_take_so_long() -> None:
    assert run_of().wall_s(8.0) == 8.0
    assert run_of(clock="scaled", speed=4.0).wall_s(8.0) == 2.0
    assert run_of(clock="virtual").wall_s(8.0) == 0.0
