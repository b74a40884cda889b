"""Makes the record of each call once, for all that want it: counters, the account of its episode, the disk."""

import asyncio
from itertools import groupby
from typing import cast

import msgspec

from earthwire.proxy.calls.simulated_call import KnownCall, SimulatedCall
from earthwire.proxy.episodes.episodes import Episodes
from earthwire.proxy.mcp.message import arguments_key
from earthwire.proxy.recording.call_counters import CallCounters
from earthwire.proxy.recording.call_record import FinishedCall
from earthwire.proxy.recording.recorder import BATCH_COUNT_MAX, BATCH_PERIOD_S, Recorder
from earthwire.proxy.recording.served_record import ServedRecord
from earthwire.proxy.upstreams.recorded_answer import RecordedAnswer
from earthwire.proxy.wire.headers import first_value
from earthwire.traces.record import TraceRecord
from earthwire.traces.request_key import request_key

_NANOSECONDS_PER_SECOND = 1e9
_SECONDS_PER_NANOSECOND = 1e-9


class ObservedMcpCall(msgspec.Struct, frozen=True):
    """A call of MCP that is over: its record, which the reply makes whole, and the call, which knows what was asked."""

    record: TraceRecord
    call: FinishedCall


Taken = TraceRecord | FinishedCall | SimulatedCall | ObservedMcpCall
"""What calls are handed over as."""


class ObservedCalls:
    """Takes calls in the place of a recorder, where somebody wants to know more of them than a file holds.

    As with the recorder, records are made several at a time, which costs half as much as one by one.

    Attributes:
        recorder: writes the records, or None.

    Args:
        recorder: writes the records; None to write none.
        episodes: whose accounts calls are added to.
        counters: count all calls.
    """

    def __init__(
        self,
        recorder: Recorder | None,
        episodes: Episodes,
        counters: CallCounters,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.recorder = recorder
        self._episodes = episodes
        self._counters = counters
        self._queue: list[Taken] = []
        self._handle: asyncio.TimerHandle | None = None

    @property
    def full(self) -> bool:
        """Whether no further record should be made before `room` has returned."""
        return self.recorder is not None and self.recorder.full

    async def room(self) -> None:
        """Wait until there is room for records."""
        if self.recorder is not None:
            await self.recorder.room()

    def add(self, record: "Taken") -> None:
        """Take a record, or a call to make one of."""
        queue = self._queue
        queue.append(record)
        if len(queue) >= BATCH_COUNT_MAX:
            self.settle()
        elif self._handle is None:
            self._handle = self._loop.call_later(BATCH_PERIOD_S, self._settle_due)

    def settle(self) -> None:
        """Hand on what is waiting; counters and accounts are up to date then."""
        queue, self._queue = self._queue, []
        records: list[ServedRecord | TraceRecord] = []
        try:
            for alike, group in groupby(queue, _alike):
                if alike is None:
                    records += map(self._counted, group)
                else:
                    records += self._counted_alike(cast(list[SimulatedCall], list(group)))
        finally:
            if self.recorder is not None:
                self.recorder.add_all(records)

    def close(self) -> None:
        """Hand on what is waiting, for the last time; the recorder is closed by its owner."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self.settle()

    def _counted_alike(self, calls: list[SimulatedCall]) -> list[ServedRecord]:
        """Return the records of calls that were answered at once, and are alike, once they are counted."""
        records = [call.record() for call in calls]
        calls[0].known.run.account.add_alike(calls, records)
        durations_s = [(record.duration_ns or 0) * _SECONDS_PER_NANOSECOND for record in records]
        self._counters.add_alike(records[0], durations_s)
        return records

    def _counted(self, taken: "Taken") -> ServedRecord | TraceRecord:
        """Return the record of what was taken, once it is counted."""
        made: ServedRecord | TraceRecord
        if isinstance(taken, FinishedCall):
            made = taken.record()
            self._account(taken, made)
        elif isinstance(taken, ObservedMcpCall):
            made = taken.record
            self._account_record(made, taken.call)
        else:
            assert isinstance(taken, TraceRecord), "simulated calls are counted together"
            made = taken
            self._account_record(made)
        self._counters.add(made)
        return made

    def _settle_due(self) -> None:
        self._handle = None
        self.settle()

    def _account(self, call: FinishedCall, record: ServedRecord) -> None:
        context = call.context
        run = context.run
        if run is None:
            return
        account = run.account
        wall_s = call.ended_s - context.request.arrival_s
        wants_key = account.attempts.has_open_calls or record.outcome != "ok"
        account.add(record, wall_s, arguments_of(call) if wants_key else None)

    def _account_record(self, record: TraceRecord, call: FinishedCall | None = None) -> None:
        run = None if record.episode is None else self._episodes.get(record.episode)
        if run is None:
            return
        wall_s = run.wall_s((record.duration_ns or 0) / _NANOSECONDS_PER_SECOND)
        run.account.add(record, wall_s, record.request_key if call is None else arguments_of(call))


def _alike(taken: Taken) -> tuple[KnownCall, RecordedAnswer] | None:
    """Return what calls have in common that were answered at once and differ in plans and times; None for others."""
    return (taken.known, taken.answer) if isinstance(taken, SimulatedCall) else None


def arguments_of(call: FinishedCall) -> str | None:
    """Return the key of a call's request; None where its body is not known."""
    context = call.context
    request = context.request
    body = request.body.kept() if request.body.received_bytes or not request.body.complete else b""
    if body is None:
        return None
    if context.mcp is not None:
        # Every attempt has an id of its own.
        return arguments_key(body)
    content_type = first_value(request.headers.fields, b"content-type")
    return request_key(request.line.method, context.target, body, content_type)
