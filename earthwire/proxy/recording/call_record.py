"""From what happened to one call to its trace record."""

from itertools import pairwise

import msgspec

from earthwire.fault_models.channels import CHANNELS_ATTRIBUTE
from earthwire.fault_models.plan import Head, Plan, plan_digest
from earthwire.fault_models.reward.decoy_rounds import DECOY_ROUNDS_ATTRIBUTE, DecoyRounds
from earthwire.fault_models.reward.usage import usage_of
from earthwire.proxy.calls.call_context import CallContext
from earthwire.proxy.episodes.episode_time import broken_off_in_episode_time, in_episode_time
from earthwire.proxy.performing.perform import Performance
from earthwire.proxy.recording.served_record import ServedRecord
from earthwire.proxy.wire.exchange import ResponseHead
from earthwire.proxy.wire.response_writer import CHUNKS_TIMED_MAX
from earthwire.traces.labels.body_class import classify_body, is_stream_type
from earthwire.traces.labels.http_outcome import http_outcome
from earthwire.traces.labels.in_band import in_band_error
from earthwire.traces.labels.outcome_kind import outcome_of_kind, refinement_of_kind
from earthwire.traces.record import BodyClass, Censoring, Origin, Outcome

NANOSECONDS_PER_SECOND = 1_000_000_000
CLASSIFIED_BYTES_MAX = 16 * 1024
"""Bodies up to this size are classified by their bytes; larger ones have no class."""

_DOUBTFUL: frozenset[BodyClass | None] = frozenset(("html", "xml", "invalid_json"))
"""Classes of bodies that may make a malformed response of one with a good status."""

_BACKSLASH = ord("\\")
"""As a number it is found in a fifth of the time."""
_SYNTAX = msgspec.json.Decoder(msgspec.Raw)
_ABORT_ERROR_TYPES = {"rst": "connection_reset", "fin": "connection_closed", "hang": "hang"}


class Ending(msgspec.Struct, frozen=True, gc=False):
    """How a call ended.

    Attributes:
        outcome: of the record.
        origin: who is responsible for it.
        status: HTTP status that the client got, or None.
        error_type: short stable name of what went wrong, or None.
        error_message: the same as a sentence, or None.
        censoring: ``right`` where the call was still going on when it was broken off.
    """

    outcome: Outcome
    origin: Origin
    status: int | None = None
    error_type: str | None = None
    error_message: str | None = None
    censoring: Censoring = "none"


class FinishedCall(msgspec.Struct, frozen=True):
    """A call that is over and of which a record is to be made: what of it is known then, and nothing that lives on.

    Attributes:
        context: the call.
        plan: that was performed.
        ending: how it ended; None if the plan was performed to its end, which then tells.
        origin: who made the response: ``upstream`` or ``replay`` where theirs was relayed whole, else ``injected``.
        ended_s: when it ended (monotonic).
        epoch_ns: nanoseconds since 1970 at monotonic time 0.
        lag_s: how late the proxy's own loop was when it ended.
        head: of the upstream's response, or None.
        status: HTTP status that the client got, or None.
        content_type: that the client got, or None.
        declared_bytes: Content-Length that the client got, or None.
        body_bytes: of the body that the client got.
        body: its first bytes: all of it unless `body_bytes` is larger.
        first_byte_s: when the first bytes were written (monotonic), or None.
        complete: the response is one that the client can tell to be whole.
        head_only: the request asked for a head only.
        aborted: how the plan ended the connection, or None.
        tail: the end of a stream that is not in `body` whole.
        chunk_times_s: when parts of the body of a stream were written (monotonic); None where it is no stream.
        lost_status: of a response that the upstream gave and the client never got, or None.
        notes: what channels did to request and answer, or None where there are no channels.
        rounds: in which a model was asked again since it had called decoys, or None.
    """

    context: CallContext
    plan: Plan
    ending: Ending | None
    origin: Origin
    ended_s: float
    epoch_ns: int
    lag_s: float
    head: ResponseHead | None
    status: int | None
    content_type: str | None
    declared_bytes: int | None
    body_bytes: int
    body: bytes
    first_byte_s: float | None
    complete: bool = True
    head_only: bool = False
    aborted: str | None = None
    tail: bytes = b""
    chunk_times_s: list[float] | None = None
    lost_status: int | None = None
    notes: dict[str, int] | None = None
    rounds: DecoyRounds | None = None

    def record(self) -> ServedRecord:
        """Return its trace record."""
        ending, body_class = self.ending, None
        if ending is None:
            body_class = body_class_of(self)
            ending = ending_of(self, body_class)
        record = _served_record(self, ending, body_class)
        run = self.context.run
        if run is None or not run.is_simulated:
            return record
        if self.ending is not None:
            return broken_off_in_episode_time(record, self.context)
        return in_episode_time(record, self.context, self.plan)


