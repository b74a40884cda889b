"""What an agent met: its calls and their faults by tool, told from the recordings of a run."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from earthwire.cli.console import messages, milliseconds
from earthwire.cli.tables import FoldedName, plain_table

if TYPE_CHECKING:
    from earthwire.traces.record import TraceRecord

_KINDS_SHOWN_MAX = 4
_TOOLS_SHOWN_MAX = 20
_TOOL_COLUMNS_MIN = 24


class _Met:
    """What was met at one tool."""

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self.durations_s: list[float] = []
        self.calls = 0


def print_met(recordings: list[Path], started_unix_nano: int) -> None:
    """Print calls, faults and latencies by tool, and how often the agent tried again, on stderr.

    Args:
        recordings: files that were recorded to; those of earlier runs are left out.
        started_unix_nano: when this run began.
    """
    from earthwire.traces import ReadOptions, read_all
    from earthwire.traces.attempts import AttemptTally

    existing = [path for path in recordings if path.exists()]
    records = [
        record
        for record in read_all(existing, ReadOptions(keep_urls=True))
        if (record.start_time_unix_nano or 0) >= started_unix_nano
    ]
    if not records:
        messages().print(
            "the agent made no call through the proxy: it finds them at EARTHWIRE_URL, or as --env says; "
            "with --intercept check the hosts",
            markup=False,
            soft_wrap=True,
        )
        return
    _print_table(_by_tool(records))
    if not any(record.request_key for record in records):
        return  # Without arguments nothing tells a retry from a further call.
    tally = AttemptTally()
    for record in records:
        tally.add(record)
    counts = tally.counts()
    messages().print(
        f"{counts.attempts} attempts, {counts.logical_calls} logical calls: {counts.retries} retries, "
        f"{counts.recovered} recovered, {counts.gave_up} given up",
        markup=False,
    )


def _by_tool(records: "Iterable[TraceRecord]") -> dict[str, _Met]:
    from earthwire.traces.outcome_kind import kind_of_record

    tools: dict[str, _Met] = {}
    for record in records:
        met = tools.setdefault(record.tool, _Met())
        met.calls += 1
        if record.outcome != "ok":
            met.faults[kind_of_record(record)] += 1
        if record.duration_ns is not None:
            met.durations_s.append(record.duration_ns / 1e9)
    return tools


def _print_table(tools: dict[str, _Met]) -> None:
    table = plain_table("what the agent met")
    table.add_column("tool", min_width=_TOOL_COLUMNS_MIN)
    for heading in ("calls", "p50", "slowest"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("faults")
    most_called = sorted(tools, key=lambda name: (-tools[name].calls, name))
    for name in most_called[:_TOOLS_SHOWN_MAX]:
        met = tools[name]
        slowest = sorted(met.durations_s) or [0.0]
        kinds = ", ".join(f"{count} {kind}" for kind, count in met.faults.most_common(_KINDS_SHOWN_MAX))
        table.add_row(
            FoldedName(name),
            f"{met.calls:,}",
            milliseconds(slowest[len(slowest) // 2]),
            milliseconds(slowest[-1]),
            kinds or "none",
        )
    if len(most_called) > _TOOLS_SHOWN_MAX:
        table.caption = f"and {len(most_called) - _TOOLS_SHOWN_MAX} further tools"
    messages().print(table)
