"""The record of a call whose episode has a time of its own: its latency is what the agent is to count."""

from functools import lru_cache

import msgspec

from earthwire.fault_models.conditions.virtual_time import EpisodeClock
from earthwire.fault_models.plan import Plan, plan_digest
from earthwire.proxy.calls.call_context import CallContext
from earthwire.proxy.recording.served_record import ServedRecord
from earthwire.traces.clients.episode_times import CLOCK_ATTRIBUTE, SPEED_ATTRIBUTE, WAITED_ATTRIBUTE

_NANOSECONDS_PER_SECOND = 1_000_000_000


def in_episode_time(record: ServedRecord, context: CallContext, performed: Plan) -> ServedRecord:
    """Return a record with the latency of the episode's clock instead of ours.

    What was planned stays what was drawn, so that the digest of a plan does not depend on the clock.

    Args:
        record: of a call that was performed to its end, with the times of our clock.
        context: of the call, whose episode is not on our clock.
        performed: the plan that was performed.
    """
    run, drawn = context.run, context.drawn
    assert run is not None, "only a declared episode has a time of its own"
    settings = run.settings
    attributes = clock_attributes(record.attributes, settings.clock, settings.speed, context.waited_s)
    if settings.clock == "scaled":
        return _scaled(record, settings.speed, attributes)
    if performed.outcome == "timeout" and performed is not drawn.plan:
        return _given_up(record, drawn.plan, performed, attributes)
    return msgspec.structs.replace(
        record,
        duration_ns=_nanoseconds(performed.last_byte_s),
        ttfb_ns=None if record.ttfb_ns is None else _nanoseconds(performed.first_byte_s),
        lateness_ns=None,
        # However late our loop is, virtual time is exact.
        proxy_lag_ns=None,
        attributes=attributes,
    )


def broken_off_in_episode_time(record: ServedRecord, context: CallContext) -> ServedRecord:
    """Return the record of a call that was broken off before its plan ended, in the same way.

    What an upstream or a client takes for that is no part of virtual time: there, the call takes none.
    """
    run = context.run
    assert run is not None, "only a declared episode has a time of its own"
    settings = run.settings
    attributes = clock_attributes(record.attributes, settings.clock, settings.speed, context.waited_s)
    if settings.clock == "scaled":
        return _scaled(record, settings.speed, attributes)
    return msgspec.structs.replace(
        record,
        duration_ns=0,
        ttfb_ns=None if record.ttfb_ns is None else 0,
        lateness_ns=None,
        proxy_lag_ns=None,
        attributes=attributes,
    )


def _given_up(record: ServedRecord, drawn: Plan, performed: Plan, attributes: str) -> ServedRecord:
    limit_ns = _nanoseconds(performed.last_byte_s)
    return msgspec.structs.replace(
        record,
        duration_ns=limit_ns,
        ttfb_ns=None,
        latency_censoring="right",
        latency_limit_ns=limit_ns,
        outcome="timeout",
        error_type="client_timeout",
        plan_outcome=drawn.outcome,
        plan_first_byte_ns=_nanoseconds(drawn.first_byte_s),
        plan_last_byte_ns=_nanoseconds(drawn.last_byte_s),
        plan_digest=plan_digest(drawn),
        lateness_ns=None,
        proxy_lag_ns=None,
        attributes=attributes,
    )


def _scaled(record: ServedRecord, speed: float, attributes: str) -> ServedRecord:
    duration_ns = None if record.duration_ns is None else int(record.duration_ns * speed)
    due_ns = record.plan_last_byte_ns
    lateness_ns = None
    if record.lateness_ns is not None and duration_ns is not None and due_ns is not None:
        lateness_ns = duration_ns - due_ns
    return msgspec.structs.replace(
        record,
        duration_ns=duration_ns,
        ttfb_ns=None if record.ttfb_ns is None else int(record.ttfb_ns * speed),
        lateness_ns=lateness_ns,
        proxy_lag_ns=None if record.proxy_lag_ns is None else int(record.proxy_lag_ns * speed),
        attributes=attributes,
    )


@lru_cache(256)
def clock_attributes(known: str | None, clock: EpisodeClock, speed: float, waited_s: float) -> str:
    """Return the attributes of a record, as JSON, with what they say of its episode's clock.

    Args:
        known: what they say otherwise, as JSON, or None.
        clock: of the episode.
        speed: of a scaled clock.
        waited_s: what the client let pass before the call, on a virtual clock.
    """
    values = msgspec.json.decode(known, type=dict[str, object]) if known else {}
    values[CLOCK_ATTRIBUTE] = clock
    if clock == "scaled":
        values[SPEED_ATTRIBUTE] = speed
    if waited_s:
        values[WAITED_ATTRIBUTE] = waited_s
    return msgspec.json.encode(values).decode()


def _nanoseconds(time_s: float) -> int:
    return int(time_s * _NANOSECONDS_PER_SECOND)
