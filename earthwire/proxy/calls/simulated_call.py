"""Calls of an episode in virtual time that a recording answers at once: nothing is asked, and nothing waits.

An agent makes the same requests again and again. All that follows from the bytes of one is remembered while its episode
lasts (`KnownCall`); what is left of a call then is little (`SimulatedCall`), and its record is made of the same parts.
"""

from collections.abc import Iterator, Sequence

import msgspec

from earthwire.fault_models.call import Call, Drawn, Foreseen
from earthwire.fault_models.laws.first_byte import FirstByteLaw
from earthwire.fault_models.plan import Support, plan_digest
from earthwire.fault_models.simulation import Simulation
from earthwire.fault_models.steps.relayed_digest import relayed_digest
from earthwire.proxy.calls.call_context import CallContext
from earthwire.proxy.calls.routes import Route
from earthwire.proxy.episodes.episode_progress import EpisodeProgress
from earthwire.proxy.episodes.episode_time import clock_attributes
from earthwire.proxy.episodes.episodes import EpisodeRun
from earthwire.proxy.recording.call_record import CLASSIFIED_BYTES_MAX, NANOSECONDS_PER_SECOND, FinishedCall
from earthwire.proxy.recording.served_record import ServedRecord
from earthwire.proxy.upstreams.recorded_answer import RecordedAnswer
from earthwire.proxy.upstreams.replay_upstream import ReplaySource
from earthwire.proxy.wire.body import NO_BODY, complete_body
from earthwire.proxy.wire.request import Request, RequestHeaders, RequestLine
from earthwire.traces.record import TraceRecord

RECORDS_REMEMBERED = 64


class KnownCall(msgspec.Struct, eq=False):
    """What follows from the bytes of a request in one episode.

    Attributes:
        line, headers: of the request.
        body: of the request, whole.
        progress: of its episode.
        run: its episode, whose time is virtual.
        episode: id of that.
        tool: key that calls are grouped by.
        target: path and query at the upstream.
        route: the upstream, as this episode has it.
        source: the recordings.
        key: of the request, among recordings.
        recordings: that answer it, at least one.
        arguments: the same if the request is short enough to be known by its arguments, else None.
        call: what its plan is drawn for, at no particular time.
        patience_s: the client gives up what takes longer; infinity if it never does.
        laws: what draws its plans if that can be done ahead, else None.
        first_byte: law of its first byte, where `laws` has one.
        following: plans that were drawn ahead, once there are any.
        records: of such calls, one for each answer that it had.
        relayed: support and conditions of plans that were drawn ahead, by outcome kind.
    """

    line: RequestLine
    headers: RequestHeaders
    body: bytes
    progress: EpisodeProgress
    run: EpisodeRun
    episode: str
    tool: str
    target: str
    route: Route
    source: ReplaySource
    key: str
    recordings: Sequence[TraceRecord]
    arguments: str | None
    call: Call
    patience_s: float
    laws: Simulation | None
    first_byte: FirstByteLaw | None
    following: Iterator[Foreseen] | None = None
    records: dict[RecordedAnswer, ServedRecord] = {}
    relayed: dict[str, tuple[Support, str | None]] = {}

    def request(self, arrival_s: float) -> Request:
        """Return the request as it came at a time (monotonic)."""
        body = complete_body(self.body) if self.body else NO_BODY
        return Request(self.line, self.headers, arrival_s, body)

    def context(
        self, arrival_s: float, seq: int, inflight_count: int, drawn: Drawn, waited_s: float
    ) -> CallContext:
        """Return what is known of such a call at its start.

        Args:
            arrival_s: when it came (monotonic).
            seq: its number in its episode.
            inflight_count: other calls under way.
            drawn: what is planned.
            waited_s: virtual time that its client let pass before it.
        """
        return CallContext(
            self.request(arrival_s),
            self.episode,
            self.tool,
            self.target,
            self.route,
            seq,
            inflight_count,
            drawn,
            run=self.run,
            waited_s=waited_s,
        )

    def whole_draw(self, drawn: Drawn | Foreseen) -> Drawn:
        """Return what was drawn with its plan."""
        if isinstance(drawn, tuple):
            assert self.laws is not None, "only laws are drawn from ahead"
            return self.laws.drawn_ahead(self.call, *drawn)
        return drawn

    def learn(self, drawn: Foreseen) -> tuple[Support, str | None]:
        """Return support and conditions of the calls of a relayed kind that are drawn ahead, from one of them."""
        whole = self.whole_draw(drawn)
        found = self.relayed[drawn[1]] = whole.plan.support, whole.conditions
        return found

    def call_at(self, at_s: float) -> Call:
        """Return what its plan is drawn for, at a time of its episode."""
        return msgspec.structs.replace(self.call, at_s=at_s)


