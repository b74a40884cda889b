from earthwire.fault_models.conditions.exposure import Channel
from earthwire.grounding.stress import (
    Limits,
    RandomisationSettings,
    after_trial,
    edge_exposures,
    edge_of,
    edge_seeds,
    first_limits,
)

CHANNELS: tuple[Channel, ...] = ("observation", "transition")
SETTINGS = RandomisationSettings(seed=5, rounds=60, batch=40, step=0.25, most=4.0)


def run(copes_to: dict[Channel, float]) -> Limits:
    """An agent that succeeds as long as every channel is within what it copes with."""
    limits = first_limits(CHANNELS, SETTINGS)
    for index in range(SETTINGS.rounds):
        channel = edge_of(CHANNELS, index)
        exposures = edge_exposures(SETTINGS, limits, channel, index)
        good = sum(all(one.of(name) <= most for name, most in copes_to.items()) for one in exposures)
        limits[channel] = after_trial(SETTINGS, limits, channel, good / len(exposures)).next_limit
    return limits


def test_ranges_grow_to_what_the_agent_copes_with() -> None:
    limits = run({"observation": 1.0, "transition": 2.0})
    assert abs(limits["observation"] - 1.0) <= SETTINGS.step
    assert abs(limits["transition"] - 2.0) <= SETTINGS.step


def test_ranges_of_an_agent_that_copes_with_everything_end_at_the_bound() -> None:
    assert run({}) == {"observation": 4.0, "transition": 4.0}


def test_ranges_of_an_agent_that_copes_with_nothing_close() -> None:
    assert run({"observation": -1.0}) == {"observation": 0.0, "transition": 0.0}


def test_others_are_drawn_inside_their_ranges_and_the_edge_stays_at_its_limit() -> None:
    limits: Limits = {"observation": 2.0, "transition": 1.0}
    exposures = edge_exposures(SETTINGS, limits, "transition", 3)
    assert {one.transition for one in exposures} == {1.0}
    assert all(0.0 < one.observation < 2.0 for one in exposures)
    assert len({one.observation for one in exposures}) == len(exposures)
    assert exposures == edge_exposures(SETTINGS, limits, "transition", 3)


def test_rounds_share_no_seed() -> None:
    seeds = [seed for index in range(5) for seed in edge_seeds(SETTINGS, index)]
    assert len(set(seeds)) == len(seeds)
