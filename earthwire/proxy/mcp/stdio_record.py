"""The trace record of a call over the standard streams."""

from earthwire.fault_models.plan import plan_digest
from earthwire.proxy.calls.planner import Planner
from earthwire.proxy.mcp.record import session_name
from earthwire.proxy.mcp.stdio_call import Line, StdioCall
from earthwire.traces.record import Outcome, TraceRecord

_NANOSECONDS_PER_SECOND = 1_000_000_000


def stdio_record(
    call: StdioCall, line: Line | None, planner: Planner, ended_s: float, epoch_ns: int, session: str
) -> TraceRecord:
    """Return the record of a call, without what its messages say.

    Args:
        call: that is over.
        line: what the host got; None where it got nothing.
        planner: that drew.
        ended_s: when it ended (monotonic).
        epoch_ns: nanoseconds since 1970 at monotonic time 0.
        session: what tells this run of the server from others.
    """
    plan = call.drawn.plan
    duration_ns = int((ended_s - call.arrival_s) * _NANOSECONDS_PER_SECOND)
    due_ns = int(plan.last_byte_s * _NANOSECONDS_PER_SECOND)
    outcome, error_type = _ending(call, line)
    return TraceRecord(
        tool=call.tool,
        source_format="earthwire",
        session_id=session_name(call.episode, session),
        seq=call.seq,
        start_time_unix_nano=epoch_ns + int(call.arrival_s * _NANOSECONDS_PER_SECOND),
        duration_ns=duration_ns,
        vantage="proxy",
        latency_censoring="right" if line is None else "none",
        outcome=outcome,
        error_type=error_type,
        http_response_body_size=None if line is None else len(line.data),
        origin="upstream" if line is not None and not line.is_ours else "injected",
        episode=call.episode,
        call_index=call.drawn.call_index,
        seed=planner.seed,
        profile_hash=planner.profile_hash,
        plan_outcome=plan.outcome,
        plan_support=plan.support,
        plan_first_byte_ns=int(plan.first_byte_s * _NANOSECONDS_PER_SECOND),
        plan_last_byte_ns=due_ns,
        plan_digest=plan_digest(plan),
        lateness_ns=duration_ns - due_ns if due_ns > 0 and line is not None else None,
        attributes=call.drawn.conditions,
    )


def _ending(call: StdioCall, line: Line | None) -> tuple[Outcome, str | None]:
    """Return outcome and error type as far as the bytes tell; what the answer says comes on top."""
    if line is None:
        return ("timeout", "hang") if call.is_silent else ("cancelled", "client_left")
    if line.ends:
        return "conn_error", "connection_closed" if not line.data else "body_cut"
    return ("ok", None) if line.reply is not None else ("malformed", "invalid_json")