def finished_call(
    performance: Performance, ending: Ending | None, ended_s: float, epoch_ns: int, lag_s: float
) -> FinishedCall:
    """Return what is known of a call whose plan was performed as far as it got."""
    writer = performance.writer
    # By position, in the order of the fields.
    return FinishedCall(
        performance.context,
        performance.plan,
        ending,
        origin_of(performance),
        ended_s,
        epoch_ns,
        lag_s,
        performance.head,
        writer.status,
        writer.content_type,
        writer.declared_bytes,
        writer.body_bytes,
        writer.kept_body(),
        writer.first_byte_s,
        writer.complete,
        writer.head_only,
        performance.aborted,
        writer.tail,
        writer.chunk_times_s,
        performance.lost_status,
        None if performance.noted is None else performance.noted.notes,
        None if performance.noted is None else performance.noted.rounds,
    )


def origin_of(performance: Performance) -> Origin:
    """Return who made the response: whoever answered, if that was relayed whole; else the plan."""
    if performance.head is None or performance.aborted is not None or performance.source_origin is None:
        return "injected"
    if performance.damaged:
        return "injected"
    return performance.source_origin


def ending_of(call: FinishedCall, body_class: BodyClass | None) -> Ending:
    """Return how a performed plan ended.

    Args:
        call: after its last step.
        body_class: of the whole body, if it is known.
    """
    kind, origin, status = call.plan.outcome, call.origin, call.status
    if call.aborted is not None or not call.complete:
        return _broken_ending(call)
    assert status is not None
    if status < 400 and origin != "injected" and body_class == "json_object":
        # The usual answer.
        found = in_band_error(call.body)
        says_error = found is not None and found.outcome == "semantic_error"
        return Ending("semantic_error" if says_error else "ok", origin, status)
    outcome = outcome_of_kind(kind) if origin == "injected" else "ok"
    if outcome == "ok" and (status >= 400 or body_class in _DOUBTFUL):
        judged = None if body_class is None else call.body
        outcome = http_outcome(status, call.content_type, judged, body_class)
    return Ending(outcome, origin, status, refinement_of_kind(kind) if origin == "injected" else None)


def body_class_of(call: FinishedCall) -> BodyClass | None:
    """Return the class of the body that was sent, where that is cheap to know."""
    if call.body_bytes == 0:
        return "empty" if call.status is not None and not call.head_only else None
    if call.body_bytes > CLASSIFIED_BYTES_MAX:
        return None
    if call.head is not None and call.head.content_encoding is not None:
        return None
    body = call.body
    return "json_object" if _is_json_object(body) else classify_body(body, call.content_type)


def _served_record(call: FinishedCall, ending: Ending, body_class: BodyClass | None) -> ServedRecord:
    context, plan, epoch_ns, head = call.context, call.plan, call.epoch_ns, call.head
    request, route, drawn, episode = context.request, context.route, context.drawn, context.episode
    line, planner = request.line, route.planner
    arrival_s, ended_s, first_s = request.arrival_s, call.ended_s, call.first_byte_s
    duration_ns = int((ended_s - arrival_s) * NANOSECONDS_PER_SECOND)
    ttfb_ns = None if first_s is None else int((first_s - arrival_s) * NANOSECONDS_PER_SECOND)
    due_ns = int(plan.last_byte_s * NANOSECONDS_PER_SECOND)
    lag_s = context.lag_s if context.lag_s > call.lag_s else call.lag_s
    was_whole = ending.censoring == "none" and ending.error_type != "client_left"
    is_timed = due_ns > 0 and was_whole and ending.origin != "proxy"
    # By position, in the order of the fields: by name this would take as long as all the rest of a record.
    record = ServedRecord(
        context.tool,
        episode,
        context.seq,
        line.method,
        route.source.server_address,
        epoch_ns + int(arrival_s * NANOSECONDS_PER_SECOND),
        duration_ns,
        ttfb_ns,
        "proxy",
        ending.censoring,
        ending.outcome,
        ending.status,
        request.body.received_bytes,
        call.body_bytes,
        call.declared_bytes,
        call.content_type,
        body_class,
        context.inflight_count,
        ending.origin,
        episode,
        drawn.call_index,
        planner.seed,
        planner.profile_hash,
        plan.outcome,
        plan.support,
        int(plan.first_byte_s * NANOSECONDS_PER_SECOND),
        due_ns,
        plan_digest(plan),
        # Where the plan said when, as far as the proxy could help it.
        duration_ns - due_ns if is_timed else None,
        int(lag_s * NANOSECONDS_PER_SECOND),
    )
    if head is None or head.retry_after is not None:
        told = _planned_retry_after(plan) if head is None else head.retry_after
        record.retry_after_s = None if told is None else _seconds(told)
    if call.chunk_times_s is not None:
        _note_chunks(record, call.chunk_times_s)
    if line.method == "POST":
        _note_tokens(record, call)
    if ending.error_type is not None:
        record.error_type, record.error_message = ending.error_type, ending.error_message
        record.response_body_truncated = True if not was_whole and call.status else None
    if ending.outcome == "rpc_error":
        record.rpc_response_status_code = _planned_rpc_code(plan)
    if drawn.conditions is not None or call.lost_status is not None or call.notes:
        record.attributes = _attributes(call)
    return record


