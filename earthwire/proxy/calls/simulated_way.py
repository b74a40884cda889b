"""Answers calls in virtual time from recordings where their request was read: no fiber, no upstream, no wait.

Of such a call nothing is left to perform. It is drawn, its time passes, and its answer leaves in one piece; what the
record says of it is made later, with those of others. A request whose bytes were seen before is not even parsed again.
A fault whose response is our own is answered as well. Whatever is different (a connection that is to break, a client
that would have given up, a request that was never recorded) is handed over to the fiber of its connection once its plan
is drawn, and so are calls whose episode spends.
"""

import math
import time
from collections.abc import Callable

from earthwire.fault_models.call import Call, Drawn, Foreseen
from earthwire.fault_models.simulation import Simulation
from earthwire.fault_models.steps.delivery import RELAYED_KINDS
from earthwire.proxy.calls.call_context import CallContext
from earthwire.proxy.calls.call_opening import CallOpening
from earthwire.proxy.calls.own_response import own_response
from earthwire.proxy.calls.simulated_call import KnownCall, SimulatedCall
from earthwire.proxy.calls.usual_call import due_if_relayed
from earthwire.proxy.episodes.episodes import EpisodeRun
from earthwire.proxy.limits import Limits
from earthwire.proxy.performing.perform import Performance
from earthwire.proxy.recording.call_record import finished_call
from earthwire.proxy.recording.observed_calls import ObservedCalls
from earthwire.proxy.recording.recorder import Recorder
from earthwire.proxy.upstreams.replay_upstream import ReplaySource
from earthwire.proxy.wire.client_side import ClientConnection
from earthwire.proxy.wire.headers import first_value
from earthwire.traces.request_key import request_key

CALLS_REMEMBERED = 2048
CALL_BYTES_MAX = 2048
"""Longer requests are read anew each time, so that what is remembered stays within a few megabytes."""

SINGLE_COUNT = 16
"""Calls of a tool that are drawn one by one before the next ones are drawn ahead: many episodes are not longer."""

AHEAD_COUNT_MAX = 256
"""Calls of a tool drawn at once after some hundreds; more would save little, and wait in memory for each episode."""


