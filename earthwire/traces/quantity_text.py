"""Writes latencies, shares and counts as people read them, the same way on a terminal and in a report."""


def milliseconds(value_s: float) -> str:
    """Return a latency as people read it: ``0.8 ms``, ``83 ms``, ``1.25 s``."""
    if value_s >= 1:
        return f"{value_s:.3g} s" if value_s < 100 else f"{value_s:.0f} s"
    # Two digits end at 99.5 ms: what rounds to 100 would be written with an exponent.
    return f"{value_s * 1e3:.2g} ms" if value_s < 0.0995 else f"{value_s * 1e3:.0f} ms"


def percent(share: float) -> str:
    """Return a share as a percentage that keeps small ones visible."""
    if share == 0:
        return "0 %"
    return f"{100 * share:.1f} %" if share >= 0.001 else "<0.1 %"


def counted(count: int, what: str) -> str:
    """Return how many of something there are.

    >>> counted(1, "session"), counted(1200, "call")
    ('1 session', '1,200 calls')
    """
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
