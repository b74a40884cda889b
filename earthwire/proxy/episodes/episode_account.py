"""What became of the calls of one declared episode: counts, latencies, retries."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from earthwire.fault_models.channels import changes_in
from earthwire.proxy.recording.served_record import ServedRecord
from earthwire.traces.clients.attempts import Attempt, AttemptLog, effect_of
from earthwire.traces.clients.episode_times import EpisodeTimes
from earthwire.traces.labels.outcome_kind import FaultLayer, kind_of_record, layer_of
from earthwire.traces.record import TraceRecord

if TYPE_CHECKING:
    from earthwire.proxy.calls.simulated_call import SimulatedCall

TOOLS_MAX = 1000
"""Bound on the tools and on the kinds that one account tells apart; what is beyond counts as ``others``."""

_OTHERS = "others"
_NANOSECONDS_PER_SECOND = 1e9
_SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))


class LatencySums(msgspec.Struct):
    """Latencies of all calls, added up, in seconds.

    Attributes:
        intended_s: as drawn, whatever the clock and the client's patience.
        achieved_s: that really passed.
        virtual_s: as the agent is to count them: on the episode's own clock, and no longer than its patience.
    """

    intended_s: float = 0.0
    achieved_s: float = 0.0
    virtual_s: float = 0.0


class EpisodeAccount:
    """Adds up the calls of one episode.

    Attributes:
        call_count: calls that are over.
        request_body_bytes, response_body_bytes: sizes, as far as they are known.
        outcomes: calls by outcome kind.
        faults_by_layer: calls that ended as a fault, by its layer.
        injected_count: faults that a plan made.
        tools: calls by tool.
        changes: what channels did, by name: how often.
        latency: sums.
        attempts: retries and what they led to.
    """

    def __init__(self) -> None:
        self.call_count = 0
        self.request_body_bytes = 0
        self.response_body_bytes = 0
        self.injected_count = 0
        self.outcomes: Counter[str] = Counter()
        self.faults_by_layer: Counter[FaultLayer] = Counter()
        self.tools: Counter[str] = Counter()
        self.changes: Counter[str] = Counter()
        self.latency = LatencySums()
        self.attempts = AttemptLog()
        self._times = EpisodeTimes()

    def add(self, record: ServedRecord | TraceRecord, wall_s: float, arguments: str | None) -> None:
        """Add a call that is over.

        Args:
            record: of the call; its latency is on the episode's own clock.
            wall_s: seconds that the call really took.
            arguments: equal for equal arguments; None if they are not known.
        """
        self.call_count += 1
        self.request_body_bytes += record.http_request_body_size or 0
        self.response_body_bytes += record.http_response_body_size or 0
        tool, tools = record.tool, self.tools
        tools[tool if tool in tools or len(tools) < TOOLS_MAX else _OTHERS] += 1
        if record.attributes is not None:
            self.changes.update(changes_in(record.attributes))
        latency, duration_ns, planned_ns = self.latency, record.duration_ns, record.plan_last_byte_ns
        latency.achieved_s += wall_s
        latency.virtual_s += wall_s if duration_ns is None else duration_ns / _NANOSECONDS_PER_SECOND
        if planned_ns is not None:
            latency.intended_s += planned_ns / _NANOSECONDS_PER_SECOND
        start_s, end_s = self._times.of(record.start_time_unix_nano, duration_ns, record.attributes)
        if record.outcome == "ok":
            # The usual one.
            self.outcomes["ok"] += 1
            if not self.attempts.has_open_calls:
                self.attempts.add_first()
                return
        else:
            self._add_outcome(record)
        self._add_attempt(record, start_s, end_s, arguments)

    def add_alike(self, calls: "Sequence[SimulatedCall]", records: Sequence[ServedRecord]) -> None:
        """Add calls that were answered at once, in turn: what `add` does to each of them.

        Args:
            calls: at least one; all are the same but for their plans and times.
            records: of them.
        """
        record, attempts, added_count = records[0], self.attempts, 0
        while added_count < len(calls) and (record.outcome != "ok" or attempts.has_open_calls):
            call = calls[added_count]
            self.add(records[added_count], call.ended_s - call.arrival_s, call.known.arguments)
            added_count += 1
        if added_count < len(calls):
            self._add_usual(calls[added_count:], records[added_count:])

    def _add_usual(self, calls: "Sequence[SimulatedCall]", records: Sequence[ServedRecord]) -> None:
        """Add calls as `add_alike` does that succeeded, and none of which repeats another."""
        record, count = records[0], len(records)
        tool, latency = record.tool, self.latency
        self.call_count += count
        self.tools[tool if tool in self.tools or len(self.tools) < TOOLS_MAX else _OTHERS] += count
        self.outcomes[record.outcome] += count
        self.request_body_bytes += count * (record.http_request_body_size or 0)
        self.response_body_bytes += count * (record.http_response_body_size or 0)
        self.attempts.add_first(count)
        durations_s = [(one.duration_ns or 0) / _NANOSECONDS_PER_SECOND for one in records]
        self._times.pass_virtual([call.waited_s for call in calls], durations_s)
        for duration_s in durations_s:
            # It ended when its plan says.
            latency.virtual_s += duration_s
            latency.intended_s += duration_s
        for call in calls:
            latency.achieved_s += call.ended_s - call.arrival_s

    def _add_outcome(self, record: ServedRecord | TraceRecord) -> None:
        self.injected_count += record.origin == "injected"
        kind, outcomes = kind_of_record(record), self.outcomes
        outcomes[kind if kind in outcomes or len(outcomes) < TOOLS_MAX else _OTHERS] += 1
        layer = layer_of(record.outcome)
        if layer is not None:
            self.faults_by_layer[layer] += 1

    def _add_attempt(
        self, record: ServedRecord | TraceRecord, start_s: float, end_s: float, arguments: str | None
    ) -> None:
        self.attempts.add(
            Attempt(
                record.tool,
                arguments,
                start_s,
                end_s,
                layer_of(record.outcome) is not None,
                effect_of(record.outcome, record.origin, record.plan_outcome),
                record.http_request_method in _SAFE_METHODS,
            )
        )
