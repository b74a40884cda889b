"""From what an MCP client meets to the steps that bring it about over HTTP."""

from earthwire.fault_models.plan import (
    Body,
    Forward,
    Head,
    LoseReply,
    Plan,
    RelayAnswer,
    RelayDamaged,
    Step,
    Wait,
)
from earthwire.proxy.mcp.events import event_of
from earthwire.proxy.mcp.message import ClientMessage
from earthwire.proxy.mcp.reply import Reply, reply_bytes
from earthwire.proxy.mcp.server import AnswerHabits
from earthwire.proxy.mcp.surface import BelowProtocol, OwnReply, RelayReply, Surfaced, loses_reply

_SESSION_HEADER = "mcp-session-id"


def http_steps(
    plan: Plan, met: Surfaced, message: ClientMessage, habits: AnswerHabits, session_id: str | None
) -> tuple[Step, ...]:
    """Return the steps of one call.

    Args:
        plan: as drawn; its times are due.
        met: what the client is to meet.
        message: the request.
        habits: how the server frames its answers.
        session_id: that the client sent, or None; a server with sessions repeats it.
    """
    match met:
        case RelayReply(damage):
            return (Forward(), RelayAnswer(plan.first_byte_s, plan.last_byte_s, damage))
        case OwnReply(reply):
            own = _own_steps(plan, reply, message, habits, session_id)
            return (Forward(), LoseReply(), *own) if loses_reply(plan) else own
        case BelowProtocol():
            damage = next((step for step in plan.steps if isinstance(step, RelayDamaged)), None)
            if damage is None:
                return plan.steps
            return (Forward(), RelayAnswer(plan.first_byte_s, plan.last_byte_s, damage, damages_message=True))


def _own_steps(
    plan: Plan, reply: Reply, message: ClientMessage, habits: AnswerHabits, session_id: str | None
) -> tuple[Step, ...]:
    assert message.id is not None, "only requests are answered"
    if reply.result is not None and habits.meta:
        reply = Reply(None, result={"_meta": habits.meta, **reply.result})
    data = reply_bytes(reply, message.id)
    content_type = "application/json"
    if habits.as_events:
        data, content_type = event_of(data), "text/event-stream"
    headers = [("content-type", content_type)]
    for name, value in habits.headers:
        if name.lower() != _SESSION_HEADER:
            headers.append((name, value))
        elif session_id is not None:
            headers.append((name, session_id))
    head = Head(200, tuple(headers), len(data))
    return (Wait(plan.first_byte_s), head, Wait(plan.last_byte_s), Body(data))
