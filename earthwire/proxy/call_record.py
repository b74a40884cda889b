"""From what happened to one call to its trace record."""

import time

import msgspec

from earthwire.fault_models.call import Drawn
from earthwire.fault_models.plan import Plan, plan_digest
from earthwire.proxy.perform import Performance
from earthwire.proxy.request import Request
from earthwire.proxy.response_writer import ResponseWriter
from earthwire.traces.body_class import classify_body
from earthwire.traces.http_outcome import http_outcome
from earthwire.traces.record import OUTCOMES, BodyClass, Censoring, Origin, Outcome, TraceRecord

NANOSECONDS_PER_SECOND = 1_000_000_000
CLASSIFIED_BYTES_MAX = 16 * 1024
"""Bodies up to this size are classified by their bytes; larger ones have no class."""

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


class Ending(msgspec.Struct, frozen=True):
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
    """Turns monotonic times into times of day."""

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def unix_nano(self, monotonic_s: float) -> int:
        """Return nanoseconds since 1970 of a monotonic time in seconds."""
        return self._offset_ns + int(monotonic_s * NANOSECONDS_PER_SECOND)


def ending_of(performance: Performance, origin: Origin, body_class: BodyClass | None) -> Ending:
    """Return how a performed plan ended.

    Args:
        performance: after its last step.
        origin: ``upstream`` or ``replay`` where the whole response was relayed, else ``injected``.
        body_class: of the whole body, if it is known.
    """
    plan, writer = performance.plan, performance.writer
    if performance.aborted is not None or not writer.complete:
        return _broken_ending(plan, performance.aborted, writer)
    assert writer.status is not None
    outcome = _planned_outcome(plan) if origin == "injected" else "ok"
    if outcome == "ok":
        outcome = http_outcome(
            writer.status, writer.content_type, _body_to_judge(writer, body_class), body_class
        )
    return Ending(outcome, origin, writer.status)


def body_class_of(performance: Performance) -> BodyClass | None:
    """Return the class of the body that was sent, where that is cheap to know."""
    writer = performance.writer
    if writer.body_bytes == 0:
        return "empty" if writer.status is not None and not performance.head_only else None
    if writer.body_bytes > CLASSIFIED_BYTES_MAX:
        return None
    if performance.head is not None and performance.head.content_encoding is not None:
        return None
    return classify_body(writer.kept_body(), writer.content_type)


def call_record(
    context: CallContext,
    performance: Performance,
    ending: Ending,
    body_class: BodyClass | None,
    ended_s: float,
    wall_clock: WallClock,
) -> TraceRecord:
    """Return the record of a call.

    Args:
        context: of its start.
        performance: what was performed.
        ending: how it ended.
        body_class: of the body that was sent, if it is known.
        ended_s: when it ended (monotonic).
        wall_clock: gives the time of day of its start.
    """
    request, writer, plan, drawn = context.request, performance.writer, performance.plan, context.drawn
    arrival_s, first_s = request.arrival_s, writer.first_byte_s
    duration_ns = int((ended_s - arrival_s) * NANOSECONDS_PER_SECOND)
    due_ns = int(plan.last_byte_s * NANOSECONDS_PER_SECOND)
    retry_after = None if performance.head is None else performance.head.retry_after
    is_timed = due_ns > 0 and ending.censoring == "none" and ending.origin != "proxy"
    return TraceRecord(
        tool=context.tool,
        source_format="earthwire",
        session_id=context.episode,
        seq=context.seq,
        http_request_method=request.line.method,
        server_address=context.server_address,
        start_time_unix_nano=wall_clock.unix_nano(arrival_s),
        duration_ns=duration_ns,
        ttfb_ns=None if first_s is None else int((first_s - arrival_s) * NANOSECONDS_PER_SECOND),
        vantage="proxy",
        latency_censoring=ending.censoring,
        outcome=ending.outcome,
        http_response_status_code=ending.status,
        rpc_response_status_code=_planned_rpc_code(plan) if ending.outcome == "rpc_error" else None,
        error_type=ending.error_type,
        error_message=ending.error_message,
        retry_after_s=_seconds(retry_after),
        http_request_body_size=request.body.received_bytes,
        http_response_body_size=writer.body_bytes,
        declared_content_length=writer.declared_bytes,
        content_type=writer.content_type,
        body_class=body_class,
        inflight_at_start=context.inflight_count,
        origin=ending.origin,
        episode=context.episode,
        call_index=drawn.call_index,
        seed=context.seed,
        profile_hash=context.profile_hash,
        plan_outcome=plan.outcome,
        plan_support=plan.support,
        plan_first_byte_ns=int(plan.first_byte_s * NANOSECONDS_PER_SECOND),
        plan_last_byte_ns=due_ns,
        plan_digest=plan_digest(plan),
        lateness_ns=duration_ns - due_ns if is_timed else None,
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


def _seconds(retry_after: bytes | None) -> float | None:
    """Return a Retry-After in seconds; the form with a date has none."""
    return float(retry_after) if retry_after is not None and retry_after.isdigit() else None
