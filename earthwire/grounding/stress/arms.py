"""The arms of a stress test: clean, each channel alone, all together, at every multiple that is asked for."""

from collections.abc import Iterator, Sequence

import msgspec

from earthwire.fault_models.conditions.exposure import CLEAN, Channel, Exposure, exposed_to

CLEAN_ARM = "clean"
ALL_ARM = "all"


class Arm(msgspec.Struct, frozen=True):
    """One column of the experiment: every seed runs once under it.

    Attributes:
        name: ``clean``, a channel, or ``all``, with its multiple where that is not 1.
        exposure: how much of each channel.
        kind: the name without the multiple.
        multiple: of the channels that are on; 0 when clean.
    """

    name: str
    exposure: Exposure
    kind: str
    multiple: float


def arm_name(kind: str, multiple: float) -> str:
    """Return the name of an arm.

    >>> arm_name("all", 1.0), arm_name("transition", 0.5)
    ('all', 'transition x0.5')
    """
    return kind if multiple == 1.0 else f"{kind} x{multiple:g}"


def arms_of(channels: Sequence[Channel], multiples: Sequence[float]) -> tuple[Arm, ...]:
    """Return the arms: with one channel alone, that one is all there is."""
    return tuple(_arms(channels, multiples))


def all_arm(channels: Sequence[Channel], multiple: float) -> Arm:
    """Return the arm in which all channels are on."""
    if multiple == 0.0:
        return Arm(CLEAN_ARM, CLEAN, CLEAN_ARM, 0.0)
    kind = channels[0] if len(channels) == 1 else ALL_ARM
    return Arm(arm_name(kind, multiple), exposed_to(channels, multiple), kind, multiple)


def _arms(channels: Sequence[Channel], multiples: Sequence[float]) -> Iterator[Arm]:
    yield all_arm(channels, 0.0)
    for multiple in multiples:
        for channel in channels:
            yield Arm(arm_name(channel, multiple), exposed_to([channel], multiple), channel, multiple)
        if len(channels) > 1:
            yield all_arm(channels, multiple)
