"""The table of the panel of retry policies."""

from collections.abc import Callable
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from earthwire.cli.tables import plain_table
from earthwire.fault_models.intervals import Interval
from earthwire.grounding.stress import CONFIDENCE, PanelReport, PolicyGap, PolicyInWorld

_ONE_TABLE_COLUMNS_MIN = 132
"""Narrower terminals get a table for each of the two figures, so that none is cut."""

_STYLES = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow", "n/a": "dim"}


def print_panel(report: PanelReport, console: Console) -> None:
    """Print a report."""
    lines = [
        f"recorded: {report.source} ({report.calls:,} calls, {report.sessions:,} sessions)",
        f"simulated: {report.world}",
    ]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    if console.width >= _ONE_TABLE_COLUMNS_MIN:
        console.print(_table(report.policies, (*_EXHAUSTED, *_ATTEMPTS)))
    else:
        console.print(_table(report.policies, _EXHAUSTED))
        console.print(_table(report.policies, _ATTEMPTS))
    console.print(
        "exhausted: calls that fail to the last attempt; times: simulated over recorded; intervals at "
        f"{CONFIDENCE:.0%} over sessions. Close enough: {report.tolerance.times:g} times, or "
        f"{report.tolerance.share:g} of all calls.",
        soft_wrap=True,
    )
    for row in report.policies:
        if row.word == "n/a":
            console.print(f"{row.policy}: n/a, {row.reason}", markup=False, soft_wrap=True)
    for reason in report.reasons:
        console.print(reason, markup=False, soft_wrap=True)
    console.print(f"verdict: [{_STYLES[report.word]}]{report.word}[/]")


def _table(rows: tuple[PolicyGap, ...], columns: "tuple[_Column, ...]") -> Table:
    table = plain_table()
    table.add_column("policy", no_wrap=True)
    for column in columns:
        table.add_column(column.heading, justify="right")
    table.add_column("", no_wrap=True)
    for row in rows:
        table.add_row(
            row.policy, *(column.cell(row) for column in columns), f"[{_STYLES[row.word]}]{row.word}[/]"
        )
    return table


def _exhausted(world: PolicyInWorld) -> str:
    if world.exhausted is not None:
        return f"{world.exhausted.estimate:.4f} [{world.exhausted.low:.4f}, {world.exhausted.high:.4f}]"
    return "" if world.exhausted_share is None else f"{world.exhausted_share:.4f}"


def _attempts(world: PolicyInWorld) -> str:
    return "" if world.attempts_per_call is None else f"{world.attempts_per_call:.3f}"


def _times(ratio: Interval | None) -> str:
    return "" if ratio is None else f"{ratio.estimate:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"


class _Column(NamedTuple):
    """A column: its heading, and what stands in the row of a policy."""

    heading: str
    cell: Callable[[PolicyGap], str]


_EXHAUSTED = (
    _Column("calls", lambda row: f"{row.recorded.logical_calls:,.0f}"),
    _Column("exhausted, recorded", lambda row: _exhausted(row.recorded)),
    _Column("simulated", lambda row: _exhausted(row.simulated)),
    _Column("times", lambda row: _times(row.exhausted_times)),
)
_ATTEMPTS = (
    _Column("attempts / call", lambda row: _attempts(row.recorded)),
    _Column("simulated", lambda row: _attempts(row.simulated)),
    _Column("times", lambda row: _times(row.attempts_times)),
)
