"""Makes the record of each call once, for all that want it: counters, the account of its episode, the disk."""

import asyncio
from itertools import groupby

import msgspec

from earthwire.proxy.call_counters import CallCounters
from earthwire.proxy.call_record import FinishedCall
from earthwire.proxy.episodes import EpisodeRun, Episodes
from earthwire.proxy.headers import first_value
from earthwire.proxy.mcp.message import arguments_key
from earthwire.proxy.recorder import BATCH_COUNT_MAX, BATCH_PERIOD_S, Recorder
from earthwire.proxy.served_record import ServedRecord
from earthwire.proxy.simulated_call import SimulatedCall
from earthwire.traces.record import TraceRecord
from earthwire.traces.request_key import request_key

_NANOSECONDS_PER_SECOND = 1e9


class ObservedMcpCall(msgspec.Struct, frozen=True):
    """A call of MCP that is over: its record, which the reply makes whole, and the call, which knows what was asked."""

    record: TraceRecord
    call: FinishedCall


Taken = TraceRecord | FinishedCall | SimulatedCall | ObservedMcpCall
"""What calls are handed over as."""


class ObservedCalls:
    """Takes calls in the place of a recorder, where somebody wants to know more of them than a file holds.

    As with the recorder, records are made some dozens at a time, which costs half as much as one by one.

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
        self._recorder = recorder
        self._episodes = episodes
        self._counters = counters
        self._queue: list[Taken] = []
        self._handle: asyncio.TimerHandle | None = None

    @property
    def full(self) -> bool:
        """Whether no further record should be made before `room` has returned."""
        return self._recorder is not None and self._recorder.full

    async def room(self) -> None:
        """Wait until there is room for records."""
        if self._recorder is not None:
            await self._recorder.room()

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
            for run, group in groupby(queue, _simulated_run):
                if run is None:
                    for taken in group:
                        records.append(self._accounted(taken))
                    continue
                calls = [call for call in group if isinstance(call, SimulatedCall)]
                made = [call.record() for call in calls]
                run.account.add_simulated(calls, made)
                records += made
        finally:
            self._counters.add_all(records)
            if self._recorder is not None:
                self._recorder.add_all(records)

    def close(self) -> None:
        """Hand on what is waiting, for the last time; the recorder is closed by its owner."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self.settle()

    def _accounted(self, taken: "Taken") -> ServedRecord | TraceRecord:
        """Return the record of what was taken, once it is part of the account of its episode."""
        if isinstance(taken, FinishedCall):
            made = taken.record()
            self._account(taken, made)
            return made
        if isinstance(taken, ObservedMcpCall):
            self._account_record(taken.record, taken.call)
            return taken.record
        assert isinstance(taken, TraceRecord), "simulated calls are accounted together"
        self._account_record(taken)
        return taken

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


def _simulated_run(taken: Taken) -> EpisodeRun | None:
    """Return the episode of a call that was answered at once; None for all others."""
    return taken.known.run if isinstance(taken, SimulatedCall) else None


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
