"""A recorded response as it leaves in one piece, with all that follows from it alone."""

import msgspec

from earthwire.fault_models.plan import Plan
from earthwire.proxy.wire.exchange import ResponseHead

ANSWER_BYTES_MAX = 64 * 1024
"""Longer bodies are made anew for each call, so that what is kept of recordings stays about as large as they are."""


class RecordedAnswer(msgspec.Struct, eq=False):
    """One recording, prepared for the calls that it answers whole.

    Attributes:
        head: of the response.
        body: of the response, not empty.
        sent: both as they are sent.
        plan: when it leaves, or None to leave that to the plan that was drawn.
    """

    head: ResponseHead
    body: bytes
    sent: bytes
    plan: Plan | None


def recorded_answer(head: ResponseHead, body: bytes, plan: Plan | None) -> RecordedAnswer | None:
    """Return a recorded response as it leaves in one piece; None if it is one that does not, or is too long."""
    if not head.sized or head.streams or len(body) > ANSWER_BYTES_MAX:
        return None
    if plan is not None and plan.outcome == "timeout":
        # On the record of a call in virtual time that would look as if its client had given it up.
        return None
    return RecordedAnswer(head, body, b"%b\r\n%b" % (head.start, body), plan)
