"""Shows how sure a profile is of its parameters."""

from typing import TYPE_CHECKING

from earthwire.cli.console import fail, output

if TYPE_CHECKING:
    from earthwire.fault_models.intervals import Interval, Intervals, ScopeIntervals
    from earthwire.fault_models.profile import Profile


def print_intervals(profile: "Profile", tools: list[str], as_json: bool) -> None:
    """Print the intervals of all calls, of these tools and of all upstreams; as JSON for machines."""
    if profile.intervals is None:
        fail("this profile states no intervals: it was calibrated by an earlier version, or written by hand")
    scopes = _scopes(profile.intervals, tools)
    if as_json:
        import msgspec

        values = {"confidence": profile.intervals.confidence, "scopes": scopes}
        print(msgspec.json.encode(values).decode())
    else:
        _print(profile.intervals, scopes)


def _scopes(intervals: "Intervals", tools: list[str]) -> dict[str, "ScopeIntervals"]:
    found = {"all calls": intervals.overall}
    found |= {name: intervals.tools[name] for name in tools if name in intervals.tools}
    return found | dict(sorted(intervals.upstreams.items()))


def _print(intervals: "Intervals", scopes: dict[str, "ScopeIntervals"]) -> None:
    from rich.text import Text

    from earthwire.cli.tables import FoldedName, plain_table

    console = output()
    table = plain_table()
    table.add_column("parameter", min_width=24)
    for name in ("estimate", f"{100 * intervals.confidence:g} % interval", "pieces", "effective\ncalls"):
        table.add_column(name, justify="right", no_wrap=True)
    for scope, found in scopes.items():
        table.add_row(FoldedName(scope))
        for name, interval in found.stated.items():
            table.add_row(Text(f"  {name}"), *_cells(interval))
        for name in found.not_stated:
            table.add_row(Text(f"  {name}"), "n/a")
        table.add_section()
    console.print(table)
    for scope, found in scopes.items():
        for name, reason in found.not_stated.items():
            console.print(f"n/a: {scope}: {name}: {reason}", markup=False, soft_wrap=True)
    console.print(
        f"from {intervals.calls:,} calls; pieces are independent of one another: sessions, or runs, windows, blocks"
    )


def _cells(interval: "Interval") -> list[str]:
    effective = "" if interval.effective_count is None else f"{interval.effective_count:,.0f}"
    bounds = f"[{interval.low:.4g}, {interval.high:.4g}]"
    return [f"{interval.estimate:.4g}", bounds, f"{interval.cluster_count:,}", effective]
