"""``earthwire show``: print a profile as a table."""

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earthwire.cli.console import fail, milliseconds, output, percent, sparkline
from earthwire.cli.telling.drift_table import drift_sentences, print_drift
from earthwire.cli.telling.failing import failure_sentences
from earthwire.cli.telling.interval_table import print_intervals
from earthwire.cli.telling.sequence_sentences import sequence_sentences
from earthwire.cli.writing import check_target, write_page

if TYPE_CHECKING:
    from earthwire.fault_models.laws.latency import LatencyTable
    from earthwire.fault_models.profile import Profile, ToolLaws

_SPARK_CELLS = 16
_SPARK_COLUMNS_MIN = 98
"""Narrower terminals do without the drawing, so that no figure is cut."""
_TOOLS_NAMED_MAX = 5


def show(
    profile: Annotated[Path, typer.Argument(help="Profile file (YAML), or the name of a shipped one.")],
    tool: Annotated[str | None, typer.Option("--tool", help="Only tools whose name contains this.")] = None,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Most tools shown, busiest first.")] = 30,
    upstream_recording: Annotated[
        Path | None,
        typer.Option(
            "--upstream-recording",
            help="Recording of an upstream (earthwire record): is it fast enough to stand in for these tools?",
        ),
    ] = None,
    has_intervals: Annotated[
        bool, typer.Option("--intervals", help="How sure is each parameter? Intervals, or why there is none.")
    ] = False,
    has_drift: Annotated[
        bool,
        typer.Option(
            "--drift", help="How did tools change while they were recorded? One row a window of time."
        ),
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", help="Also write the laws as pictures, as one HTML file that needs nothing else."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print as JSON, without the bound of --rows.")
    ] = False,
) -> None:
    """Print a profile: what each tool does, on how many calls that rests, and what the traces could not tell."""
    from earthwire.config.profile_file import read_profile
    from earthwire.config.shipped import profile_path

    path = profile_path(str(profile))
    check_target(html, [path])
    read = read_profile(path)
    if upstream_recording is not None:
        _print_upstream_fit(read, upstream_recording, as_json)
        return
    if has_drift:
        _print_drift(read, profile, as_json)
        return
    busiest_first = sorted(read.tools, key=lambda name: (-read.tools[name].calls, name))
    names = [name for name in busiest_first if tool is None or tool in name]
    if tool is not None and not names:
        known = ", ".join(busiest_first[:_TOOLS_NAMED_MAX]) or "none"
        fail(f"{profile}: no tool has {tool!r} in its name; {len(busiest_first)} tools are known: {known}")
    if html is not None:
        _write_page(html, profile, read, names)
    if has_intervals:
        print_intervals(read, names if as_json else names[:rows], as_json)
    elif as_json:
        print(json.dumps({name: _row_values(read.tools[name]) for name in names}))
    else:
        _print(read, names, rows)


def _write_page(target: Path, source: Path, profile: "Profile", names: list[str]) -> None:
    from earthwire.report.profile_page import profile_page

    write_page(target, profile_page(source.name, profile, names))


def _print_upstream_fit(profile: "Profile", recording: Path, as_json: bool) -> None:
    from earthwire.cli.telling.upstream_fit import fit_values, observe_recording, print_fits
    from earthwire.fault_models.grounded import GroundedSimulation
    from earthwire.fault_models.simulation import Simulation

    planner = GroundedSimulation(Simulation(profile, 0))
    observe_recording(planner, recording)
    if as_json:
        print(json.dumps(fit_values(planner)))
    else:
        print_fits(planner)


def _print_drift(profile: "Profile", path: Path, as_json: bool) -> None:
    import msgspec

    if profile.drift is None:
        fail(f"{path}: says nothing of drift: it was calibrated by an earlier version, or written by hand")
    if as_json:
        print(msgspec.json.encode(profile.drift).decode())
    else:
        print_drift(profile.drift)


