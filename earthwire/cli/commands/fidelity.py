"""``earthwire fidelity``: how faithful is a simulation calibrated on half of these sessions to the other half?"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earthwire.cli.console import EXIT_OF_VERDICT, counted, late_status, output, percent
from earthwire.cli.telling.drawn_calls import McpMethods, drawn_calls, left_out_sentences
from earthwire.cli.telling.drift_table import drift_sentences
from earthwire.cli.writing import check_target, write_page

if TYPE_CHECKING:
    from earthwire.grounding.fidelity import FidelityReport


def fidelity(
    traces: Annotated[
        list[Path], typer.Argument(help="Trace files, or directories of them, in any known format.")
    ],
    repeats: Annotated[int, typer.Option("--repeats", min=1, max=100, help="Random splits by session.")] = 5,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of splits, draws and classifiers.")] = 0,
    skip_bad_lines: Annotated[
        bool, typer.Option("--skip-bad-lines", help="Leave bad records out and report them.")
    ] = False,
    mcp_methods: McpMethods = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", help="Also write the report with pictures, as one HTML file that needs nothing else."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Ask before serving: split by session, calibrate on one half, simulate the other, and score the match.

    Exit code 0: pass. 1: fail. 2: bad input. 3: insufficient data.
    """
    import msgspec

    from earthwire.cli.reading.loading import load_traces
    from earthwire.grounding.fidelity import fidelity as score

    check_target(html, traces)
    drawn = drawn_calls(mcp_methods)
    with late_status() as status:
        loaded = load_traces(traces, skip_bad_lines, status, chosen=drawn.in_reality)
        report = score(loaded.calls, ", ".join(map(str, traces)), repeats, seed, status)
        report = msgspec.structs.replace(report, never_drawn=drawn.left_out())
    if as_json:
        print(msgspec.json.encode(report).decode())
    else:
        _print(report, left_out_sentences(drawn))
    if html is not None:
        from earthwire.report import fidelity_page

        write_page(html, fidelity_page(report))
    raise typer.Exit(EXIT_OF_VERDICT[report.verdict])


def _print(report: "FidelityReport", left_out: Iterable[str]) -> None:
    console = output()
    console.print(
        f"{report.source}: {counted(report.calls, 'call')} with a latency in {counted(report.sessions, 'session')}; "
        f"{counted(report.repeats, 'split')} by session, seed {report.seed}",
        markup=False,
        soft_wrap=True,
    )
    for sentence in left_out:
        console.print(sentence, markup=False, soft_wrap=True)
    if report.models:
        _print_scores(report)
        _print_outcomes(report)
    if report.giveaways:
        telling = [f"{name} {fall:+.3f}" for name, fall in list(report.giveaways.items())[:3]]
        console.print(f"engine: {report.engine}; AUC lost when a feature is shuffled: {', '.join(telling)}")
        console.print(f"next: {report.next_step}", soft_wrap=True)
    for sentence in drift_sentences(report.drift):
        console.print(sentence, markup=False, soft_wrap=True)
    for reason in report.reasons:
        console.print(f"  {reason}", markup=False, soft_wrap=True)
    console.print(f"verdict: {report.verdict}")


def _print_scores(report: "FidelityReport") -> None:
    from earthwire.cli.tables import plain_table
    from earthwire.report import MODEL_LABELS, gap_text

    table = plain_table(gap=2)
    table.add_column("simulation", no_wrap=True)
    for name in ("AUC", "gap closed", "fidelity ratio, m = 500"):
        table.add_column(name, justify="right")
    for name, score in report.models.items():
        style = "bold" if name == "earthwire" else None
        table.add_row(
            MODEL_LABELS[name],
            f"{score.auc:.3f}",
            gap_text(score.gap_closed),
            f"{score.fidelity_ratio_500:.2f}",
            style=style,
        )
    table.add_section()
    low, high = min(report.auc_real_repeats), max(report.auc_real_repeats)
    table.add_row("real half vs real half (floor)", f"{report.auc_real:.3f} [{low:.2f}, {high:.2f}]", "", "1")
    output().print(table)
    output().print(
        f"by single calls, without what is constant in a session: AUC {report.auc_calls:.3f}, "
        f"floor {report.auc_calls_real:.3f}"
    )


def _print_outcomes(report: "FidelityReport") -> None:
    console = output()
    known = [f"{name} × {ratio:.2f}" for name, ratio in report.quantile_ratios.items() if ratio is not None]
    console.print(f"latency, simulated over recorded: {', '.join(known) or 'too few calls'}")
    outcomes = report.outcomes
    if outcomes is None:
        console.print("outcomes: n/a, the source does not record them")
        return
    real, simulated = outcomes.real, outcomes.simulated
    console.print(
        f"faults: recorded {percent(real.rate)} [{percent(real.low)}, {percent(real.high)}] at an effective "
        f"{real.effective_count:.0f} of {real.count:,} calls; simulated {percent(simulated.rate)}",
        soft_wrap=True,
    )
    if outcomes.real_dispersion is not None and outcomes.simulated_dispersion is not None:
        console.print(
            f"dispersion of faults over 100 calls: recorded {outcomes.real_dispersion:.2f}, simulated "
            f"{outcomes.simulated_dispersion:.2f}"
        )
    console.print(
        f"per session: KS {outcomes.session_errors_ks:.3f} of the number of faults, "
        f"{outcomes.session_totals_ks:.3f} of the total latency",
        soft_wrap=True,
    )
