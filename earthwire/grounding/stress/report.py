"""The result of a stress test as one document: the same for the same recipe, agent and seeds, but for timings.

Members that are called ``timings`` depend on how long things took; nothing else does.
"""

from typing import Literal

import msgspec

from earthwire.grounding.stress.episode_result import EpisodeResult
from earthwire.grounding.stress.findings import ArmFinding, Gap
from earthwire.grounding.stress.radius import Radius
from earthwire.grounding.stress.randomisation import EdgeTrial, Limits, RandomisationSettings
from earthwire.grounding.stress.stress_verdict import StressVerdict


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What runs: results of equal subjects can be put together.

    Attributes:
        recipe: its name, or that of its file.
        recipe_hash: of the recipe with its profile.
        agent: its command.
    """

    recipe: str
    recipe_hash: str
    agent: str


class Randomisation(msgspec.Struct, frozen=True):
    """What automatic domain randomisation found.

    Attributes:
        settings: how ranges grow and shrink.
        trials: edges that were tried, in order.
        limits: how wide the ranges are in the end.
    """

    settings: RandomisationSettings
    trials: tuple[EdgeTrial, ...]
    limits: Limits


class ReportTimings(msgspec.Struct, frozen=True):
    """How long it took.

    Attributes:
        agent_s: all runs, one after the other.
    """

    agent_s: float = 0.0


class StressReport(msgspec.Struct, frozen=True, kw_only=True):
    """The result file, version 1.

    Attributes:
        earthwire_stress: version of the format.
        subject: what ran.
        channels: of the recipe.
        multiples: of the channels.
        seeds: runs of each arm; they have the seeds from 0 on.
        is_complete: all runs were made; else it can be gone on with.
        verdict, arms, gaps: what the runs say, once they are complete.
        radius: the robust radius, if it was asked for.
        randomisation: of automatic domain randomisation, if it was asked for.
        episodes: all runs, by exposure and seed.
        timings: of the whole test.
    """

    earthwire_stress: Literal[1] = 1
    subject: Subject
    channels: tuple[str, ...]
    multiples: tuple[float, ...]
    seeds: int
    is_complete: bool
    verdict: StressVerdict | None = None
    arms: tuple[ArmFinding, ...] = ()
    gaps: tuple[Gap, ...] = ()
    radius: Radius | None = None
    randomisation: Randomisation | None = None
    episodes: tuple[EpisodeResult, ...] = ()
    timings: ReportTimings = ReportTimings()


def encoded(report: StressReport) -> bytes:
    """Return a report as JSON, one line a value, with a line break at its end. Its tables are in order already."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"


def decoded(data: bytes) -> StressReport:
    """Return the report that `encoded` has written.

    Raises:
        msgspec.DecodeError: if it is none.
    """
    return msgspec.json.decode(data, type=StressReport)
