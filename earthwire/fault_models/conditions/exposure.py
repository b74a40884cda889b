"""How much of each channel an episode meets, as multiples of what its recipe says."""

from collections.abc import Iterable
from typing import Final, Literal, get_args

import msgspec

Channel = Literal["observation", "action", "transition", "reward"]

CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)
"""The four ways in which a simulation may differ from reality, in the order of tables."""


class Exposure(msgspec.Struct, frozen=True, order=True):
    """Multiples of a recipe's channels: 0 switches one off, 1 is as the recipe says, more is harsher.

    Attributes:
        observation, action, transition, reward: multiple of each channel, not negative.
    """

    observation: float = 0.0
    action: float = 0.0
    transition: float = 0.0
    reward: float = 0.0

    def of(self, channel: Channel) -> float:
        """Return the multiple of one channel."""
        return float(getattr(self, channel))

    @property
    def channels_on(self) -> tuple[Channel, ...]:
        """The channels that are not off."""
        return tuple(channel for channel in CHANNELS if self.of(channel) > 0)


CLEAN = Exposure()
"""All channels off."""


def exposed_to(channels: Iterable[Channel], multiple: float) -> Exposure:
    """Return the exposure to some channels at one multiple, and to no other.

    >>> exposed_to(["transition"], 2.0)
    Exposure(observation=0.0, action=0.0, transition=2.0, reward=0.0)
    """
    return Exposure(**dict.fromkeys(channels, multiple))
