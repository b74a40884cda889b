"""Whether an upstream is fast enough for a profile: read from a recording of it, told as a table and in sentences."""

from pathlib import Path
from typing import TYPE_CHECKING

from earthwire.cli.console import fail, late_status, milliseconds, output, percent

if TYPE_CHECKING:
    from earthwire.fault_models.grounded import GroundedSimulation, UpstreamFit


def observe_recording(planner: "GroundedSimulation", path: Path) -> None:
    """Tell a planner what the upstream took in a recording of it; end the command where that cannot be told."""
    from earthwire.grounding.gap.upstream_times import upstream_times
    from earthwire.traces.files.formats import read_all

    profile = planner.simulation.profile
    seen = 0
    with late_status() as status:
        status(f"reading {path.name}")
        for tool, time_s in upstream_times(read_all([path]), profile.tools, planner.tool_of):
            planner.observe(tool, time_s)
            seen += 1
    if not seen:
        fail(
            f"{path}: no call shows what the upstream takes by itself; record it without a profile: "
            "earthwire record --upstream URL --output FILE"
        )


def print_fits(planner: "GroundedSimulation") -> None:
    """Print one row a tool: how slow it was recorded, how slow the upstream is, and what no waiting can mend."""
    from earthwire.cli.tables import FoldedName, plain_table

    table = plain_table()
    table.add_column("tool", min_width=16)
    for name in ("upstream\ncalls", "recorded\np50", "upstream\np50", "calls\ntoo slow", "mean\noff by"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("stands in", width=len("stands in"))
    for tool, fit in planner.fits().items():
        recorded = "n/a" if fit.recorded_p50_s is None else milliseconds(fit.recorded_p50_s)
        shares = [
            "n/a" if share is None else percent(share)
            for share in (fit.infeasible_call_share, fit.infeasible_share)
        ]
        cells = (f"{fit.calls:,}", recorded, milliseconds(fit.upstream_p50_s), *shares)
        table.add_row(FoldedName(tool), *cells, judged(fit))
    output().print(table)


def judged(fit: "UpstreamFit") -> str:
    """Return whether an upstream can stand in for its tool: ``yes``, ``too slow`` or ``too few calls``."""
    from earthwire.fault_models.laws.upstream_law import INFEASIBLE_MAX

    if fit.infeasible_share is None:
        return "too few calls"
    return "too slow" if fit.infeasible_share > INFEASIBLE_MAX else "yes"


def fit_values(planner: "GroundedSimulation") -> dict[str, dict[str, object]]:
    """Return the same by tool, for ``--json``."""
    import msgspec

    return {
        tool: {**msgspec.structs.asdict(fit), "stands_in": judged(fit)}
        for tool, fit in planner.fits().items()
    }


def fit_sentences(planner: "GroundedSimulation") -> list[str]:
    """Return one sentence for each tool that the upstream is too slow for."""
    return [
        f"{tool}: the upstream is too slow for {percent(fit.infeasible_call_share or 0.0)} of the calls; at best they "
        f"are {percent(fit.infeasible_share or 0.0)} slower on average than recorded (from {fit.calls:,} calls)"
        for tool, fit in planner.fits().items()
        if judged(fit) == "too slow"
    ]
