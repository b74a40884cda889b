"""What an agent met: its calls and their faults by tool, told from the recordings of a run."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from earthwire.cli.console import messages, milliseconds
from earthwire.cli.tables import FoldedName, plain_table

if TYPE_CHECKING:
    from earthwire.traces.record import TraceRecord

_KINDS_SHOWN_MAX = 4
_TOOLS_SHOWN_MAX = 20
_TOOL_COLUMNS_MIN = 24


class ToolMet(msgspec.Struct, frozen=True):
    """What was met at one tool.

    Attributes:
        calls: attempts on the wire.
        faults: how many of them failed, by outcome kind, the most frequent one first.
        p50_s, slowest_s: latencies in seconds; None where none is known.
    """

    calls: int
    faults: dict[str, int]
    p50_s: float | None
    slowest_s: float | None


class Retries(msgspec.Struct, frozen=True):
    """How often the agent tried again.

    Attributes:
        logical_calls: calls with all their attempts.
        retries: attempts after the first one.
        recovered: logical calls that failed first and then worked.
        gave_up: those whose last attempt failed.
    """

    logical_calls: int
    retries: int
    recovered: int
    gave_up: int


class AgentReport(msgspec.Struct, frozen=True):
    """What an agent met.

    Attributes:
        calls: attempts on the wire.
        faults: how many of them failed.
        tools: those that were called, the busiest one first.
        retries: None where recordings do not say what was asked, so that nothing tells a retry from a further call.
    """

    calls: int
    faults: int
    tools: dict[str, ToolMet]
    retries: Retries | None


def agent_report(recordings: list[Path], started_unix_nano: int) -> AgentReport:
    """Return what the agent met.

    Args:
        recordings: files that were recorded to; those of earlier runs are left out.
        started_unix_nano: when this run began.
    """
    from earthwire.traces import ReadOptions, read_all

    existing = [path for path in recordings if path.exists()]
    records = [
        record
        for record in read_all(existing, ReadOptions(keep_urls=True))
        if (record.start_time_unix_nano or 0) >= started_unix_nano
    ]
    tools = _by_tool(records)
    faults = sum(sum(met.faults.values()) for met in tools.values())
    return AgentReport(len(records), faults, tools, _retries(records))


def print_met(report: AgentReport) -> None:
    """Print calls, faults and latencies by tool, and how often the agent tried again, on stderr."""
    if not report.calls:
        messages().print(
            "the agent made no call through the proxy: it finds them at EARTHWIRE_URL, or as --env says; "
            "with --intercept check the hosts",
            markup=False,
            soft_wrap=True,
        )
        return
    _print_table(report.tools)
    if report.retries is not None:
        messages().print(
            f"{report.calls} attempts, {report.retries.logical_calls} logical calls: {report.retries.retries} "
            f"retries, {report.retries.recovered} recovered, {report.retries.gave_up} given up",
            markup=False,
        )


def _by_tool(records: "Sequence[TraceRecord]") -> dict[str, ToolMet]:
    from earthwire.traces.labels.outcome_kind import kind_of_record

    calls = Counter(record.tool for record in records)
    faults: dict[str, Counter[str]] = {tool: Counter() for tool in calls}
    durations_s: dict[str, list[float]] = {tool: [] for tool in calls}
    for record in records:
        if record.outcome != "ok":
            faults[record.tool][kind_of_record(record)] += 1
        if record.duration_ns is not None:
            durations_s[record.tool].append(record.duration_ns / 1e9)
    tools = {}
    for tool in sorted(calls, key=lambda name: (-calls[name], name)):
        known_s = sorted(durations_s[tool])
        median_s, slowest_s = (known_s[len(known_s) // 2], known_s[-1]) if known_s else (None, None)
        tools[tool] = ToolMet(calls[tool], dict(faults[tool].most_common()), median_s, slowest_s)
    return tools


def _retries(records: "Sequence[TraceRecord]") -> Retries | None:
    from earthwire.traces.clients.attempts import AttemptTally

    if not any(record.request_key for record in records):
        return None
    tally = AttemptTally()
    for record in records:
        tally.add(record)
    counts = tally.counts()
    return Retries(counts.logical_calls, counts.retries, counts.recovered, counts.gave_up)


def _print_table(tools: dict[str, ToolMet]) -> None:
    table = plain_table("what the agent met")
    table.add_column("tool", min_width=_TOOL_COLUMNS_MIN)
    for heading in ("calls", "p50", "slowest"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("faults")
    for name, met in list(tools.items())[:_TOOLS_SHOWN_MAX]:
        times = ("n/a" if one is None else milliseconds(one) for one in (met.p50_s, met.slowest_s))
        kinds = ", ".join(f"{count} {kind}" for kind, count in list(met.faults.items())[:_KINDS_SHOWN_MAX])
        table.add_row(FoldedName(name), f"{met.calls:,}", *times, kinds or "none")
    if len(tools) > _TOOLS_SHOWN_MAX:
        table.caption = f"and {len(tools) - _TOOLS_SHOWN_MAX} further tools"
    messages().print(table)
