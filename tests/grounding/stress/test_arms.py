from earthwire.fault_models.conditions.exposure import CLEAN, Exposure
from earthwire.grounding.stress import all_arm, arms_of


def test_each_channel_alone_and_all_together_at_every_multiple() -> None:
    arms = arms_of(("observation", "transition"), (1.0, 2.0))
    assert [arm.name for arm in arms] == [
        "clean",
        "observation",
        "transition",
        "all",
        "observation x2",
        "transition x2",
        "all x2",
    ]
    assert arms[0].exposure == CLEAN
    assert arms[2].exposure == Exposure(transition=1.0)
    assert arms[6].exposure == Exposure(observation=2.0, transition=2.0)


def test_one_channel_alone_is_all_there_is() -> None:
    assert [arm.name for arm in arms_of(("transition",), (0.5,))] == ["clean", "transition x0.5"]
    assert all_arm(("transition",), 1.0).name == "transition"


def test_at_zero_all_is_clean() -> None:
    assert all_arm(("observation", "action"), 0.0) == arms_of(("observation",), (1.0,))[0]
