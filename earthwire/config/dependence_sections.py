"""The parts of a profile file that say how the latencies of one session hang together."""

import base64
import struct
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from earthwire.config.located_yaml import Section
from earthwire.fault_models.laws.dependence import Dependence, SessionLevels
from earthwire.fault_models.laws.donors import DonorRanks
from earthwire.fault_models.laws.sequence import SequenceLaw

Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Score = Annotated[float, Field(ge=-10.0, le=10.0)]
Spread = Annotated[float, Field(gt=0.0, le=10.0)]

NODES_MAX = 16


class SessionLevelsSection(Section):
    """Levels and spreads of recorded sessions, in normal scores: 0 is usual, 1 slow as the slowest sixth of calls.

    Sessions in the same place of two tools' lists are alike, as far as can be: an episode takes one place for all.
    `jitters` say how much a tool's calls vary from one to the next, relative to the spread; none stands for 1.
    """

    session_count: Count
    levels: Annotated[list[Score], Field(min_length=1)]
    spreads: Annotated[list[Spread], Field(min_length=1)]
    jitters: list[Spread] = []

    @model_validator(mode="after")
    def _in_pairs(self) -> Self:
        if len(self.levels) != len(self.spreads):
            raise ValueError(f"{len(self.levels)} levels but {len(self.spreads)} spreads: they come in pairs")
        if self.jitters and len(self.jitters) != len(self.levels):
            raise ValueError(
                f"{len(self.levels)} levels but {len(self.jitters)} jitters: there is one each, or none at all"
            )
        return self


class DonorRanksSection(Section):
    """Ranks of a tool's calls in donor sessions.

    `sessions` are positions in the profile's `donor_levels`, `lengths` the calls of the tool in each of them, and
    `ranks` all their ranks in order, each a little-endian unsigned 16-bit number, as base64.
    """

    sessions: list[Count]
    lengths: list[Count]
    ranks: str

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if len(self.sessions) != len(self.lengths):
            raise ValueError(
                f"{len(self.sessions)} sessions but {len(self.lengths)} lengths: they come in pairs"
            )
        if any(after <= before for before, after in pairwise(self.sessions)):
            raise ValueError("sessions must rise")
        if sum(self.lengths) != len(_decoded(self.ranks)):
            raise ValueError(
                f"lengths add up to {sum(self.lengths)}, but there are {len(_decoded(self.ranks))} ranks"
            )
        return self


class DependenceSection(Section):
    """How the latencies of one session hang together, beside its level and spread."""

    tool_share: Share = 0.0
    level_share: Share = 0.0
    level_memory: Share = 0.0
    session_count: Count = 0
    pair_count: Count = 0
    jitter_contrast: Share = 0.0

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        total = self.tool_share + self.level_share
        if total > 1.0:
            raise ValueError(
                f"tool_share and level_share must not add up to more than 1; here it is {total:g}"
            )
        return self


class SequenceSection(Section):
    """How normal scores follow from the tool's earlier calls in the episode.

    `shifts`, `scales` and `shares` stand at 0, 1, 3, 7, … earlier calls; the shares of calls there sum to 1.
    """

    shifts: Annotated[list[Score], Field(min_length=1, max_length=NODES_MAX)]
    scales: Annotated[list[Spread], Field(min_length=1, max_length=NODES_MAX)]
    shares: Annotated[
        list[Annotated[float, Field(ge=0.0, le=1.0)]], Field(min_length=1, max_length=NODES_MAX)
    ]
    fault_shift: Score = 0.0
    fault_scale: Spread = 1.0
    fault_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if not len(self.shifts) == len(self.scales) == len(self.shares):
            raise ValueError(
                f"{len(self.shifts)} shifts, {len(self.scales)} scales and {len(self.shares)} shares: "
                "there is one each"
            )
        if abs(sum(self.shares) - 1.0) > 1e-3:
            raise ValueError(f"shares sum to {sum(self.shares):g}: they sum to 1")
        return self


def donor_ranks(section: DonorRanksSection) -> DonorRanks:
    """Return the ranks of a section."""
    return DonorRanks(tuple(section.sessions), tuple(section.lengths), _decoded(section.ranks))


def session_levels(section: SessionLevelsSection) -> SessionLevels:
    """Return the sessions of a section."""
    return SessionLevels(
        section.session_count, tuple(section.levels), tuple(section.spreads), tuple(section.jitters)
    )


def dependence_law(section: DependenceSection) -> Dependence:
    """Return the shares of a section."""
    return Dependence(**section.model_dump())


def dependence_section(dependence: Dependence) -> dict[str, object]:
    """Return shares as they are written."""
    section = {name: getattr(dependence, name) for name in DependenceSection.model_fields}
    if not dependence.jitter_contrast:
        del section["jitter_contrast"]
    return section


def levels_section(levels: SessionLevels) -> dict[str, object]:
    """Return sessions as they are written."""
    section: dict[str, object] = {
        "session_count": levels.session_count,
        "levels": list(levels.levels),
        "spreads": list(levels.spreads),
    }
    if levels.jitters:
        section["jitters"] = list(levels.jitters)
    return section


def donor_ranks_section(ranks: DonorRanks) -> dict[str, object]:
    """Return ranks as they are written."""
    return {
        "sessions": list(ranks.sessions),
        "lengths": list(ranks.lengths),
        "ranks": _encoded(ranks.ranks),
    }


def sequence_law(section: SequenceSection) -> SequenceLaw:
    """Return the law of a section."""
    return SequenceLaw(
        tuple(section.shifts),
        tuple(section.scales),
        tuple(section.shares),
        section.fault_shift,
        section.fault_scale,
        section.fault_share,
    )


def sequence_section(law: SequenceLaw) -> dict[str, object]:
    """Return a law as it is written."""
    section: dict[str, object] = {
        "shifts": list(law.shifts),
        "scales": list(law.scales),
        "shares": list(law.shares),
    }
    if law.fault_share:
        section |= {
            "fault_shift": law.fault_shift,
            "fault_scale": law.fault_scale,
            "fault_share": law.fault_share,
        }
    return section


def _decoded(ranks: str) -> tuple[int, ...]:
    """Return the ranks of a base64 block.

    Raises:
        ValueError: if it is not base64 of whole 16-bit numbers.
    """
    block = base64.b64decode(ranks, validate=True)
    return struct.unpack(f"<{len(block) // 2}H", block)


def _encoded(ranks: tuple[int, ...]) -> str:
    return base64.b64encode(struct.pack(f"<{len(ranks)}H", *ranks)).decode()