def _row_values(laws: "ToolLaws") -> dict[str, object]:
    import msgspec

    total = laws.outcomes.total
    table = laws.main_latency
    return {
        "calls": laws.calls,
        "sessions": laws.sessions,
        "outcomes": total,
        "failing_outcomes": None if laws.failing_outcomes is None else laws.failing_outcomes.total,
        "regime": None if laws.regime is None else type(laws.regime).__name__,
        "rate_limit": None if laws.rate_limit is None else msgspec.structs.asdict(laws.rate_limit),
        "support": None if table is None else table.support,
        "p50_s": None if table is None else table.quantile_s(0.5),
        "p95_s": None if table is None else table.quantile_s(0.95),
        "p99_s": None if table is None else table.quantile_s(0.99),
    }


def _print(profile: "Profile", names: list[str], rows: int) -> None:
    from earthwire.cli.tables import FoldedName, plain_table

    console = output()
    table = plain_table()
    table.add_column("tool", min_width=24)
    for name in ("calls", "faults", "p50", "p95", "p99"):
        table.add_column(name, justify="right", no_wrap=True)
    has_spark = console.width >= _SPARK_COLUMNS_MIN
    if has_spark:
        table.add_column("latency (log scale)", no_wrap=True)
    table.add_column("support", no_wrap=True)
    for name in names[:rows]:
        table.add_row(FoldedName(name), *_cells(profile.tools[name], has_spark))
    table.add_section()
    table.add_row("any other tool", *_cells(profile.overall, has_spark))
    console.print(table)
    if len(names) > rows:
        console.print(f"{len(names) - rows} more tools: --rows, --tool or --json shows them")
    shown = [(name, profile.tools[name]) for name in names[:rows]]
    for sentence in failure_sentences(profile, shown):
        console.print(sentence, markup=False, soft_wrap=True)
    _print_footer(profile)


def _cells(laws: "ToolLaws", has_spark: bool) -> list[str]:
    faults = laws.fault_share
    shares = "n/a" if faults is None else percent(faults)
    table = laws.main_latency
    if table is None:
        spark = [""] if has_spark else []
        return [f"{laws.calls:,}", shares, "n/a", "n/a", "n/a", *spark, "n/a"]
    quantiles = [milliseconds(table.quantile_s(u)) for u in (0.5, 0.95, 0.99)]
    spark = [sparkline(_density(table))] if has_spark else []
    return [f"{laws.calls:,}", shares, *quantiles, *spark, table.support]


def _print_footer(profile: "Profile") -> None:
    from earthwire.fault_models.laws.first_byte import SHARE_LEVELS

    console = output()
    dependence, provenance = profile.dependence, profile.provenance
    console.print(
        f"inside a session, {percent(dependence.tool_share)} of the variance of normal scores belongs to the tool, "
        f"{percent(dependence.level_share)} to a slow level (memory {dependence.level_memory:.2f}); from "
        f"{dependence.session_count:,} sessions",
        soft_wrap=True,
    )
    for sentence in sequence_sentences(profile):
        console.print(sentence, soft_wrap=True)
    first_bytes = {"the": profile.overall.first_byte, "an error's": profile.overall.error_first_byte}
    for whose, law in first_bytes.items():
        if law is not None:
            low, median, high = (percent(law.shares[SHARE_LEVELS.index(level)]) for level in (0.1, 0.5, 0.9))
            console.print(
                f"{whose} first byte comes after {median} of the latency (median; {low} to {high} in 8 of 10 calls); "
                f"from {law.count:,} calls",
                soft_wrap=True,
            )
    if profile.drift is not None:
        for sentence in drift_sentences(profile.drift):
            console.print(sentence, markup=False, soft_wrap=True)
    for source in provenance.sources:
        console.print(
            f"learned from {source.name} ({source.format}, {source.calls:,} calls, sha256 {source.sha256[:12]}…)",
            markup=False,
            soft_wrap=True,
        )
    for sentence in provenance.cannot_tell:
        console.print(f"cannot tell: {sentence}", markup=False, soft_wrap=True)


def _density(table: "LatencyTable") -> list[float]:
    """Return the probability in equal cells of log latency between the 1st and the 99th percentile."""
    low, high = math.log(table.quantile_s(0.01)), math.log(table.quantile_s(0.99))
    if high <= low:
        return [1.0]
    bounds = [math.exp(low + (high - low) * i / _SPARK_CELLS) for i in range(_SPARK_CELLS + 1)]
    levels = [table.probability(bound) for bound in bounds]
    return [after - before for before, after in pairwise(levels)]
