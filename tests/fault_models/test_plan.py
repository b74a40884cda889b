import msgspec

from earthwire.fault_models.plan import (
    PASS_THROUGH,
    Abort,
    AbortReused,
    Body,
    Forward,
    Head,
    Plan,
    RelayBody,
    RelayHead,
    Wait,
    plan_digest,
    steps_on,
)

STEPS = (
    Forward(),
    Wait(0.1),
    RelayHead(),
    RelayBody(0.2, 0.5),
    Head(503, (("retry-after", "1"),), 2),
    Body(b"no"),
    Abort("rst"),
)


def test_a_plan_survives_the_wire():
    plan = Plan("http_5xx:503", 0.1, 0.2, STEPS, "tool")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(plan), type=Plan) == plan


def test_digest_tells_any_two_plans_apart():
    plans = [PASS_THROUGH, *(Plan("ok", 0.1, 0.2, STEPS[:n], "tool") for n in range(len(STEPS)))]
    plans.append(msgspec.structs.replace(plans[-1], last_byte_s=0.2 + 1e-12))
    plans.append(msgspec.structs.replace(plans[-1], support="server"))
    assert len({plan_digest(plan) for plan in plans}) == len(plans)


def test_digest_is_pinned():
    """Recorded digests are compared across versions."""
    assert plan_digest(PASS_THROUGH) == "e7295eeb6a5fd1bd"


def test_only_a_connection_that_has_served_a_call_is_ended_for_it():
    plan = Plan("conn_error:reused", 0.1, 0.2, (AbortReused("rst"), Forward(), RelayHead()), "assumed")
    assert steps_on(plan, reused=False) == (Forward(), RelayHead())
    assert steps_on(plan, reused=True)[0] == Abort("rst")
