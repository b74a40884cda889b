"""``earthwire calibrate``: learn a profile from traces."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earthwire.cli.console import late_status, output

if TYPE_CHECKING:
    from earthwire.fault_models.profile import Profile


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
    as_json: Annotated[bool, typer.Option("--json", help="Print a summary as JSON.")] = False,
) -> None:
    """Learn from traces how tools behave, and write it as a profile that people can read and review."""
    import msgspec

    from earthwire.cli.loading import load_traces
    from earthwire.config.profile_file import profile_text
    from earthwire.grounding.calibrate import calibrate as fit

    with late_status() as status:
        loaded = load_traces(traces, skip_bad_lines, status)
        status("fitting the laws")
        provenance = msgspec.structs.replace(loaded.provenance, licence=licence)
        fitted = fit(loaded.calls, provenance, loaded.responses)
        status("writing the profile")
        profile.write_text(profile_text(fitted), "utf-8")
    if as_json:
        print(json.dumps(_summary(fitted, profile)))
    else:
        _print(fitted, profile)


def _summary(fitted: "Profile", path: Path) -> dict[str, object]:
    return {
        "profile": str(path),
        "calls": fitted.provenance.calls,
        "sessions": fitted.provenance.sessions,
        "tools": len(fitted.tools),
        "latency_measure": fitted.provenance.latency_measure,
        "cannot_tell": list(fitted.provenance.cannot_tell),
    }


def _print(fitted: "Profile", path: Path) -> None:
    console = output()
    provenance = fitted.provenance
    console.print(
        f"{provenance.calls:,} calls of {len(fitted.tools):,} tools in {provenance.sessions:,} sessions → {path}",
        markup=False,
        soft_wrap=True,
    )
    for sentence in provenance.cannot_tell:
        console.print(f"these traces cannot tell: {sentence}", markup=False)
    for law in ("latency",) if not any(laws.latency for laws in fitted.tools.values()) else ():
        console.print(f"no {law} was recorded: this profile has faults only, its tools answer at once")
    console.print(f"next: earthwire show {path}", markup=False, soft_wrap=True)
