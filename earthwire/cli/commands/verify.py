"""``earthwire verify``: hold simulated calls against recorded ones."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earthwire.cli.console import (
    EXIT_OF_VERDICT,
    counted,
    fail,
    late_status,
    messages,
    milliseconds,
    output,
    percent,
)
from earthwire.cli.tables import FoldedName, first_of, plain_table
from earthwire.cli.telling.drawn_calls import LEFT_OUT
from earthwire.cli.writing import check_target, write_page, write_whole

if TYPE_CHECKING:
    from earthwire.fault_models.profile import Profile
    from earthwire.grounding.verify import VerifyReport
    from earthwire.traces.columns.calls import Calls

_TOOLS_NAMED_MAX = 5
_TOOL_COLUMNS_MIN = 16


def verify(
    real: Annotated[
        list[Path], typer.Option("--real", help="Recorded traces of the real tools; repeatable.")
    ],
    sim: Annotated[list[Path], typer.Option("--sim", help="Traces of the simulated tools; repeatable.")],
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, max=100, help="Splits of the real sessions for the floor.")
    ] = 5,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of splits and classifiers.")] = 0,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Most tools shown, busiest first.")] = 15,
    correct: Annotated[
        Path | None,
        typer.Option("--correct", help="Profile that was served: correct its tables by what is off."),
    ] = None,
    corrected: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where the corrected profile goes; else over the old one."),
    ] = None,
    skip_bad_lines: Annotated[
        bool, typer.Option("--skip-bad-lines", help="Leave bad records out and report them.")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", help="Also write the report with pictures, as one HTML file that needs nothing else."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Compare the proxy's own recording (or any simulation) with traces of the real tools.

    Exit code 0: pass. 1: fail. 2: bad input. 3: insufficient data. 4: INVALID, since the proxy that recorded the
    simulated calls was overloaded: late by its own doing with more than 1 % of them.
    """
    import msgspec

    from earthwire.cli.reading.loading import load_traces, refuse_same_files
    from earthwire.grounding.gap.never_drawn import DrawnCalls
    from earthwire.grounding.verify import verify as compare

    if corrected is not None and correct is None:
        fail("--output is where a corrected profile goes; it goes with --correct PROFILE")
    refuse_same_files(real, sim)
    check_target(html, [*real, *sim, *([] if correct is None else [correct])])
    check_target(corrected or correct, [*real, *sim])
    served = None if correct is None else _correctable(correct)
    with late_status() as status:
        drawn = DrawnCalls()
        loaded = load_traces(sim, skip_bad_lines, status, chosen=drawn.in_simulation)
        recorded = load_traces(real, skip_bad_lines, status, chosen=drawn.in_reality).calls
        simulated = loaded.calls
        names = (", ".join(map(str, real)), ", ".join(map(str, sim)))
        report = compare(recorded, simulated, names, repeats, seed, status, loaded.lag)
        report = msgspec.structs.replace(report, never_drawn=drawn.left_out(), upstream=loaded.upstream)
    if as_json:
        print(msgspec.json.encode(report).decode())
    else:
        _print(report, rows)
    if html is not None:
        from earthwire.report import verify_page

        write_page(html, verify_page(report))
    if served is not None and report.verdict == "INVALID":
        messages().print("the profile is not corrected by a run that is INVALID")
    elif served is not None and correct is not None:
        _correct(served, corrected or correct, recorded, simulated)
    raise typer.Exit(EXIT_OF_VERDICT[report.verdict])


def _correctable(path: Path) -> "Profile":
    """Return a profile that can be corrected once more."""
    from earthwire.config.profile_file import read_profile
    from earthwire.grounding.correct import ROUNDS_MAX

    profile = read_profile(path)
    if profile.provenance.corrections >= ROUNDS_MAX:
        fail(f"{path}: was corrected {ROUNDS_MAX} times already; a further round would only follow noise")
    return profile


