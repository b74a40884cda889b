"""``earthwire calibrate``: learn a profile from traces."""

import json
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from earthwire.cli.console import counted, late_status, output
from earthwire.cli.telling.client_timeouts import ClientTimeout, limit_warnings, timeout_sentences
from earthwire.cli.telling.drawn_calls import McpMethods, drawn_calls, left_out_sentences
from earthwire.cli.telling.drift_table import drift_sentences
from earthwire.cli.writing import check_target, write_whole

if TYPE_CHECKING:
    from earthwire.cli.reading.choice_process import ChoiceProcess
    from earthwire.fault_models.profile import Profile
    from earthwire.grounding.engine import Engine
    from earthwire.traces.columns.calls import Calls


def calibrate(
    traces: Annotated[
        list[Path], typer.Argument(help="Trace files, or directories of them, in any known format.")
    ],
    profile: Annotated[Path, typer.Option("--output", "-o", help="Profile to write (YAML).")],
    licence: Annotated[
        str | None, typer.Option("--licence", help="Licence of the traces, noted in the profile.")
    ] = None,
    skip_bad_lines: Annotated[
        bool, typer.Option("--skip-bad-lines", help="Leave bad records out and report them.")
    ] = False,
    all_ages_alike: Annotated[
        bool,
        typer.Option(
            "--all-ages-alike",
            help="Count old sessions like new ones, even where tools were seen to change while they were recorded.",
        ),
    ] = False,
    mcp_methods: McpMethods = None,
    client_timeout: ClientTimeout = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a summary as JSON.")] = False,
) -> None:
    """Learn from traces how tools behave, and write it as a profile that people can read and review."""
    from earthwire.cli.reading.choice_process import choice_process

    check_target(profile, traces)
    # Before numpy is loaded, by both processes: OpenBLAS would start threads that wait busily for a while, as scipy's
    # copy of it does. There is nothing here that is large enough for them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with choice_process() as choice:
        choice.start_for(traces)
        # These take a while to load; the other process loads what it needs meanwhile.
        from earthwire.cli.progress import late_progress
        from earthwire.cli.reading.gathering import gather_traces
        from earthwire.grounding.calibrate import calibrate as fit

        drawn = drawn_calls(mcp_methods)
        with late_progress() as progress:
            read = gather_traces(traces, skip_bad_lines, progress, choice.start, drawn)
        with late_status() as status:
            status("fitting the laws")
            fitted = fit(
                read.gathered.calls,
                payloads=read.payloads,
                counts=read.gathered.counts,
                weighs_age=not all_ages_alike,
                begin_choice=partial(_begin_choice, choice),
            )
            from earthwire.config.profile_file import profile_text

            status("writing the profile")
            provenance = msgspec.structs.replace(read.provenance, licence=licence)
            fitted = msgspec.structs.replace(fitted, provenance=provenance)
            write_whole(profile, profile_text(fitted))
    if as_json:
        summary = _summary(fitted, profile, client_timeout)
        print(json.dumps({**summary, "never_drawn": drawn.left_out().real}))
    else:
        _print(fitted, profile, client_timeout, left_out_sentences(drawn))


def _begin_choice(choice: "ChoiceProcess", timed: "Calls") -> "Callable[[], Engine]":
    """Begin to choose; what waits for the engine loads what writes profiles first, since it would be idle else."""
    answer = choice.begin(timed)

    def chosen() -> "Engine":
        import earthwire.config.profile_file  # noqa: F401

        return answer()

    return chosen


def _summary(fitted: "Profile", path: Path, client_timeout_s: float | None) -> dict[str, object]:
    from earthwire.fault_models.conditions.client_timeout import timeout_share

    summary: dict[str, object] = {
        "profile": str(path),
        "calls": fitted.provenance.calls,
        "sessions": fitted.provenance.sessions,
        "tools": len(fitted.tools),
        "latency_measure": fitted.provenance.latency_measure,
        "cannot_tell": list(fitted.provenance.cannot_tell),
        "warnings": limit_warnings(fitted),
        "drift": None if fitted.drift is None else fitted.drift.note,
        "half_life_s": None if fitted.drift is None else fitted.drift.half_life_s,
    }
    if client_timeout_s is not None:
        shares = {name: timeout_share(laws, client_timeout_s) for name, laws in fitted.tools.items()}
        summary["client_timeout_s"] = client_timeout_s
        summary["timeouts"] = {name: msgspec.structs.asdict(share) for name, share in shares.items()}
    return summary


def _print(fitted: "Profile", path: Path, client_timeout_s: float | None, left_out: Iterable[str]) -> None:
    console = output()
    provenance = fitted.provenance
    console.print(
        f"{counted(provenance.calls, 'call')} of {counted(len(fitted.tools), 'tool')} in "
        f"{counted(provenance.sessions, 'session')} → {path}",
        markup=False,
        soft_wrap=True,
    )
    for sentence in left_out:
        console.print(sentence, markup=False, soft_wrap=True)
    for sentence in provenance.cannot_tell:
        console.print(f"these traces cannot tell: {sentence}", markup=False)
    if not any(laws.latency for laws in fitted.tools.values()):
        console.print("no latency was recorded: this profile has faults only, its tools answer at once")
    for sentence in limit_warnings(fitted):
        console.print(f"warning: {sentence}", markup=False, soft_wrap=True)
    if fitted.drift is not None and fitted.drift.half_life_s is not None:
        for sentence in drift_sentences(fitted.drift)[:2]:
            console.print(sentence, markup=False, soft_wrap=True)
    if client_timeout_s is not None:
        for sentence in timeout_sentences(fitted, client_timeout_s):
            console.print(sentence, markup=False, soft_wrap=True)
    console.print(f"next: earthwire show {path}", markup=False, soft_wrap=True)
