"""Automatic domain randomisation: how wide a range of conditions an agent copes with, channel by channel.

OpenAI et al., "Solving Rubik's Cube with a Robot Hand" (2019), section 5: each parameter is drawn from a range;
episodes at the edge of one range decide whether that one grows or shrinks. Here a parameter is a channel, its range
goes from 0 to a limit, and the multiples of the other channels are drawn from their own ranges.
"""

from collections.abc import Sequence

import msgspec

from earthwire.fault_models.conditions.exposure import Channel, Exposure
from earthwire.fault_models.uniforms import UniformStream

Limits = dict[Channel, float]


class RandomisationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How ranges grow and shrink.

    Attributes:
        seed: of all draws.
        rounds: edges that are tried, the channels in turn.
        batch: runs for each.
        step: by which a limit changes.
        most: largest limit.
        widen_from: success rate from which on a range grows.
        shrink_to: success rate up to which it shrinks.
    """

    seed: int = 0
    rounds: int = 12
    batch: int = 8
    step: float = 0.25
    most: float = 8.0
    widen_from: float = 0.8
    shrink_to: float = 0.5


class EdgeTrial(msgspec.Struct, frozen=True):
    """One edge that was tried.

    Attributes:
        channel: whose edge.
        limit: where it was.
        success: share of tasks that succeeded there.
        next_limit: where it went.
    """

    channel: Channel
    limit: float
    success: float
    next_limit: float


def first_limits(channels: Sequence[Channel], settings: RandomisationSettings) -> Limits:
    """Return the ranges to begin with: one step wide."""
    return dict.fromkeys(channels, settings.step)


def edge_of(channels: Sequence[Channel], index: int) -> Channel:
    """Return whose edge is tried in a round."""
    return channels[index % len(channels)]


def edge_exposures(
    settings: RandomisationSettings, limits: Limits, channel: Channel, index: int
) -> list[Exposure]:
    """Return what the runs of a round meet, in order."""
    exposures = []
    for run in range(settings.batch):
        drawn = {
            other: round(limit * UniformStream(settings.seed, "edge", str(index), other).at(run)[0], 6)
            for other, limit in limits.items()
        }
        exposures.append(Exposure(**{**drawn, channel: limits[channel]}))
    return exposures


def edge_seeds(settings: RandomisationSettings, index: int) -> range:
    """Return the seeds of the runs of a round: no two rounds share any."""
    return range(index * settings.batch, (index + 1) * settings.batch)


def after_trial(
    settings: RandomisationSettings, limits: Limits, channel: Channel, success: float
) -> EdgeTrial:
    """Return where an edge goes after its trial."""
    limit = limits[channel]
    change = 0.0
    if success >= settings.widen_from:
        change = settings.step
    elif success <= settings.shrink_to:
        change = -settings.step
    return EdgeTrial(channel, limit, success, round(min(max(limit + change, 0.0), settings.most), 9))
