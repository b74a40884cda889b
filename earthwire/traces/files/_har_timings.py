"""The phases of a HAR entry, with what its exporter meant by them.

HAR 1.2 counts ``ssl`` inside ``connect``; mitmproxy and Firefox count it after ``connect``. The entry's own
numbers
decide: which of the two sums is its ``time``, and whether ``ssl`` fits inside ``connect`` at all. Phases of a
record never overlap, so ``connect`` is stored without the part that is TLS.
"""

import msgspec

from earthwire.traces._exchange import Fields

NANOSECONDS_PER_MILLISECOND = 1_000_000
SUM_TOLERANCE_MS = 1.0
"""Exporters round each phase to a millisecond at most."""


class Timings(msgspec.Struct, frozen=True):
    """The ``timings`` object, in milliseconds; absent, null and negative all mean unknown."""

    blocked: float | None = None
    dns: float | None = None
    connect: float | None = None
    ssl: float | None = None
    send: float | None = None
    wait: float | None = None
    receive: float | None = None


def latency_fields(time_ms: float | None, timings: Timings | None) -> Fields:
    """Return the latency fields of an entry.

    Args:
        time_ms: the entry's ``time``.
        timings: its phases, or None.
    """
    phases = _known(timings)
    connect_ms = _connect_without_tls(time_ms, phases)
    if connect_ms is not None:
        phases["connect"] = connect_ms
    total_ms = _total(time_ms, phases)
    fields: Fields = {"latency_censoring": "none" if total_ms else "missing"}
    if not total_ms:
        return fields
    fields["duration_ns"] = _nanoseconds(total_ms)
    if _is_split(phases):
        before_receive = sum(value for name, value in phases.items() if name != "receive")
        fields["ttfb_ns"] = min(_nanoseconds(before_receive), _nanoseconds(total_ms))
        for name, value in phases.items():
            fields[f"phase_{'tls' if name == 'ssl' else name}_ns"] = _nanoseconds(value)
    return fields


def _known(timings: Timings | None) -> dict[str, float]:
    if timings is None:
        return {}
    values = {name: getattr(timings, name) for name in Timings.__struct_fields__}
    return {name: value for name, value in values.items() if value is not None and value >= 0}


def _connect_without_tls(time_ms: float | None, phases: dict[str, float]) -> float | None:
    """Return the part of ``connect`` that is not TLS, or None where nothing is to be taken off."""
    connect, tls = phases.get("connect"), phases.get("ssl")
    if connect is None or tls is None or tls > connect + SUM_TOLERANCE_MS:
        return None
    on_top_ms = sum(phases.values())
    if time_ms is not None and abs(time_ms - on_top_ms) <= SUM_TOLERANCE_MS < tls:
        return None
    return max(0.0, connect - tls)


def _total(time_ms: float | None, phases: dict[str, float]) -> float:
    """Return the total in milliseconds; 0 where unknown. ``time`` may leave out ``blocked`` or a rounding."""
    if time_ms is not None and time_ms > 0:
        return time_ms
    return sum(phases.values())


def _is_split(phases: dict[str, float]) -> bool:
    """Tell whether the exporter measured phases at all, instead of putting all time into ``wait``."""
    if "wait" not in phases:
        return False
    others = [value for name, value in phases.items() if name != "wait"]
    states_setup = any(name in phases for name in ("blocked", "dns", "connect"))
    return states_setup or any(value > 0 for value in others)


def _nanoseconds(milliseconds: float) -> int:
    return round(milliseconds * NANOSECONDS_PER_MILLISECOND)
