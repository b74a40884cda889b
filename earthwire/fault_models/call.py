"""What is asked of a planner and what it answers: a call, and the plan drawn for it."""

import msgspec

from earthwire.fault_models.plan import Plan


class Call(msgspec.Struct, frozen=True, gc=False):
    """One call, as far as a draw may depend on it.

    Attributes:
        episode: the agent run that the call belongs to.
        tool: the key that calls are grouped by.
        method: HTTP method, upper case.
        target: path and query as the upstream is to see them.
        at_s: when it arrived, seconds since the episode's start; only laws on the wall clock ask for it.
    """

    episode: str
    tool: str
    method: str = ""
    target: str = ""
    at_s: float | None = None


Foreseen = tuple[int, str, float, float, float]
"""A call that was drawn ahead of need, without its plan: its index, outcome kind, rank and latency in seconds, and the
uniform of its first byte."""


class Drawn(msgspec.Struct, frozen=True):
    """The plan of one call and the number of the call that it was drawn for.

    Attributes:
        call_index: number of the call in its sequence of draws, from 0.
        plan: what is to be performed.
        conditions: JSON object with what shaped the plan beside profile, seed and identity of the call; None for
            nothing. It becomes part of the trace record's `attributes`.
    """

    call_index: int
    plan: Plan
    conditions: str | None = None
