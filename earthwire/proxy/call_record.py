"""From what happened to one call to its trace record."""

from itertools import pairwise

import msgspec

from earthwire.fault_models.channels import CHANNELS_ATTRIBUTE
from earthwire.fault_models.plan import Head, Plan, plan_digest
from earthwire.fault_models.reward.usage import usage_of
from earthwire.proxy.episode_time import broken_off_in_episode_time, in_episode_time
from earthwire.proxy.perform import Performance
from earthwire.proxy.response_writer import CHUNKS_TIMED_MAX, ResponseWriter
from earthwire.proxy.served_record import ServedRecord
from earthwire.traces.body_class import classify_body, is_stream_type
from earthwire.traces.http_outcome import http_outcome
from earthwire.traces.in_band import in_band_error
from earthwire.traces.outcome_kind import outcome_of_kind, refinement_of_kind
from earthwire.traces.record import BodyClass, Censoring, Origin, Outcome

NANOSECONDS_PER_SECOND = 1_000_000_000
CLASSIFIED_BYTES_MAX = 16 * 1024
"""Bodies up to this size are classified by their bytes; larger ones have no class."""

_DOUBTFUL: frozenset[BodyClass | None] = frozenset(("html", "xml", "invalid_json"))
"""Classes of bodies that may make a malformed response of one with a good status."""

_Chunks = tuple[bool | None, int | None, list[int] | None]
_NO_CHUNKS: _Chunks = (None, None, None)
_Tokens = tuple[int | None, int | None]
_NO_TOKENS: _Tokens = (None, None)
"""Of calls that are no model calls: those are all sent by POST."""

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
    """A call that is over and of which a record is to be made.

    Attributes:
        performance: what was performed.
        ending: how it ended; None if the plan was performed to its end, which then tells.
        ended_s: when it ended (monotonic).
        epoch_ns: nanoseconds since 1970 at monotonic time 0.
        lag_s: how late the proxy's own loop was when it ended.
    """

    performance: Performance
    ending: Ending | None
    ended_s: float
    epoch_ns: int
    lag_s: float = 0.0

    def record(self) -> ServedRecord:
        """Return its trace record."""
        performance, ending = self.performance, self.ending
        body_class = None
        if ending is None:
            body_class = body_class_of(performance)
            ending = ending_of(performance, origin_of(performance), body_class)
        record = _served_record(self, ending, body_class)
        run = performance.context.run
        if run is None or not run.is_simulated:
            return record
        if self.ending is not None:
            return broken_off_in_episode_time(record, performance.context)
        return in_episode_time(record, performance.context, performance.plan)


def origin_of(performance: Performance) -> Origin:
    """Return who made the response: whoever answered, if that was relayed whole; else the plan."""
    if performance.head is None or performance.aborted is not None or performance.source_origin is None:
        return "injected"
    if performance.damaged:
        return "injected"
    return performance.source_origin


def ending_of(performance: Performance, origin: Origin, body_class: BodyClass | None) -> Ending:
    """Return how a performed plan ended.

    Args:
        performance: after its last step.
        origin: ``upstream`` or ``replay`` where the whole response was relayed, else ``injected``.
        body_class: of the whole body, if it is known.
    """
    plan, writer = performance.plan, performance.writer
    status = writer.status
    if performance.aborted is not None or not writer.complete:
        return _broken_ending(plan, performance.aborted, writer)
    assert status is not None
    outcome = outcome_of_kind(plan.outcome) if origin == "injected" else "ok"
    if outcome == "ok" and (status >= 400 or body_class in _DOUBTFUL):
        outcome = http_outcome(status, writer.content_type, _body_to_judge(writer, body_class), body_class)
    if outcome == "ok" and origin != "injected" and body_class == "json_object":
        outcome = "semantic_error" if _says_error(writer.kept_body()) else "ok"
    return Ending(outcome, origin, status, refinement_of_kind(plan.outcome) if origin == "injected" else None)


def body_class_of(performance: Performance) -> BodyClass | None:
    """Return the class of the body that was sent, where that is cheap to know."""
    writer, head = performance.writer, performance.head
    if writer.body_bytes == 0:
        return "empty" if writer.status is not None and not writer.head_only else None
    if writer.body_bytes > CLASSIFIED_BYTES_MAX:
        return None
    if head is not None and head.content_encoding is not None:
        return None
    body = writer.kept_body()
    return "json_object" if _is_json_object(body) else classify_body(body, writer.content_type)


