"""Calls on a virtual clock: nothing is waited for, and what outlasts the client's patience is that client's time-out.

What a plan says does not change with the clock, and neither does its digest. Only what is performed does: a call that
the client would have given up is answered at once, in the shape in which this client sees a time-out.
"""

from typing import Literal

import msgspec

from earthwire.fault_models.plan import Abort, Body, Forward, Head, Plan, Step

EpisodeClock = Literal["real", "scaled", "virtual"]
"""How the time of an episode passes: as it is, faster or slower by a factor, or not at all."""

TimeoutShape = Literal["http_504", "http_408", "close", "reset"]
"""What stands for a client's own time-out where nobody waits: an error status, or a connection that ends."""

UNBOUNDED_PATIENCE_S = 3600.0
"""How long a call that never ends lasts for a client that declared no timeout."""

_STATUSES = {"http_504": (504, "gateway timeout"), "http_408": (408, "request timeout")}


class Patience(msgspec.Struct, frozen=True):
    """How long a client waits for one call, and how it learns that it has waited too long.

    Attributes:
        timeout_s: seconds from the request to its last byte; None if the client waits for ever.
        shape: of the time-out.
    """

    timeout_s: float | None = None
    shape: TimeoutShape = "http_504"

    def limit_s(self, plan: Plan) -> float | None:
        """Return after how many seconds the client gives this plan up; None if it sees the plan's end."""
        if never_ends(plan):
            return UNBOUNDED_PATIENCE_S if self.timeout_s is None else self.timeout_s
        if self.timeout_s is not None and plan.last_byte_s > self.timeout_s:
            return self.timeout_s
        return None


def never_ends(plan: Plan) -> bool:
    """Tell whether a plan ends in silence."""
    last = plan.steps[-1] if plan.steps else None
    return type(last) is Abort and last.how == "hang"


def given_up(plan: Plan, limit_s: float, shape: TimeoutShape) -> Plan:
    """Return what is performed for a client that gives up after `limit_s` seconds.

    A call that the plan would have forwarded is forwarded: the tool does its work, and only the answer is lost.
    """
    forward = plan.steps[:1] if plan.steps and isinstance(plan.steps[0], Forward) else ()
    return Plan("timeout", limit_s, limit_s, (*forward, *_ending(shape)), plan.support)


def _ending(shape: TimeoutShape) -> tuple[Step, ...]:
    match shape:
        case "close":
            return (Abort("fin"),)
        case "reset":
            return (Abort("rst"),)
        case _:
            status, text = _STATUSES[shape]
            body = f'{{"error":{{"code":{status},"message":"{text}"}}}}'.encode()
            return Head(status, (("content-type", "application/json"), ("date", "")), len(body)), Body(body)
