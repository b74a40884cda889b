"""How sure a profile is of its parameters: intervals with a stated confidence, and what none can be stated for."""

import msgspec

CONFIDENCE = 0.9
"""Stated coverage of every interval, two-sided."""


class Interval(msgspec.Struct, frozen=True):
    """Where a parameter lies.

    Attributes:
        estimate: of the parameter, in the unit that its name ends in.
        low, high: ends of the interval.
        cluster_count: independent pieces of the recording that it rests on: sessions, or runs, windows or blocks.
        effective_count: independent calls that would tell as much; None where calls are not what is counted.
    """

    estimate: float
    low: float
    high: float
    cluster_count: int
    effective_count: float | None = None

    def covers(self, value: float) -> bool:
        """Tell whether the interval holds a value."""
        return self.low <= value <= self.high


class ScopeIntervals(msgspec.Struct, frozen=True):
    """The parameters of one tool, one upstream, or of all calls together.

    Attributes:
        stated: by name of the parameter.
        not_stated: name of a parameter to the reason why no honest interval can be given.
    """

    stated: dict[str, Interval] = {}
    not_stated: dict[str, str] = {}


class Intervals(msgspec.Struct, frozen=True):
    """Intervals of a whole profile.

    Attributes:
        confidence: stated coverage of each interval.
        calls: that they were computed from; fewer than the profile's where whole sessions were left out to save time.
        overall: of all calls together.
        tools, upstreams: by name.
    """

    confidence: float
    calls: int
    overall: ScopeIntervals
    tools: dict[str, ScopeIntervals] = {}
    upstreams: dict[str, ScopeIntervals] = {}