def _served_record(call: FinishedCall, ending: Ending, body_class: BodyClass | None) -> ServedRecord:
    performance, epoch_ns = call.performance, call.epoch_ns
    context, plan = performance.context, performance.plan
    request, planner = context.request, context.route.planner
    writer, head = performance.writer, performance.head
    arrival_s, first_s = request.arrival_s, writer.first_byte_s
    duration_ns = int((call.ended_s - arrival_s) * NANOSECONDS_PER_SECOND)
    lag_s = max(context.lag_s, call.lag_s)
    due_ns = int(plan.last_byte_s * NANOSECONDS_PER_SECOND)
    streams, chunk_count, chunk_gaps_ns = _NO_CHUNKS if writer.chunk_times_s is None else _chunks(writer)
    input_tokens, output_tokens = _tokens(writer) if request.line.method == "POST" else _NO_TOKENS
    # By position, in the order of the fields: by name this would take as long as all the rest of a record.
    return ServedRecord(
        context.tool,
        "earthwire",
        context.episode,
        context.seq,
        request.line.method,
        context.route.source.server_address,
        epoch_ns + int(arrival_s * NANOSECONDS_PER_SECOND),
        duration_ns,
        None if first_s is None else int((first_s - arrival_s) * NANOSECONDS_PER_SECOND),
        "proxy",
        ending.censoring,
        None,
        ending.outcome,
        ending.status,
        _planned_rpc_code(plan) if ending.outcome == "rpc_error" else None,
        ending.error_type,
        ending.error_message,
        _planned_retry_after_s(plan) if head is None else _seconds(head.retry_after),
        request.body.received_bytes,
        writer.body_bytes,
        writer.declared_bytes,
        writer.content_type,
        body_class,
        streams,
        chunk_count,
        chunk_gaps_ns,
        input_tokens,
        output_tokens,
        context.inflight_count,
        ending.origin,
        context.episode,
        context.drawn.call_index,
        planner.seed,
        planner.profile_hash,
        plan.outcome,
        plan.support,
        int(plan.first_byte_s * NANOSECONDS_PER_SECOND),
        due_ns,
        plan_digest(plan),
        duration_ns - due_ns if due_ns > 0 and _is_timed(ending) else None,
        int(lag_s * NANOSECONDS_PER_SECOND),
        _attributes(performance),
    )


def _chunks(writer: ResponseWriter) -> _Chunks:
    """Return whether a response was a stream, in how many chunks it was sent, and the gaps between them."""
    times_s = writer.chunk_times_s or []
    is_stream = is_stream_type(writer.content_type) or None
    if len(times_s) >= CHUNKS_TIMED_MAX:
        return is_stream, None, None
    gaps_ns = [int((after - before) * NANOSECONDS_PER_SECOND) for before, after in pairwise(times_s)]
    return is_stream, len(times_s), gaps_ns


def _tokens(writer: ResponseWriter) -> _Tokens:
    """Return the tokens that a model's answer says it read and wrote; None where it does not say."""
    usage = usage_of(writer.telling_body())
    return usage.input_tokens or None, usage.output_tokens or None


def _attributes(performance: Performance) -> str | None:
    """Return what shaped the plan; with it what channels did, and an answer that the client never got."""
    conditions = performance.context.drawn.conditions
    if performance.lost_status is None and not performance.notes:
        return conditions
    values = msgspec.json.decode(conditions, type=dict[str, object]) if conditions else {}
    if performance.lost_status is not None:
        # The upstream did its work although the client got no answer of it.
        values["lost_reply_status"] = performance.lost_status
    if performance.notes:
        values[CHANNELS_ATTRIBUTE] = performance.notes
    return msgspec.json.encode(values).decode()


def _says_error(body: bytes) -> bool:
    found = in_band_error(body)
    return found is not None and found.outcome == "semantic_error"


def _is_timed(ending: Ending) -> bool:
    """Tell whether the call ended when its plan said it should, as far as the proxy could help it."""
    return ending.censoring == "none" and ending.origin != "proxy"


def _broken_ending(plan: Plan, aborted: str | None, writer: ResponseWriter) -> Ending:
    planned = outcome_of_kind(plan.outcome)
    outcome: Outcome = "conn_error" if planned == "ok" else planned
    error_type = _ABORT_ERROR_TYPES[aborted or "fin"]
    if writer.status is not None:
        error_type = refinement_of_kind(plan.outcome) or "body_cut"
    return Ending(
        outcome,
        "injected",
        writer.status,
        _ABORT_ERROR_TYPES["hang"] if aborted == "hang" else error_type,
        censoring="right" if aborted == "hang" else "none",
    )


def _planned_rpc_code(plan: Plan) -> str | None:
    return plan.outcome.partition(":")[2] or None


def _body_to_judge(writer: ResponseWriter, body_class: BodyClass | None) -> bytes | None:
    return None if body_class is None else writer.kept_body()


def _planned_retry_after_s(plan: Plan) -> float | None:
    """Return the Retry-After of a response of our own."""
    for step in plan.steps:
        if isinstance(step, Head):
            told = next((value for name, value in step.headers if name.lower() == "retry-after"), None)
            return None if told is None else _seconds(told.encode("latin-1"))
    return None


def _seconds(retry_after: bytes | None) -> float | None:
    """Return a Retry-After in seconds; the form with a date has none."""
    return float(retry_after) if retry_after is not None and retry_after.isdigit() else None


def _is_json_object(body: bytes) -> bool:
    """Tell whether a body is a JSON object, without building its values: the usual class, found in half the time.

    Objects in other encodings or with escaped characters are left to `classify_body`, which looks more closely.
    """
    if body[:1] != b"{" or not body.isascii() or b"\\" in body:
        return False
    try:
        _SYNTAX.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
