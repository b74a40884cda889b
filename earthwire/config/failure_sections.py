"""The parts of a profile file that say when tools fail: regimes, rate limits, sessions that fail as a whole."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from earthwire.config.located_yaml import Section
from earthwire.fault_models.laws.failing_sessions import FailingSessions
from earthwire.fault_models.laws.rate_limit import RateLimit
from earthwire.fault_models.laws.regime import (
    AGE_BINS,
    AgeHazards,
    HazardCounts,
    RegimeLaw,
    RunHistory,
    UpstreamRegime,
)
from earthwire.fault_models.plan import Support

Calls = Annotated[int, Field(ge=0, le=2**63 - 1)]
LEVELS_MAX = 100
ByAge = Annotated[list[Calls], Field(min_length=AGE_BINS, max_length=AGE_BINS)]


class HazardSection(Section):
    """How often a run of faults (or of other calls) ended, by its age in calls: 1, 2-3, 4-7, … 128 and more."""

    at_risk: ByAge
    left: ByAge

    @model_validator(mode="after")
    def _left_is_a_part(self) -> Self:
        for at_risk, left in zip(self.at_risk, self.left, strict=True):
            if left > at_risk:
                raise ValueError(f"left is {left} where only {at_risk} were at_risk")
        return self


class RegimeSection(Section):
    """When a tool fails: either `runs`, with the `calls` and `bad_calls` they add up to, or `hazards_after`.

    `runs` are the recorded lengths of runs of good and of bad calls in turn; the first is of good ones and may be 0.
    `hazards_after` holds counts for each previous outcome kind.
    """

    calls: Calls | None = None
    bad_calls: Calls | None = None
    runs: list[Calls] | None = None
    hazards_after: dict[str, HazardSection] | None = None

    @model_validator(mode="after")
    def _is_one_law(self) -> Self:
        if (self.runs is None) == (self.hazards_after is None):
            raise ValueError("either runs or hazards_after is expected, and not both")
        if self.runs is not None:
            _check_runs(self.runs, ("calls", self.calls), ("bad_calls", self.bad_calls))
        return self


class RateLimitSection(Section):
    """`quota` calls pass in each window; a window without `window_calls` was never seen to end."""

    quota: Annotated[int, Field(ge=1, le=2**53)]
    window_calls: Annotated[int, Field(ge=1, le=2**53)] | None = None
    window_s: Annotated[float, Field(gt=0.0, le=1e9)] | None = None
    refusals: Calls
    cycles: Calls
    support: Support

    @model_validator(mode="after")
    def _refuses(self) -> Self:
        if self.window_calls is not None and self.window_calls <= self.quota:
            raise ValueError(
                f"window_calls {self.window_calls} must be more than the quota {self.quota}: nothing is refused"
            )
        return self


class UpstreamSection(Section):
    """When the tools of one upstream were bad together, in ticks of 10 seconds; `runs` are as in `RegimeSection`."""

    up_calls: Calls
    up_faults: Calls
    bad_calls: Calls
    bad_faults: Calls
    ticks: Calls
    bad_ticks: Calls
    runs: list[Calls]

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        _check_runs(self.runs, ("ticks", self.ticks), ("bad_ticks", self.bad_ticks))
        if self.up_faults > self.up_calls or self.bad_faults > self.bad_calls:
            raise ValueError("there are more faults than calls")
        return self


class FailingSessionsSection(Section):
    """`failing` of the `sessions` failed as a whole: the share that did of equally many each, fastest first."""

    sessions: Annotated[int, Field(ge=1, le=2**63 - 1)]
    failing: Calls
    by_level: Annotated[
        list[Annotated[float, Field(ge=0.0, lt=1.0)]], Field(min_length=1, max_length=LEVELS_MAX)
    ]

    @model_validator(mode="after")
    def _failing_is_a_part(self) -> Self:
        if self.failing > self.sessions:
            raise ValueError(f"failing is {self.failing} where there are only {self.sessions} sessions")
        return self


def regime_law(section: RegimeSection) -> RegimeLaw:
    """Return the law that a section describes."""
    if section.runs is not None:
        return RunHistory(tuple(section.runs))
    return AgeHazards(
        {
            kind: HazardCounts(tuple(hazard.at_risk), tuple(hazard.left))
            for kind, hazard in (section.hazards_after or {}).items()
        }
    )


def regime_section(law: RegimeLaw) -> Mapping[str, object]:
    """Return the section that describes a law."""
    if isinstance(law, RunHistory):
        return {"calls": law.length, "bad_calls": sum(law.runs[1::2]), "runs": list(law.runs)}
    return {
        "hazards_after": {
            kind: {"at_risk": list(counts.at_risk), "left": list(counts.left)}
            for kind, counts in sorted(law.after.items())
        }
    }


def rate_limit(section: RateLimitSection) -> RateLimit:
    """Return the limit that a section describes."""
    return RateLimit(**section.model_dump())


def rate_limit_section(limit: RateLimit) -> Mapping[str, object]:
    """Return the section that describes a limit, without what is not known."""
    values = {name: getattr(limit, name) for name in RateLimitSection.model_fields}
    return {name: value for name, value in values.items() if value is not None}


def upstream_regime(section: UpstreamSection) -> UpstreamRegime:
    """Return the law that a section describes."""
    return UpstreamRegime(
        history=RunHistory(tuple(section.runs)),
        up_calls=section.up_calls,
        up_faults=section.up_faults,
        bad_calls=section.bad_calls,
        bad_faults=section.bad_faults,
    )


def upstream_section(regime: UpstreamRegime) -> Mapping[str, object]:
    """Return the section that describes a law."""
    return {
        "up_calls": regime.up_calls,
        "up_faults": regime.up_faults,
        "bad_calls": regime.bad_calls,
        "bad_faults": regime.bad_faults,
        "ticks": regime.history.length,
        "bad_ticks": sum(regime.history.runs[1::2]),
        "runs": list(regime.history.runs),
    }


def failing_sessions(section: FailingSessionsSection) -> FailingSessions:
    """Return the law that a section describes."""
    return FailingSessions(section.sessions, section.failing, tuple(section.by_level))


def failing_sessions_section(law: FailingSessions) -> Mapping[str, object]:
    """Return the section that describes a law."""
    return {"sessions": law.sessions, "failing": law.failing, "by_level": list(law.by_level)}


def check_part(whole: Mapping[str, Mapping[str, int]], part: Mapping[str, Mapping[str, int]]) -> None:
    """Check that outcome counts of failing sessions are a part of those of all sessions.

    Raises:
        ValueError: naming the first that is not.
    """
    for previous, counts in part.items():
        for kind, count in counts.items():
            of_all = whole.get(previous, {}).get(kind, 0)
            if count > of_all:
                raise ValueError(
                    f"failing_outcomes_after has {count} {kind!r} after {previous!r}, outcomes_after only {of_all}: "
                    "it counts a part of the same calls"
                )


def _check_runs(runs: list[int], *stated: tuple[str, int | None]) -> None:
    """Check that runs are none of them empty but the first, and that they add up to the stated (name, total)s."""
    if sum(runs) == 0 or 0 in runs[1:]:
        raise ValueError("each of the runs must be positive; only the first of several may be 0")
    for (name, value), found in zip(stated, (sum(runs), sum(runs[1::2])), strict=True):
        if value != found:
            raise ValueError(f"{name} is {value}, but runs add up to {found}")
