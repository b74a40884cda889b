"""Plans that are a response of our own and nothing else: the upstream is not asked, and the connection stays open."""

import msgspec

from earthwire.fault_models.plan import Body, Head, Plan, Wait


class OwnResponse(msgspec.Struct, frozen=True, gc=False):
    """A response of our own.

    Attributes:
        head: its head, which declares the length of its body.
        body: the whole of it.
    """

    head: Head
    body: bytes


def own_response(plan: Plan) -> OwnResponse | None:
    """Return the response that a plan gives by itself, whole, whenever it is due; None if it does anything else."""
    head, body = None, b""
    for step in plan.steps:
        if type(step) is Head and head is None:
            head = step
        elif type(step) is Body and head is not None:
            body += step.data
        elif type(step) is not Wait:
            return None
    if head is None or head.content_length != len(body):
        return None
    return OwnResponse(head, body)
