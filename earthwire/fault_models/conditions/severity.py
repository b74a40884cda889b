"""Milder or harsher than recorded: one number s, 0 clean, 1 as recorded, with common random numbers.

Every call keeps its uniforms, and what it would have been at s = 1 goes on underneath. So from one s to a higher one no
call gets faster, and no fault goes away:

1. Latency: ``Q_s(u) = q0 + s (Q_1(u) - q0)``, with q0 the fastest quantile.
2. Below 1 a fault stays one with probability ``s / (1 - F + s F)``; F is the tool's share of faults. That makes the
   rates ``s π_k / (π_ok + s F)``.
3. Above 1 faults of further, independent histories of the tool are laid over its own, as many as bring the share of
   faults to the same ``s F / (1 - F + s F)``. Added faults come in runs as recorded ones do. A rate limit refuses what
   it refuses: its histories are all the same.
4. A call whose fault was taken away is no slower than the fault was, and a call that became one no faster than it was.
"""

import math
from collections.abc import Callable, Sequence

from earthwire.fault_models.laws.latency import LatencyTable
from earthwire.fault_models.laws.outcome_path import OutcomeModel, OutcomePath, RegimeClock
from earthwire.fault_models.uniforms import Purpose, UniformStream
from earthwire.traces.labels.outcome_kind import is_fault

SEVERITY_MAX = 8.0
"""Bound on s: a further history is laid over for each unit above 1."""


class Overlay:
    """A further history of a tool's outcomes, laid over its own.

    Args:
        outcomes: the history.
        uniforms: of its calls.
        share: part of its faults that count, in (0, 1].
    """

    __slots__ = ("_outcomes", "_share", "_uniforms")

    def __init__(self, outcomes: OutcomePath, uniforms: UniformStream, share: float) -> None:
        self._outcomes = outcomes
        self._uniforms = uniforms
        self._share = share

    def next_fault(self, index: int, at_s: float | None) -> str | None:
        """Return the fault that a call meets in this history, None if it meets none; calls come in order."""
        u = self._uniforms.at(index)
        kind = self._outcomes.next(index, u[Purpose.OUTCOME], at_s)
        return kind if is_fault(kind) and u[Purpose.SPARE] < self._share else None


class SevereOutcomes(OutcomePath):
    """Outcomes of one tool in one episode at a severity other than 1.

    Attributes:
        recorded: outcome kind that the last call has at severity 1.
        wait_s: ``Retry-After`` of the last call in seconds, None if it was not refused by a limit.

    Args:
        keep: probability that a fault stays one.
        own: its outcomes at severity 1.
        overlays: further histories.
        uniforms: that decide what is kept, by call.
    """

    __slots__ = ("_keep", "_overlays", "_own", "_uniforms", "recorded", "wait_s")

    def __init__(
        self, keep: float, own: OutcomePath, overlays: Sequence[Overlay], uniforms: UniformStream
    ) -> None:
        self._keep = keep
        self._own = own
        self._overlays = overlays
        self._uniforms = uniforms
        self.recorded = "ok"
        self.wait_s = None

    def next(self, index: int, u: float, at_s: float | None = None) -> str:
        """Return the outcome kind of a call."""
        kind = self.recorded = self._own.next(index, u, at_s)
        # All histories go on, whatever this call turns out to be.
        added = [
            fault for overlay in self._overlays if (fault := overlay.next_fault(index, at_s)) is not None
        ]
        if not is_fault(kind):
            self.wait_s = None
            return added[0] if added else kind
        is_kept = self._keep >= 1.0 or self._uniforms.at(index)[Purpose.SPARE] < self._keep
        self.wait_s = self._own.wait_s if is_kept else None
        return kind if is_kept else "ok"


def open_severe(
    model: OutcomeModel, severity: float, seed: int, episode: str, tool: str, clock: RegimeClock
) -> SevereOutcomes:
    """Return the outcomes of a tool in an episode at severity `severity`, from its first call on."""
    fault_share = model.fault_share()
    count = overlay_count(severity, fault_share)
    overlays = []
    for i in range(1, count + 1):
        # No episode of a client has a space in its name.
        world = f"{episode} overlay {i}"
        share = _last_share(severity, fault_share) if i == count else 1.0
        overlays.append(
            Overlay(model.open(seed, world, clock), UniformStream(seed, "overlay", world, tool), share)
        )
    keep = severity / (1.0 - fault_share + severity * fault_share) if severity < 1.0 else 1.0
    own = model.open(seed, episode, clock)
    return SevereOutcomes(keep, own, overlays, UniformStream(seed, "severity", episode, tool))


def overlay_count(severity: float, fault_share: float) -> int:
    """Return how many further histories a severity above 1 takes; at most `SEVERITY_MAX` - 1."""
    return math.ceil(_histories(severity, fault_share))


def severe_latency_s(
    latency: Callable[[str], LatencyTable | None], kind: str, recorded: str, rank: float, severity: float
) -> float:
    """Return the latency of a call in seconds.

    Args:
        latency: gives the table of an outcome kind.
        kind: its outcome kind.
        recorded: its outcome kind at severity 1.
        rank: of its latency, in (0, 1).
        severity: s.
    """
    latency_s = _scaled_s(latency(kind), rank, severity)
    if recorded == kind:
        return latency_s
    otherwise_s = _scaled_s(latency(recorded), rank, severity)
    return max(latency_s, otherwise_s) if is_fault(kind) else min(latency_s, otherwise_s)


def _scaled_s(table: LatencyTable | None, rank: float, severity: float) -> float:
    if table is None:
        return 0.0
    fastest_s = table.quantiles_s[0]
    return fastest_s + severity * (table.quantile_s(rank) - fastest_s)


def _histories(severity: float, fault_share: float) -> float:
    """Solve ``(1 - F)^(1 + m) = (1 - F) / (1 - F + s F)`` for m, the number of further histories."""
    if severity <= 1.0 or not 0.0 < fault_share < 1.0:
        return 0.0
    return math.log1p((severity - 1.0) * fault_share) / -math.log1p(-fault_share)


def _last_share(severity: float, fault_share: float) -> float:
    """Return which part of the last history's faults counts, so that the share of faults comes out right."""
    histories = _histories(severity, fault_share)
    if not histories:
        return 1.0
    part = histories - math.ceil(histories) + 1.0
    return -math.expm1(part * math.log1p(-fault_share)) / fault_share
