"""When the calls of an episode began and ended on its own clock, which need not be ours.

1. On the real clock a call began and ended when its record says.
2. On a scaled clock the time between calls passes as many times faster as the calls themselves.
3. On a virtual clock only calls take time: each begins when the one before it has ended, and what a client does in
   between takes none, but what the record says that it waited. Nothing of real time goes in, so that equal calls have
   equal times in every run.
"""

from collections.abc import Iterable
from functools import lru_cache

import msgspec

from earthwire.traces.record import TraceRecord

CLOCK_ATTRIBUTE = "earthwire.clock"
"""Attribute of the record of a call whose episode was not on the real clock: ``scaled`` or ``virtual``."""

SPEED_ATTRIBUTE = "earthwire.speed"
"""Attribute of the record of a call on a scaled clock: simulated seconds in a real one."""

WAITED_ATTRIBUTE = "earthwire.waited_s"
"""Attribute of the record of a call on a virtual clock: seconds of it that its client let pass before the call."""

_NANOSECONDS_PER_SECOND = 1e9


class OwnClock(msgspec.Struct, frozen=True):
    """What a record says of its episode's clock.

    Attributes:
        clock: ``scaled`` or ``virtual``; None for the real one.
        speed: simulated seconds in a real one.
        waited_s: what the client let pass before the call, on a virtual clock.
    """

    clock: str | None = msgspec.field(default=None, name=CLOCK_ATTRIBUTE)
    speed: float = msgspec.field(default=1.0, name=SPEED_ATTRIBUTE)
    waited_s: float = msgspec.field(default=0.0, name=WAITED_ATTRIBUTE)


_REAL = OwnClock()
_DECODER = msgspec.json.Decoder(OwnClock)
_MARK = f'"{CLOCK_ATTRIBUTE}"'


@lru_cache(256)
def own_clock(attributes: str | None) -> OwnClock:
    """Return what the attributes of a record say of its episode's clock; the real one if they say nothing."""
    if attributes is None or _MARK not in attributes:
        return _REAL
    try:
        return _DECODER.decode(attributes)
    except msgspec.DecodeError:
        return _REAL


class EpisodeTimes:
    """Puts the calls of one episode on its own clock; they come in the order of their ends."""

    def __init__(self) -> None:
        self._elapsed_s = 0.0
        self._first_start_ns: int | None = None

    def of(
        self, start_ns: int | None, duration_ns: int | None, attributes: str | None
    ) -> tuple[float, float]:
        """Return when the next call began and ended, in seconds that compare within this episode alone.

        Args:
            start_ns: of its record, nanoseconds since 1970 of real time; None counts as 0.
            duration_ns: of its record, on the episode's clock; None counts as 0.
            attributes: of its record.
        """
        start_ns, duration_ns = start_ns or 0, duration_ns or 0
        own = own_clock(attributes)
        match own.clock:
            case "virtual":
                start_s = self._elapsed_s + own.waited_s
                self._elapsed_s = start_s + duration_ns / _NANOSECONDS_PER_SECOND
                return start_s, self._elapsed_s
            case "scaled":
                if self._first_start_ns is None:
                    self._first_start_ns = start_ns
                start_s = (start_ns - self._first_start_ns) / _NANOSECONDS_PER_SECOND * own.speed
                return start_s, start_s + duration_ns / _NANOSECONDS_PER_SECOND
            case _:
                return start_ns / _NANOSECONDS_PER_SECOND, (start_ns + duration_ns) / _NANOSECONDS_PER_SECOND

    def pass_virtual(self, waits_s: Iterable[float], durations_s: Iterable[float]) -> None:
        """Let calls pass that are known to be on a virtual clock, as `of` does one by one.

        Args:
            waits_s: what the client let pass before each of them.
            durations_s: how long each of them took.
        """
        elapsed_s = self._elapsed_s
        for waited_s, duration_s in zip(waits_s, durations_s, strict=True):
            elapsed_s = elapsed_s + waited_s + duration_s
        self._elapsed_s = elapsed_s


def on_own_clocks(records: Iterable[TraceRecord]) -> list[TraceRecord]:
    """Return records in the order of their beginnings, each with its beginning on the clock of its episode.

    Those of the real clock stay as they are.
    """
    times: dict[str | None, EpisodeTimes] = {}
    placed = []
    for record in sorted(records, key=lambda one: one.start_time_unix_nano or 0):
        if own_clock(record.attributes).clock is None:
            placed.append(record)
            continue
        of_episode = times.setdefault(record.episode or record.session_id, EpisodeTimes())
        start_s, _ = of_episode.of(record.start_time_unix_nano, record.duration_ns, record.attributes)
        start_ns = round(start_s * _NANOSECONDS_PER_SECOND)
        placed.append(msgspec.structs.replace(record, start_time_unix_nano=start_ns))
    return placed
