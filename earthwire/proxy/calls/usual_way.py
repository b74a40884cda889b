"""Forwards usual calls where their request was read, and has them recorded; see `earthwire.proxy.calls.usual_call`."""

from collections.abc import Callable

from earthwire.proxy.calls.call_context import CallContext
from earthwire.proxy.calls.call_opening import CallOpening
from earthwire.proxy.calls.usual_call import UsualCall, due_if_relayed
from earthwire.proxy.performing.perform import Performance
from earthwire.proxy.recording.call_record import CLASSIFIED_BYTES_MAX, FinishedCall
from earthwire.proxy.recording.observed_calls import ObservedCalls
from earthwire.proxy.recording.recorder import Recorder
from earthwire.proxy.timing.clock import RealClock
from earthwire.proxy.upstreams.upstream import LiveSource
from earthwire.proxy.wire.client_side import ClientConnection
from earthwire.proxy.wire.exchange import ResponseHead
from earthwire.proxy.wire.turns import Turns


class UsualWay:
    """Serves the usual calls of one proxy.

    Attributes:
        clock: tells when the time of an answer has come.
        turns: of the running loop.

    Args:
        opening: opens calls, and counts those that are under way.
        clock: what deadlines count on.
        turns: of the running loop.
        epoch_ns: nanoseconds since 1970 at monotonic time 0.
        performance: begins to perform the plan of a call that is not a usual one after all.
    """

    def __init__(
        self,
        opening: CallOpening,
        clock: RealClock,
        turns: Turns,
        epoch_ns: int,
        performance: Callable[[ClientConnection, CallContext], Performance],
    ) -> None:
        self.clock = clock
        self.turns = turns
        self._opening = opening
        self._performance = performance
        self._recorder: Recorder | ObservedCalls | None = None
        self._epoch_ns = epoch_ns

    def record_to(self, recorder: Recorder | ObservedCalls | None) -> None:
        """Hand calls to `recorder` from now on."""
        self._recorder = recorder

    def take(self, client: ClientConnection, context: CallContext) -> bool:
        """Forward a call that is relayed whole when it is due; tell whether it is one.

        Args:
            client: who asks.
            context: the call, whose request is whole and plain.
        """
        source = context.route.source
        if type(source) is not LiveSource or context.run is not None:
            return False
        due = due_if_relayed(context.drawn.plan.steps)
        connection = None if due is None else source.pop()
        if due is None or connection is None:
            return False
        sent = source.request_bytes(context.request, context.target)
        call = client.taken = UsualCall(client, context, source, connection, sent, due, self)
        self._opening.inflight_count += 1
        connection.send(sent, call)
        return True

    def finish(self, call: UsualCall, head: ResponseHead, body: bytes, ended_s: float) -> None:
        """Record a call that was answered whole."""
        recorder = self._recorder
        if recorder is not None:
            body_bytes, begun_s, context = len(body), call.begun_s, call.context
            # By position, in the order of the fields; what comes behind them is as it usually is.
            finished = FinishedCall(
                context,
                context.drawn.plan,
                None,
                "upstream",
                ended_s,
                self._epoch_ns,
                self.clock.lag_s,
                head,
                head.status,
                head.content_type,
                head.content_length,
                body_bytes,
                body if body_bytes <= CLASSIFIED_BYTES_MAX else b"",
                ended_s if begun_s is None else begun_s,
            )
            recorder.add(finished)
        self._opening.inflight_count -= 1

    def hand_over(self, call: UsualCall, error: Exception | None) -> None:
        """Leave the rest of a call to the fiber of its connection, or the error that it met."""
        self._opening.inflight_count -= 1
        request = call.context.request
        if error is not None:
            call.client.hand_over(request, error)
            return
        performance = self._performance(call.client, call.context)
        performance.forwarded(call.exchange())
        if call.head is not None and call.begun_s is not None:
            performance.begun(call.head, call.body[:-1], call.begun_s)
        call.client.hand_over(request, performance)
