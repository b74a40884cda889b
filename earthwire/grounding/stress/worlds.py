"""Series of calls as a retrying client meets them: recorded ones, or as a simulation draws them."""

from collections.abc import Iterator
from typing import Self

import msgspec
import numpy as np

from earthwire.fault_models.plan import Head, Plan
from earthwire.fault_models.simulation import Simulation
from earthwire.grounding.simulated import drawn_plans, with_plans
from earthwire.traces.clients.attempts import effect_of
from earthwire.traces.columns.call_columns import NO_SESSION
from earthwire.traces.columns.calls import BoolArray, Calls, FloatArray
from earthwire.traces.labels.outcome_kind import is_client_error, is_fault, outcome_of_kind
from earthwire.traces.record import TraceRecord

RETRY_AFTER = "retry-after"

WAITS_MAX = 1_000_000
"""Bound on the recorded calls whose ``Retry-After`` is remembered."""


class World(msgspec.Struct, frozen=True):
    """Calls, and what a client makes of each.

    Attributes:
        calls: sorted by session, and by order inside it.
        failed: trying again may help, shape (n_calls,).
        asked_wait_s: ``Retry-After`` in seconds, NaN where none was told, shape (n_calls,).
    """

    calls: Calls
    failed: BoolArray
    asked_wait_s: FloatArray

    @classmethod
    def of(cls, calls: Calls, asked_wait_s: FloatArray | None = None) -> Self:
        """Return the world of some calls; by default no failed call told when to come again."""
        unknown = np.full(len(calls), np.nan)
        return cls(calls, retryable_faults(calls), unknown if asked_wait_s is None else asked_wait_s)

    @property
    def done(self) -> BoolArray:
        """Which calls did their work, whatever their caller got of it, shape (n_calls,)."""
        return self._with_effect("done")

    @property
    def unsure(self) -> BoolArray:
        """Which failed calls leave open whether they did their work, shape (n_calls,)."""
        return self.failed & self._with_effect("unknown")

    @property
    def has_times(self) -> bool:
        """Most calls have a start time, so that waiting can be judged."""
        return bool(len(self.calls)) and bool(np.isfinite(self.calls.start_s).mean() > 0.5)

    def _with_effect(self, effect: str) -> BoolArray:
        names = self.calls.kind_names
        kinds = [effect_of(outcome_of_kind(kind), None, None) == effect for kind in names]
        return np.array(kinds, dtype=bool)[self.calls.kind] if names else np.zeros(0, dtype=bool)


def retryable_faults(calls: Calls) -> BoolArray:
    """Return which calls failed so that trying again may help, shape (n_calls,)."""
    kinds = np.array([is_fault(kind) and not is_client_error(kind) for kind in calls.kind_names], dtype=bool)
    return kinds[calls.kind]


class AskedWaits:
    """Remembers which recorded calls told a ``Retry-After``; calls have no column for it, since few do.

    A call without a start time is left out: who waits for it cannot be told from who does not.
    """

    def __init__(self) -> None:
        self._waits_s: dict[tuple[str, str, float], float] = {}

    def add(self, record: TraceRecord) -> None:
        """Take the next record."""
        start_ns, wait_s = record.start_time_unix_nano, record.retry_after_s
        if wait_s is not None and start_ns is not None and len(self._waits_s) < WAITS_MAX:
            # As `Calls` holds them: the same two roundings.
            self._waits_s[record.session_id or NO_SESSION, record.tool, float(start_ns) / 1e9] = float(wait_s)

    def of(self, calls: Calls) -> FloatArray:
        """Return what each call told, in seconds; NaN where it told nothing. Shape (n_calls,)."""
        waits_s = np.full(len(calls), np.nan)
        if self._waits_s:
            starts = calls.start_s.tolist()
            keys = zip(calls.session.tolist(), calls.tool.tolist(), starts, strict=True)
            for row, (session, tool, start_s) in enumerate(keys):
                key = calls.session_names[session], calls.tool_names[tool], start_s
                waits_s[row] = self._waits_s.get(key, np.nan)
        return waits_s


def simulated_world(simulation: Simulation, requests: Calls) -> World:
    """Return what a simulation makes of recorded requests; sessions serve as episodes, with the recorded times."""
    waits_s: list[float] = []

    def noted() -> Iterator[Plan]:
        for plan in drawn_plans(simulation, requests):
            waits_s.append(_asked_wait_s(plan))
            yield plan

    calls = with_plans(requests, noted())
    return World.of(calls, np.array(waits_s, dtype=np.float64))


def _asked_wait_s(plan: Plan) -> float:
    return next(_told_waits_s(plan), float("nan"))


def _told_waits_s(plan: Plan) -> Iterator[float]:
    for step in plan.steps:
        if isinstance(step, Head):
            yield from (
                float(text) for name, text in step.headers if name.lower() == RETRY_AFTER and text.isdigit()
            )
