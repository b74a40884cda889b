"""From what happened to one call to its trace record."""

import time

import msgspec

from earthwire.fault_models.call import Drawn
from earthwire.fault_models.plan import Plan, plan_digest
from earthwire.proxy.perform import Performance
from earthwire.proxy.request import Request
from earthwire.proxy.response_writer import ResponseWriter
from earthwire.proxy.served_record import ServedRecord
from earthwire.traces.body_class import classify_body
from earthwire.traces.http_outcome import http_outcome
from earthwire.traces.record import OUTCOMES, BodyClass, Censoring, Origin, Outcome

NANOSECONDS_PER_SECOND = 1_000_000_000
CLASSIFIED_BYTES_MAX = 16 * 1024
"""Bodies up to this size are classified by their bytes; larger ones have no class."""

_DOUBTFUL: frozenset[BodyClass | None] = frozenset(("html", "xml", "invalid_json"))
"""Classes of bodies that may make a malformed response of one with a good status."""

_SYNTAX = msgspec.json.Decoder(msgspec.Raw)
_ABORT_ERROR_TYPES = {"rst": "connection_reset", "fin": "connection_closed", "hang": "hang"}


class CallContext(msgspec.Struct, frozen=True):
    """What is known of a call before anything is performed.

    Attributes:
        request: of the client.
        episode: the agent run it belongs to.
        tool: key that calls are grouped by.
        target: path and query at the upstream.
        server_address: host of the upstream, or None.
        seq: number of the call in its episode, from 0.
        inflight_count: other calls under way at its start.
        seed: of the draws.
        profile_hash: of the profile that the draws come from.
        drawn: what is planned.
    """

    request: Request
    episode: str
    tool: str
    target: str
    server_address: str | None
    seq: int
    inflight_count: int
    seed: int
    profile_hash: str
    drawn: Drawn


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


class WallClock:
    """Turns monotonic times into times of day.

    Attributes:
        offset_ns: nanoseconds since 1970 at monotonic time 0.
    """

    def __init__(self) -> None:
        self.offset_ns = time.time_ns() - time.monotonic_ns()

    def unix_nano(self, monotonic_s: float) -> int:
        """Return nanoseconds since 1970 of a monotonic time in seconds."""
        return self.offset_ns + int(monotonic_s * NANOSECONDS_PER_SECOND)


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
    outcome = _planned_outcome(plan) if origin == "injected" else "ok"
    if outcome == "ok" and (status >= 400 or body_class in _DOUBTFUL):
        outcome = http_outcome(status, writer.content_type, _body_to_judge(writer, body_class), body_class)
    return Ending(outcome, origin, status)


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


def call_record(
    context: CallContext,
    performance: Performance,
    ending: Ending,
    body_class: BodyClass | None,
    ended_s: float,
    wall_clock: WallClock,
) -> ServedRecord:
    """Return the record of a call.

    Args:
        context: of its start.
        performance: what was performed.
        ending: how it ended.
        body_class: of the body that was sent, if it is known.
        ended_s: when it ended (monotonic).
        wall_clock: gives the time of day of its start.
    """
    request, writer, plan, head = context.request, performance.writer, performance.plan, performance.head
    arrival_s, first_s = request.arrival_s, writer.first_byte_s
    duration_ns = int((ended_s - arrival_s) * NANOSECONDS_PER_SECOND)
    due_ns = int(plan.last_byte_s * NANOSECONDS_PER_SECOND)
    is_timed = due_ns > 0 and ending.censoring == "none" and ending.origin != "proxy"
    # By position, in the order of the fields: by name this would take as long as all the rest of a record.
    return ServedRecord(
        context.tool,
        "earthwire",
        context.episode,
        context.seq,
        request.line.method,
        context.server_address,
        wall_clock.offset_ns + int(arrival_s * NANOSECONDS_PER_SECOND),
        duration_ns,
        None if first_s is None else int((first_s - arrival_s) * NANOSECONDS_PER_SECOND),
        "proxy",
        ending.censoring,
        ending.outcome,
        ending.status,
        _planned_rpc_code(plan) if ending.outcome == "rpc_error" else None,
        ending.error_type,
        ending.error_message,
        None if head is None or head.retry_after is None else _seconds(head.retry_after),
        request.body.received_bytes,
        writer.body_bytes,
        writer.declared_bytes,
        writer.content_type,
        body_class,
        context.inflight_count,
        ending.origin,
        context.episode,
        context.drawn.call_index,
        context.seed,
        context.profile_hash,
        plan.outcome,
        plan.support,
        int(plan.first_byte_s * NANOSECONDS_PER_SECOND),
        due_ns,
        plan_digest(plan),
        duration_ns - due_ns if is_timed else None,
    )


def _broken_ending(plan: Plan, aborted: str | None, writer: ResponseWriter) -> Ending:
    planned = _planned_outcome(plan)
    outcome: Outcome = "conn_error" if planned == "ok" else planned
    error_type = "body_cut" if writer.status is not None else _ABORT_ERROR_TYPES[aborted or "fin"]
    return Ending(
        outcome,
        "injected",
        writer.status,
        _ABORT_ERROR_TYPES["hang"] if aborted == "hang" else error_type,
        censoring="right" if aborted == "hang" else "none",
    )


def _planned_outcome(plan: Plan) -> Outcome:
    """Return the outcome that an outcome kind refines: ``http_5xx:503`` is an ``http_error``."""
    family = plan.outcome.partition(":")[0]
    if family.startswith("http_"):
        return "http_error"
    return family if family in OUTCOMES else "unknown"  # type: ignore[return-value]  # checked right here


def _planned_rpc_code(plan: Plan) -> str | None:
    return plan.outcome.partition(":")[2] or None


def _body_to_judge(writer: ResponseWriter, body_class: BodyClass | None) -> bytes | None:
    return None if body_class is None else writer.kept_body()


def _seconds(retry_after: bytes) -> float | None:
    """Return a Retry-After in seconds; the form with a date has none."""
    return float(retry_after) if retry_after.isdigit() else None


def _is_json_object(body: bytes) -> bool:
    """Tell whether a body is a JSON object, without building its values: the usual class, found in half the time.

    Objects in other encodings or with escaped characters are left to `classify_body`, which looks more closely.
    """
    if body[:1] != b"{" or not body.isascii() or b"\\u" in body:
        return False
    try:
        _SYNTAX.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