class SimulatedWay:
    """Answers what can be answered at once.

    Args:
        opening: opens calls, and knows those that were seen before.
        limits: bounds.
        epoch_ns: nanoseconds since 1970 at monotonic time 0.
        performance: begins to perform the plan of any other call.
    """

    def __init__(
        self,
        opening: CallOpening,
        limits: Limits,
        epoch_ns: int,
        performance: Callable[[ClientConnection, CallContext], Performance],
    ) -> None:
        self._recorder: Recorder | ObservedCalls | None = None
        self._disk: Recorder | None = None
        self._opening = opening
        self._limits = limits
        self._epoch_ns = epoch_ns
        self._performance = performance

    def record_to(self, recorder: Recorder | ObservedCalls | None) -> None:
        """Hand calls to `recorder` from now on."""
        self._recorder = recorder
        self._disk = recorder.recorder if isinstance(recorder, ObservedCalls) else recorder

    def take(self, client: ClientConnection, context: CallContext, data: bytes) -> bool:
        """Answer a call that was opened; tell whether it could be.

        Args:
            client: who asks.
            context: the call, whose request is whole and plain.
            data: what the request came in.
        """
        run, source, drawn = context.run, context.route.source, context.drawn
        if run is None or run.settings.clock != "virtual" or run.ledger is not None:
            return False
        if self._answer_by_ourselves(client, context, run):
            return True
        if type(source) is not ReplaySource or due_if_relayed(drawn.plan.steps) is None:
            return False
        known = self._known(context, source)
        if known is None or drawn.plan.last_byte_s > known.patience_s:
            return False
        answer = source.answer_at_once(known.key, known.recordings, context.episode)
        if answer is None:
            return False
        request = context.request
        client.transport.write(answer.sent)
        call = SimulatedCall(
            known,
            answer,
            drawn,
            request.arrival_s,
            time.monotonic(),
            context.seq,
            context.inflight_count,
            context.waited_s,
            self._epoch_ns,
        )
        if self._recorder is not None:
            self._recorder.add(call)
        client.answered_at_once()
        self._look_ahead(known, drawn)
        if len(data) <= CALL_BYTES_MAX and not request.headers.chunked:
            self._remember(data, known)
        return True

    def answer(self, client: ClientConnection, data: bytes) -> bool:
        """Answer bytes that are a request which was seen before; tell whether they are one."""
        known = self._opening.known_calls.get(data)
        if known is None or client.write_full:
            return False
        if known.progress.is_over:
            del self._opening.known_calls[data]
            return False
        disk = self._disk
        if disk is not None and disk.full:
            return False
        try:
            self._answer(client, known)
        except Exception as error:
            # As where its request is parsed: the fiber tells whom it concerns.
            request = known.request(time.monotonic())
            client.begin(request)
            client.hand_over(request, error)
        return True

    def _answer(self, client: ClientConnection, known: KnownCall) -> None:
        arrival_s = time.monotonic()
        run, following, seq = known.run, known.following, known.progress.call_count
        known.progress.call_count = seq + 1
        drawn: Drawn | Foreseen
        if following is not None:
            drawn = next(following)
            latency_s = drawn[3]
            is_usual = drawn[1] in RELAYED_KINDS
        else:
            drawn = known.route.planner.draw(known.call_at(run.at_s(0.0)))
            latency_s = drawn.plan.last_byte_s
            is_usual = due_if_relayed(drawn.plan.steps) is not None
            self._look_ahead(known, drawn)
        answer = None
        if is_usual and latency_s <= known.patience_s:
            answer = known.source.answer_at_once(known.key, known.recordings, known.episode)
        if answer is None:
            self._answer_otherwise(client, known, arrival_s, seq, drawn)
            return
        waited_s = run.advance_by(latency_s)
        client.transport.write(answer.sent)
        call = SimulatedCall(
            known,
            answer,
            drawn,
            arrival_s,
            time.monotonic(),
            seq,
            self._opening.inflight_count,
            waited_s,
            self._epoch_ns,
        )
        if self._recorder is not None:
            self._recorder.add(call)
        client.answered_at_once()

    def _answer_otherwise(
        self, client: ClientConnection, known: KnownCall, arrival_s: float, seq: int, drawn: Drawn | Foreseen
    ) -> None:
        """Answer a call that no recording answers at once, or have the fiber of its connection perform it."""
        whole = known.whole_draw(drawn)
        waited_s = known.run.advance(whole.plan)
        inflight_count = self._opening.inflight_count
        context = known.context(arrival_s, seq, inflight_count, whole, waited_s)
        client.begin(context.request)
        if not self._answer_by_ourselves(client, context, known.run):
            client.hand_over(context.request, self._performance(client, context))

    def _answer_by_ourselves(self, client: ClientConnection, context: CallContext, run: EpisodeRun) -> bool:
        """Answer a call whose plan is a whole response of our own; tell whether it is one."""
        response = own_response(run.performed(context.drawn.plan))
        if response is None:
            return False
        performance = self._performance(client, context)
        writer = performance.writer
        writer.own_head(response.head)
        writer.stage(response.body)
        writer.flush()
        if self._recorder is not None:
            ended_s = writer.last_byte_s or time.monotonic()
            self._recorder.add(finished_call(performance, None, ended_s, self._epoch_ns, 0.0))
        client.answered_at_once()
        return True

    def _known(self, context: CallContext, source: ReplaySource) -> KnownCall | None:
        """Return what follows from a request in its episode; None if it was not recorded or is too long for that."""
        request, run, route, tool = context.request, context.run, context.route, context.tool
        assert run is not None, "only a declared episode has virtual time"
        received_bytes = request.body.received_bytes
        if received_bytes > self._limits.whole_body_bytes_max:
            return None
        body = request.body.take()
        # Where it cannot be answered after all, the fiber reads it again.
        request.body.give_back(body)
        content_type = first_value(request.headers.fields, b"content-type") if body else None
        key = request_key(request.line.method, context.target, body, content_type)
        recordings = source.recordings(key)
        if not recordings:
            return None
        patience_s = run.settings.patience.timeout_s
        planner = route.planner
        draws_ahead = isinstance(planner, Simulation) and planner.model(tool).stream is None
        laws = planner if isinstance(planner, Simulation) and draws_ahead else None
        return KnownCall(
            request.line,
            request.headers,
            body,
            self._opening.progress(context.episode),
            run,
            context.episode,
            tool,
            context.target,
            route,
            source,
            key,
            recordings,
            key if received_bytes <= self._limits.kept_body_bytes_max else None,
            Call(run.settings.draws_as, tool, request.line.method, context.target),
            math.inf if patience_s is None else patience_s,
            laws,
            None if laws is None else laws.model(tool).first_byte,
        )

    def _look_ahead(self, known: KnownCall, drawn: Drawn) -> None:
        """Draw the next calls of a tool ahead once it has had a few."""
        if known.laws is not None and drawn.call_index >= SINGLE_COUNT - 1:
            known.following = known.laws.ahead(known.call, AHEAD_COUNT_MAX)

    def _remember(self, data: bytes, known: KnownCall) -> None:
        """Remember a request; where there are too many, start anew: what comes often is soon back."""
        calls = self._opening.known_calls
        if len(calls) >= CALLS_REMEMBERED:
            calls.clear()
        calls[data] = known