def _note_chunks(record: ServedRecord, times_s: list[float]) -> None:
    """Note whether a response was a stream, in how many chunks it was sent, and the gaps between them."""
    record.stream = is_stream_type(record.content_type) or None
    if len(times_s) < CHUNKS_TIMED_MAX:
        record.chunk_count = len(times_s)
        record.chunk_gaps_ns = [
            int((after - before) * NANOSECONDS_PER_SECOND) for before, after in pairwise(times_s)
        ]


def _note_tokens(record: ServedRecord, call: FinishedCall) -> None:
    """Note the tokens that a model's answer says it read and wrote: those calls are all sent by POST."""
    usage = usage_of(call.body + call.tail)
    record.gen_ai_usage_input_tokens = usage.input_tokens or None
    record.gen_ai_usage_output_tokens = usage.output_tokens or None


def _attributes(call: FinishedCall) -> str | None:
    """Return what shaped the plan; with it what channels did, and an answer that the client never got."""
    conditions = call.context.drawn.conditions
    if call.lost_status is None and not call.notes:
        return conditions
    values = msgspec.json.decode(conditions, type=dict[str, object]) if conditions else {}
    if call.lost_status is not None:
        # The upstream did its work although the client got no answer of it.
        values["lost_reply_status"] = call.lost_status
    if call.notes:
        values[CHANNELS_ATTRIBUTE] = call.notes
    if call.rounds is not None:
        values[DECOY_ROUNDS_ATTRIBUTE] = call.rounds
    return msgspec.json.encode(values).decode()


def _broken_ending(call: FinishedCall) -> Ending:
    kind, aborted = call.plan.outcome, call.aborted
    planned = outcome_of_kind(kind)
    outcome: Outcome = "conn_error" if planned == "ok" else planned
    error_type = _ABORT_ERROR_TYPES[aborted or "fin"]
    if call.status is not None:
        error_type = refinement_of_kind(kind) or "body_cut"
    return Ending(
        outcome,
        "injected",
        call.status,
        _ABORT_ERROR_TYPES["hang"] if aborted == "hang" else error_type,
        censoring="right" if aborted == "hang" else "none",
    )


def _planned_rpc_code(plan: Plan) -> str | None:
    return plan.outcome.partition(":")[2] or None


def _planned_retry_after(plan: Plan) -> bytes | None:
    """Return the Retry-After of a response of our own."""
    for step in plan.steps:
        if isinstance(step, Head):
            told = next((value for name, value in step.headers if name.lower() == "retry-after"), None)
            return None if told is None else told.encode("latin-1")
    return None


def _seconds(retry_after: bytes) -> float | None:
    """Return a Retry-After in seconds; the form with a date has none."""
    return float(retry_after) if retry_after.isdigit() else None


def _is_json_object(body: bytes) -> bool:
    """Tell whether a body is a JSON object, without building its values: the usual class, found in half the time.

    Objects in other encodings or with escaped characters are left to `classify_body`, which looks more closely.
    """
    if body[:1] != b"{" or _BACKSLASH in body or not body.isascii():
        return False
    try:
        _SYNTAX.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
