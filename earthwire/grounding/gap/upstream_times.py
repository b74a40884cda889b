"""What an upstream takes by itself, from a recording of it: to know before a run whether it is fast enough."""

from collections.abc import Callable, Container, Iterable, Iterator

from earthwire.traces.record import TraceRecord

NANOSECONDS_PER_SECOND = 1e9


def upstream_times(
    records: Iterable[TraceRecord], tools: Container[str], tool_of: Callable[[str, str], str]
) -> Iterator[tuple[str, float]]:
    """Yield tool and seconds of each call that shows what the upstream takes by itself.

    These are whole ``ok`` calls that were neither injected nor held back by a plan.

    Args:
        records: of the upstream, whatever host it was recorded under.
        tools: keys of the profile.
        tool_of: names the tool that a request with this method and path stands for.
    """
    for record in records:
        latency_ns = record.duration_ns or record.ttfb_ns
        if not latency_ns or not _shows_upstream(record):
            continue
        tool = record.tool
        if tool not in tools:
            method, _, rest = tool.partition(" ")
            tool = tool_of(method, f"/{rest.partition('/')[2]}")
        yield tool, latency_ns / NANOSECONDS_PER_SECOND


def _shows_upstream(record: TraceRecord) -> bool:
    is_whole = record.outcome == "ok" and record.latency_censoring in (None, "none")
    return is_whole and record.origin in (None, "upstream") and not record.plan_last_byte_ns