class SimulatedCall(msgspec.Struct, eq=False):
    """A known call that a recording has answered, and of which a record is to be made.

    Attributes:
        known: what was known of it beforehand.
        answer: what the client got.
        drawn: the plan, or what was drawn ahead to make it of.
        arrival_s, ended_s: when it came and when its answer was written (monotonic).
        seq: number of the call in its episode, from 0.
        inflight_count: other calls under way at its start.
        waited_s: virtual time that its client let pass before it.
        epoch_ns: nanoseconds since 1970 at monotonic time 0.
    """

    known: KnownCall
    answer: RecordedAnswer
    drawn: Drawn | Foreseen
    arrival_s: float
    ended_s: float
    seq: int
    inflight_count: int
    waited_s: float
    epoch_ns: int

    def record(self) -> ServedRecord:
        """Return its trace record: that of a call before it with the same answer, but for what differs."""
        known, answer, drawn = self.known, self.answer, self.drawn
        like = known.records.get(answer) or self._first_record()
        if isinstance(drawn, tuple) and answer.plan is None:
            # Its plan is not even made.
            index, kind, rank, last_s, first_byte_u = drawn
            support, conditions = known.relayed.get(kind) or known.learn(drawn)
            law = known.first_byte
            first_s = last_s if law is None else last_s * law.share(rank, first_byte_u)
            digest = relayed_digest(kind, first_s, last_s, support)
        else:
            whole = known.whole_draw(drawn)
            index, conditions, plan = whole.call_index, whole.conditions, answer.plan or whole.plan
            kind, first_s, last_s, support = plan.outcome, plan.first_byte_s, plan.last_byte_s, plan.support
            digest = plan_digest(plan)
        first_ns, last_ns = int(first_s * NANOSECONDS_PER_SECOND), int(last_s * NANOSECONDS_PER_SECOND)
        return msgspec.structs.replace(
            like,
            seq=self.seq,
            start_time_unix_nano=self.epoch_ns + int(self.arrival_s * NANOSECONDS_PER_SECOND),
            duration_ns=last_ns,
            ttfb_ns=first_ns,
            inflight_at_start=self.inflight_count,
            call_index=index,
            plan_outcome=kind,
            plan_support=support,
            plan_first_byte_ns=first_ns,
            plan_last_byte_ns=last_ns,
            plan_digest=digest,
            attributes=clock_attributes(conditions, "virtual", 1.0, self.waited_s),
        )

    def _first_record(self) -> ServedRecord:
        """Make the record of a call that is the first with its answer as of any other call, and remember it."""
        records = self.known.records
        if len(records) >= RECORDS_REMEMBERED:
            records.clear()
        record = records[self.answer] = self.finished().record()
        return record

    def finished(self) -> FinishedCall:
        """Return the same call as one that was performed step by step: its record is the same."""
        head, body = self.answer.head, self.answer.body
        drawn = self.known.whole_draw(self.drawn)
        return FinishedCall(
            self.known.context(self.arrival_s, self.seq, self.inflight_count, drawn, self.waited_s),
            self.answer.plan or drawn.plan,
            None,
            "replay",
            self.ended_s,
            self.epoch_ns,
            0.0,
            head,
            head.status,
            head.content_type,
            head.content_length,
            len(body),
            body if len(body) <= CLASSIFIED_BYTES_MAX else b"",
            self.ended_s,
        )
