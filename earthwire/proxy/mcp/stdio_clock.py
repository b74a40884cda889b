"""The time of episodes over the standard streams: real, scaled, or virtual, where only calls take any."""

import msgspec

from earthwire.traces.clients.episode_times import CLOCK_ATTRIBUTE, SPEED_ATTRIBUTE
from earthwire.traces.record import TraceRecord

_NANOSECONDS_PER_SECOND = 1_000_000_000


class StdioEpisode:
    """One agent run over the standard streams.

    Args:
        first_arrival_s: when its first call came (monotonic).
        time_scale: real seconds in a simulated one; 0 for virtual time.
    """

    __slots__ = ("_first_arrival_s", "_time_scale", "_virtual_s", "call_count")

    def __init__(self, first_arrival_s: float, time_scale: float) -> None:
        self._first_arrival_s = first_arrival_s
        self._time_scale = time_scale
        self._virtual_s = 0.0
        self.call_count = 0

    def at_s(self, arrival_s: float) -> float:
        """Return the time of a call that comes now, in seconds on the episode's clock since its first call."""
        if self._time_scale == 0.0:
            return self._virtual_s
        return (arrival_s - self._first_arrival_s) / self._time_scale

    def advance(self, duration_s: float) -> None:
        """Let virtual time pass by what a call takes: nothing else takes any."""
        self._virtual_s += duration_s


def on_its_clock(record: TraceRecord, time_scale: float, performed_s: float, *, is_over: bool) -> TraceRecord:
    """Return a record with the latency of its episode's clock instead of ours.

    Args:
        record: of a call, with the times of our clock.
        time_scale: real seconds in a simulated one; 0 for virtual time.
        performed_s: what the call takes as it was performed, in simulated seconds.
        is_over: it was performed to its end; one that was broken off takes no virtual time.
    """
    if time_scale == 1.0:
        return record
    known = msgspec.json.decode(record.attributes, type=dict[str, object]) if record.attributes else {}
    if time_scale == 0.0:
        return msgspec.structs.replace(
            record,
            duration_ns=int(performed_s * _NANOSECONDS_PER_SECOND) if is_over else 0,
            lateness_ns=None,
            attributes=msgspec.json.encode({**known, CLOCK_ATTRIBUTE: "virtual"}).decode(),
        )
    speed = 1.0 / time_scale
    duration_ns = None if record.duration_ns is None else int(record.duration_ns * speed)
    is_timed = record.lateness_ns is not None and duration_ns is not None
    return msgspec.structs.replace(
        record,
        duration_ns=duration_ns,
        lateness_ns=(duration_ns or 0) - (record.plan_last_byte_ns or 0) if is_timed else None,
        attributes=msgspec.json.encode({**known, CLOCK_ATTRIBUTE: "scaled", SPEED_ATTRIBUTE: speed}).decode(),
    )
