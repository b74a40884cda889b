from earthwire.fault_models.conditions.exposure import CHANNELS, CLEAN, Exposure, exposed_to


def test_clean_has_every_channel_off() -> None:
    assert CLEAN.channels_on == ()
    assert exposed_to(CHANNELS, 0.0) == CLEAN


def test_channels_that_are_not_named_are_off() -> None:
    exposure = exposed_to(["action", "reward"], 2.0)
    assert exposure == Exposure(action=2.0, reward=2.0)
    assert exposure.channels_on == ("action", "reward")
    assert [exposure.of(channel) for channel in CHANNELS] == [0.0, 2.0, 0.0, 2.0]
