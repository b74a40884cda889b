"""The part of a profile file that says how sure its parameters are."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from earthwire.config.located_yaml import Section
from earthwire.fault_models.intervals import Interval, Intervals, ScopeIntervals

Count = Annotated[int, Field(ge=0, le=2**63 - 1)]

_DIGITS = 5


class IntervalSection(Section):
    """An estimate between `low` and `high`; `clusters` are the independent sessions, runs or windows behind it."""

    estimate: float
    low: float
    high: float
    clusters: Count
    effective_calls: Annotated[float, Field(ge=0.0)] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")
        return self


class ScopeSection(Section):
    """Intervals by parameter, and the reason for each parameter that has none: such a one is `n/a`."""

    stated: dict[str, IntervalSection] = {}
    not_stated: dict[str, str] = {}


class IntervalsSection(Section):
    """Two-sided intervals that cover the truth in a share `confidence` of recordings."""

    confidence: Annotated[float, Field(gt=0.0, lt=1.0)]
    calls: Count
    overall: ScopeSection = ScopeSection()
    tools: dict[str, ScopeSection] = {}
    upstreams: dict[str, ScopeSection] = {}


def intervals(section: IntervalsSection) -> Intervals:
    """Return the intervals that a section describes."""
    return Intervals(
        section.confidence,
        section.calls,
        _scope(section.overall),
        {name: _scope(scope) for name, scope in section.tools.items()},
        {name: _scope(scope) for name, scope in section.upstreams.items()},
    )


def intervals_section(values: Intervals) -> dict[str, object]:
    """Return intervals as they are written, to 5 significant digits."""
    section: dict[str, object] = {
        "confidence": values.confidence,
        "calls": values.calls,
        "overall": _scope_section(values.overall),
    }
    for name, scopes in (("tools", values.tools), ("upstreams", values.upstreams)):
        if scopes:
            section[name] = {scope: _scope_section(scopes[scope]) for scope in sorted(scopes)}
    return section


def interval(section: IntervalSection) -> Interval:
    """Return the interval that a section describes."""
    return Interval(section.estimate, section.low, section.high, section.clusters, section.effective_calls)


def interval_section(value: Interval) -> dict[str, object]:
    """Return an interval as it is written."""
    section: dict[str, object] = {
        name: float(f"{getattr(value, name):.{_DIGITS}g}") for name in ("estimate", "low", "high")
    }
    section["clusters"] = value.cluster_count
    if value.effective_count is not None:
        section["effective_calls"] = value.effective_count
    return section


def _scope(section: ScopeSection) -> ScopeIntervals:
    stated = {name: interval(found) for name, found in section.stated.items()}
    return ScopeIntervals(stated, dict(section.not_stated))


def _scope_section(scope: ScopeIntervals) -> dict[str, object]:
    section: dict[str, object] = {}
    if scope.stated:
        section["stated"] = {name: interval_section(value) for name, value in scope.stated.items()}
    if scope.not_stated:
        section["not_stated"] = dict(scope.not_stated)
    return section
