"""The table of the panel of retry policies."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from earthwire.fault_models.intervals import Interval
from earthwire.grounding.stress import CONFIDENCE, PanelReport, PolicyGap, PolicyInWorld

_STYLES = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow", "n/a": "dim"}


def print_panel(report: PanelReport, console: Console) -> None:
    """Print a report."""
    lines = [
        f"recorded: {report.source} ({report.calls:,} calls, {report.sessions:,} sessions)",
        f"simulated: {report.world}",
    ]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    console.print(_table(report.policies))
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


def _table(rows: tuple[PolicyGap, ...]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("policy", no_wrap=True)
    for heading in (
        "calls",
        "exhausted, recorded",
        "simulated",
        "times",
        "attempts / call",
        "simulated",
        "times",
    ):
        table.add_column(heading, justify="right")
    table.add_column("", no_wrap=True)
    for row in rows:
        table.add_row(
            row.policy,
            f"{row.recorded.logical_calls:,.0f}",
            _exhausted(row.recorded),
            _exhausted(row.simulated),
            _times(row.exhausted_times),
            _attempts(row.recorded),
            _attempts(row.simulated),
            _times(row.attempts_times),
            f"[{_STYLES[row.word]}]{row.word}[/]",
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
