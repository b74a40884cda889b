"""The parts of a profile file that say how slow tools are: latency tables and the share until the first byte."""

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from earthwire.config.located_yaml import Section
from earthwire.fault_models.laws.first_byte import SHARE_LEVELS, FirstByteLaw
from earthwire.fault_models.laws.latency import LATENCY_S_MAX, LEVELS, Extrapolation, LatencyTable
from earthwire.fault_models.plan import Support

Calls = Annotated[int, Field(ge=0, le=2**63 - 1)]
Milliseconds = Annotated[float, Field(gt=0.0, le=1e3 * LATENCY_S_MAX)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveShare = Annotated[float, Field(gt=0.0, le=1.0)]


class ExtrapolationSection(Section):
    """What is inferred beyond the largest time limit that calls ran into."""

    limit_ms: Milliseconds
    share_beyond: Probability
    doubled_low: Probability
    doubled_high: Probability


class LatencySection(Section):
    """Latency quantiles in milliseconds at the 63 levels of `earthwire.fault_models.laws.latency.LEVELS`."""

    count: Calls
    censored_count: Calls = 0
    support: Support
    quantiles_ms: Annotated[list[Milliseconds], Field(min_length=len(LEVELS), max_length=len(LEVELS))]
    extrapolation: ExtrapolationSection | None = None

    @model_validator(mode="after")
    def _rising(self) -> Self:
        for i, (before, after) in enumerate(pairwise(self.quantiles_ms)):
            if after < before:
                raise ValueError(
                    f"quantiles_ms must not fall, as they do from {before:g} at level {LEVELS[i]:g} "
                    f"to {after:g} at level {LEVELS[i + 1]:g}"
                )
        return self


class FirstByteSection(Section):
    """Share of the latency until the first byte: quantiles at `earthwire.fault_models.laws.first_byte.SHARE_LEVELS`."""

    count: Calls
    shares: Annotated[list[PositiveShare], Field(min_length=len(SHARE_LEVELS), max_length=len(SHARE_LEVELS))]
    rank_correlation: Annotated[float, Field(gt=-1.0, lt=1.0)] = 0.0

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if any(after < before for before, after in pairwise(self.shares)):
            raise ValueError("shares must not fall")
        return self


def latency_table(section: LatencySection) -> LatencyTable:
    """Return the table of a section."""
    return LatencyTable(
        count=section.count,
        quantiles_s=tuple(value / 1e3 for value in section.quantiles_ms),
        censored_count=section.censored_count,
        support=section.support,
        extrapolation=None if section.extrapolation is None else _extrapolation(section.extrapolation),
    )


def table_section(table: LatencyTable) -> dict[str, object]:
    """Return a table as it is written."""
    section: dict[str, object] = {"count": table.count}
    if table.censored_count:
        section["censored_count"] = table.censored_count
    section["support"] = table.support
    section["quantiles_ms"] = [milliseconds(value) for value in table.quantiles_s]
    if table.extrapolation is not None:
        inferred = table.extrapolation
        section["extrapolation"] = {
            "limit_ms": milliseconds(inferred.limit_s),
            "share_beyond": inferred.share_beyond,
            "doubled_low": inferred.doubled_low,
            "doubled_high": inferred.doubled_high,
        }
    return section


def first_byte_law(section: FirstByteSection | None) -> FirstByteLaw | None:
    """Return the law of a section, if there is one."""
    if section is None:
        return None
    return FirstByteLaw(section.count, tuple(section.shares), section.rank_correlation)


def first_byte_section(law: FirstByteLaw) -> dict[str, object]:
    """Return a law as it is written."""
    return {"count": law.count, "shares": list(law.shares), "rank_correlation": law.rank_correlation}


def milliseconds(value_s: float) -> float:
    """Return seconds in milliseconds, to 6 significant digits."""
    return float(f"{value_s * 1e3:.6g}")


def _extrapolation(section: ExtrapolationSection) -> Extrapolation:
    return Extrapolation(
        section.limit_ms / 1e3, section.share_beyond, section.doubled_low, section.doubled_high
    )
