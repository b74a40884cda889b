"""``earthwire demo``: in a minute, what recorded tools do, what a mock makes of them, and what earthwire does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from earthwire.cli.console import messages, milliseconds, output, percent

if TYPE_CHECKING:
    from earthwire.traces.columns.calls import Calls

_BUSY_S = 0.004
"""A mock takes less than a millisecond; where it takes much longer the machine is what is measured."""

_NEXT = (
    ("your own traces (HAR, OTLP, go-vcr, JSONL, Parquet)", "earthwire calibrate TRACES -o tools.yaml"),
    ("how faithful that is, on sessions held out", "earthwire fidelity TRACES"),
    ("put it between your agent and a tool", "earthwire serve --profile tools.yaml --upstream URL"),
)


def demo(
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed: same faults, same delays.")] = 1,
) -> None:
    """Show it: recorded sessions asked again, once of a plain mock and once of the same mock behind earthwire.

    Offline, on free ports of this machine. The profile was learned from other sessions than those shown.
    """
    import asyncio

    from earthwire.cli.agents import _demo_agent as agent
    from earthwire.traces.columns.calls import calls_from_records

    sessions = agent.recorded_sessions()
    recorded = [record for records in sessions.values() for record in records]
    console = output()
    console.print(
        f"{len(recorded):,} calls in {len(sessions)} recorded sessions of real APIs (a cloud control plane, public web "
        f"APIs), asked again by a scripted agent that waits {agent.AGENT_TIMEOUT_S:g} s for an answer.\n",
        soft_wrap=True,
    )
    with _progress(len(recorded), "agent → mock") as step:
        from_mock = asyncio.run(agent.ask_mock(sessions, step))
    with _progress(len(recorded), "agent → earthwire → mock") as step:
        from_earthwire = asyncio.run(agent.ask_earthwire(sessions, seed, step))
    columns = {
        "recorded": calls_from_records(recorded),
        "naive mock": calls_from_records(from_mock),
        "earthwire": calls_from_records(from_earthwire),
    }
    _print_table(columns)
    _print_verdict(columns, seed)
    console.print("\nnext:")
    for what, command in _NEXT:
        console.print(f"  {command:<55} {what}", markup=False, soft_wrap=True)


@contextmanager
def _progress(total: int, label: str) -> Iterator[Callable[[], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = messages()
    columns = (TextColumn("{task.description:<26}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(label, total=total)
        yield lambda: progress.advance(task)


def _print_table(columns: dict[str, "Calls"]) -> None:
    import numpy as np

    from earthwire.cli.tables import plain_table
    from earthwire.grounding.samples.outcome_mix import fault_rate, kind_shares, mean_run_length

    table = plain_table(gap=3)
    table.add_column("as the agent saw it", no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True, style="bold" if name == "earthwire" else None)
    for label, q in (("latency p50", 0.5), ("latency p90", 0.9), ("latency p99", 0.99)):
        latencies = [calls.latency_s[np.isfinite(calls.latency_s)] for calls in columns.values()]
        table.add_row(label, *(milliseconds(float(np.quantile(values, q))) for values in latencies))
    table.add_section()
    table.add_row("calls that failed", *(percent(fault_rate(calls).rate) for calls in columns.values()))
    shares = [kind_shares(calls) for calls in columns.values()]
    kinds = sorted(
        {kind for share in shares for kind in share} - {"ok"}, key=lambda kind: -shares[0].get(kind, 0)
    )
    for kind in kinds:
        table.add_row(f"  {kind}", *(percent(share.get(kind, 0.0)) for share in shares))
    runs = [mean_run_length(calls) for calls in columns.values()]
    table.add_row("failures in a row, mean", *("none" if run is None else f"{run:.2f}" for run in runs))
    output().print(table)


def _print_verdict(columns: dict[str, "Calls"], seed: int) -> None:
    import numpy as np

    from earthwire.grounding.verify import verify

    console = output()
    with messages().status("a classifier tries to tell simulated from recorded calls"):
        real = columns["recorded"]
        report = verify(real, columns["earthwire"], ("recorded", "earthwire"), repeats=3, seed=seed)
        mock = verify(real, columns["naive mock"], ("recorded", "naive mock"), repeats=1, seed=seed)
    console.print(
        f"A classifier tells the naive mock from reality with AUC {mock.auc:.2f}, earthwire with {report.auc:.2f} "
        f"(0.50: cannot tell; two halves of reality: {report.auc_real:.2f}).",
        soft_wrap=True,
    )
    mock_s = float(np.nanquantile(columns["naive mock"].latency_s, 0.9))
    if mock_s > _BUSY_S:
        console.print(
            f"verdict: INVALID\n  this machine is too busy to tell: the mock answers at once, and one in ten of its "
            f"answers took more than {milliseconds(mock_s)}; calls of earthwire were as late, so try again when less "
            "else runs",
            soft_wrap=True,
        )
        return
    console.print(f"verdict: {report.verdict}")
    for reason in report.reasons:
        console.print(f"  {reason}", markup=False, soft_wrap=True)
