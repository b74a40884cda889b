"""The part of a profile file that says how streamed responses come."""

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from earthwire.config.located_yaml import Section
from earthwire.fault_models.laws.stream import CHUNK_LEVELS, GAP_LEVELS, StreamLaw

Streams = Annotated[int, Field(ge=0, le=2**63 - 1)]
Chunks = Annotated[float, Field(ge=1.0, le=1e9)]
Gap = Annotated[float, Field(ge=0.0, le=1e9)]


class StreamSection(Section):
    """Numbers of chunks, and gaps over the mean gap of their stream, as quantiles.

    Their levels are `CHUNK_LEVELS` and `GAP_LEVELS` of `earthwire.fault_models.laws.stream`.
    """

    count: Streams
    chunks: Annotated[list[Chunks], Field(min_length=len(CHUNK_LEVELS), max_length=len(CHUNK_LEVELS))]
    gaps: Annotated[list[Gap], Field(min_length=len(GAP_LEVELS), max_length=len(GAP_LEVELS))]
    chunk_rank_correlation: Annotated[float, Field(gt=-1.0, lt=1.0)] = 0.0
    gap_memory: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0

    @model_validator(mode="after")
    def _rising(self) -> Self:
        for name, values in (("chunks", self.chunks), ("gaps", self.gaps)):
            if any(after < before for before, after in pairwise(values)):
                raise ValueError(f"{name} must not fall")
        return self


def stream_law(section: StreamSection) -> StreamLaw:
    """Return the law of a section."""
    return StreamLaw(
        section.count,
        tuple(section.chunks),
        tuple(section.gaps),
        section.chunk_rank_correlation,
        section.gap_memory,
    )


def stream_section(law: StreamLaw) -> dict[str, object]:
    """Return a law as it is written."""
    return {
        "count": law.count,
        "chunks": list(law.chunks),
        "gaps": list(law.gaps),
        "chunk_rank_correlation": law.chunk_rank_correlation,
        "gap_memory": law.gap_memory,
    }