def _correct(profile: "Profile", target: Path, real: "Calls", simulated: "Calls") -> None:
    """Correct a profile and say on stderr what was done; stdout is the report's."""
    from earthwire.config.profile_file import profile_text
    from earthwire.grounding.correct import correct

    after, corrections = correct(profile, real, simulated)
    console = messages()
    for one in corrections:
        what = (
            f"{one.before:.3f} → {one.after:.3f} expected"
            if one.is_corrected
            else f"{one.before:.3f}, within noise"
        )
        console.print(f"{one.tool}: W1 of log latency {what}", markup=False, soft_wrap=True)
    if after is profile:
        console.print("nothing is off by more than noise: the profile stays as it is")
        return
    write_whole(target, profile_text(after))
    console.print(f"corrected profile → {target}; serve it and verify again", markup=False, soft_wrap=True)


def _print(report: "VerifyReport", rows: int) -> None:
    from earthwire.grounding.verify import taken_back_text

    console = output()
    console.print(
        f"real: {report.real} ({counted(report.real_calls, 'call')}, {counted(report.real_sessions, 'session')})\n"
        f"simulated: {report.simulated} ({counted(report.simulated_calls, 'call')}, "
        f"{counted(report.simulated_sessions, 'session')})",
        markup=False,
        soft_wrap=True,
    )
    if report.left_out:
        named = first_of(report.left_out, _TOOLS_NAMED_MAX)
        console.print(f"left out, as only one side has them: {named}", markup=False, soft_wrap=True)
    if taken_back := taken_back_text(report):
        console.print(f"left out, as the agent did not wait for them: {taken_back}", soft_wrap=True)
    if str(report.never_drawn):
        console.print(f"{LEFT_OUT}: {report.never_drawn}", markup=False, soft_wrap=True)
    if report.auc is not None:
        from earthwire.report import gap_text

        console.print(
            f"AUC {report.auc:.3f} (floor {report.auc_real:.3f}, mock {report.auc_mock:.3f}), "
            f"p = {report.p_value:.3f}; "
            f"gap closed {gap_text(report.gap_closed)}; "
            f"fidelity ratio {report.fidelity_ratio_500:.2f} at m = 500",
            soft_wrap=True,
        )
    real, simulated = report.outcomes_real, report.outcomes_simulated
    if report.tools:
        console.print(
            f"faults: recorded {percent(real.rate)} [{percent(real.low)}, {percent(real.high)}], "
            f"simulated {percent(simulated.rate)}",
            soft_wrap=True,
        )
    _print_tools(report, rows)
    if report.lag is not None:
        lag = report.lag
        console.print(
            f"lag of the proxy itself: p50 {milliseconds(lag.p50_s)}, p99 {milliseconds(lag.p99_s)}, worst "
            f"{milliseconds(lag.worst_s)}; {percent(lag.distorted_share)} of {lag.calls:,} calls distorted",
            soft_wrap=True,
        )
    for reason in report.reasons:
        console.print(f"  {reason}", markup=False, soft_wrap=True)
    if report.upstream is not None and str(report.upstream):
        console.print(f"next: {report.upstream}", soft_wrap=True)
    console.print(f"verdict: {report.verdict}")


def _print_tools(report: "VerifyReport", rows: int) -> None:
    if not report.tools:
        return
    table = plain_table()
    table.add_column("tool", min_width=_TOOL_COLUMNS_MIN)
    for name in ("calls\nreal / sim", "KS", "W1 log", "p50 ×", "p99 ×", "faults\nreal", "faults\nsim"):
        table.add_column(name, justify="right", no_wrap=True)
    for tool in report.tools[:rows]:
        ratios = (tool.quantile_ratios["p50"], tool.quantile_ratios["p99"])
        table.add_row(
            FoldedName(tool.tool),
            f"{tool.real_calls:,} / {tool.simulated_calls:,}",
            f"{tool.ks:.3f}" + ("*" if tool.ks > tool.ks_critical else ""),
            f"{tool.log_wasserstein:.3f}",
            *("n/a" if ratio is None else f"{ratio:.2f}" for ratio in ratios),
            percent(tool.real.rate),
            percent(tool.simulated.rate) + ("" if tool.agree else "*"),
        )
    output().print(table)
    output().print("* beyond what independent calls of one law show 1 % (KS and faults) of the time")
