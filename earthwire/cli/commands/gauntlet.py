"""``earthwire gauntlet``: which faults a client survives."""

import os
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earthwire.cli.console import EXIT_FAIL, EXIT_INSUFFICIENT_DATA, EXIT_OK, fail, messages, output
from earthwire.cli.tables import plain_table

if TYPE_CHECKING:
    from earthwire.fault_models.runs.gauntlet import GauntletFault
    from earthwire.proxy.gauntlet import Result

_STYLES = {"good": "green", "bad": "red", "weak": "yellow", "none": "dim"}
_SHOWN_BYTES_MAX = 160


def gauntlet(
    client: Annotated[
        list[str] | None, typer.Argument(help="The client's command, after --; {url} in it is filled.")
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="Stand in front of this tool server, not the built-in one.")
    ] = None,
    mcp: Annotated[
        str | None, typer.Option("--mcp", help="Stand in front of this MCP server (streamable HTTP).")
    ] = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="Meet this fault only.")] = None,
    limit: Annotated[
        float, typer.Option("--limit", min=0.1, max=600.0, help="Seconds that the client has for each fault.")
    ] = 15.0,
    list_faults: Annotated[bool, typer.Option("--list", help="List the faults and end.")] = False,
    show_bytes: Annotated[
        bool, typer.Option("--bytes", help="Print the very bytes that each fault sends.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run a client again and again, with one fault at a time between it and its tools; say which ones it survives.

    `earthwire gauntlet -- python client.py {url}`: the client calls {url} (or EARTHWIRE_URL, OPENAI_BASE_URL,
    ANTHROPIC_BASE_URL) at any path and exits with 0 if it got what it wanted. Most faults hit its first two calls and
    then go away. Exit code 0: no bad fate; 1: it hung, crashed or accepted garbage; 3: it called nothing.
    """
    from earthwire.config.agent_command import check_places
    from earthwire.config.agent_environment import UnknownPlaceError
    from earthwire.fault_models.runs.gauntlet import GAUNTLET

    if list_faults:
        _print_faults(list(GAUNTLET.values()))
        return
    if not client:
        fail("give the client's command after --, such as: earthwire gauntlet -- python client.py {url}")
    try:
        check_places(client, ("url",))
    except UnknownPlaceError as error:
        fail(f"{shlex.join(client)}: {error}")
    unknown = [name for name in only or () if name not in GAUNTLET]
    if unknown:
        fail(f"--only: there is no fault {unknown[0]!r}; there is {', '.join(GAUNTLET)}")
    results = _run(client, tuple(GAUNTLET[name] for name in only or GAUNTLET), limit, url, mcp)
    servers = [f"{option}={value}" for option, value in (("--url", url), ("--mcp", mcp)) if value is not None]
    command = shlex.join([*servers, "--", *client])
    if as_json:
        _print_json(results, command)
    else:
        _print(results, show_bytes, command)
    raise typer.Exit(_exit_code(results))


def _run(
    client: list[str], faults: "tuple[GauntletFault, ...]", limit_s: float, url: str | None, mcp: str | None
) -> "list[Result]":
    import asyncio

    from earthwire.cli.progress import late_progress
    from earthwire.proxy.gauntlet import Course, run_course
    from earthwire.proxy.serve_config import ServeError

    course = Course(
        command=tuple(client), faults=faults, environment=os.environ, limit_s=limit_s, url=url, mcp_url=mcp
    )
    with tempfile.TemporaryDirectory() as folder, late_progress() as progress:
        progress.start("faults met", len(faults))
        try:
            return asyncio.run(run_course(course, Path(folder), lambda: progress.advance(1)))
        except OSError as error:
            fail(f"{client[0]}: {error.strerror or error}")
        except ServeError as error:
            fail(str(error))


def _exit_code(results: "list[Result]") -> int:
    from earthwire.fault_models.runs.survival import BAD_FATES

    fates = [result.survival.fate for result in results]
    if all(fate == "not reached" for fate in fates):
        return EXIT_INSUFFICIENT_DATA
    return EXIT_FAIL if any(fate in BAD_FATES for fate in fates) else EXIT_OK


def _print_faults(faults: "list[GauntletFault]") -> None:
    table = plain_table("faults of the gauntlet")
    for heading in ("fault", "layer", "what happens", "a good client"):
        table.add_column(heading)
    for fault in faults:
        table.add_row(fault.name, fault.layer, fault.text, fault.wanted)
    output().print(table)


def _print(results: "list[Result]", show_bytes: bool, command: str) -> None:
    table = plain_table("what the client made of each fault")
    for heading in ("fault", "what happens", "a good client", "this one", "what its calls show"):
        table.add_column(heading)
    for result in results:
        fault = result.fault
        fate = f"[{_STYLES[judged(result)]}]{result.survival.text}[/]"
        shown = "; ".join(verdict.text for verdict in result.verdicts if verdict.rule != "gave_up")
        table.add_row(fault.name, fault.text, fault.wanted, fate, shown)
    console = output()
    console.print(table)
    counts = {name: sum(judged(result) == name for result in results) for name in ("good", "weak", "bad")}
    console.print(f"{counts['good']} as wanted, {counts['weak']} given up, {counts['bad']} bad", markup=False)
    if show_bytes:
        for result in results:
            console.print(f"\n{result.fault.name}: {_seen_text(result)}", markup=False, soft_wrap=True)
    if not any(result.survival.tries for result in results):
        _say_that_nothing_was_called(results[0])
        return
    worst = next((result for result in results if judged(result) == "bad"), None)
    if worst is not None:
        again = f"earthwire gauntlet --only {worst.fault.name} --bytes {command}"
        messages().print(f"see one again, with its bytes: {again}", markup=False, soft_wrap=True)


def _say_that_nothing_was_called(result: "Result") -> None:
    said = result.run.said.strip().splitlines()
    last = f"; it said: {said[-1]}" if said else ""
    text = f"the client called no tool: does its command hold {{url}}, or does it read EARTHWIRE_URL?{last}"
    messages().print(text, markup=False, soft_wrap=True)


def judged(result: "Result") -> str:
    """Return ``good``, ``weak`` or ``bad``; ``none`` where the fault did not happen."""
    from earthwire.fault_models.runs.survival import BAD_FATES, GOOD_FATES

    if result.survival.fate in ("does not apply", "not reached"):
        return "none"
    if result.survival.fate in GOOD_FATES[result.fault.wanted]:
        return "good"
    return "bad" if result.survival.fate in BAD_FATES else "weak"


def _seen_text(result: "Result") -> str:
    seen = result.seen
    if seen is None:
        return "no tool was called"
    cut = f" … ({seen.byte_count} bytes)" if seen.byte_count > _SHOWN_BYTES_MAX else ""
    return f"{seen.data[:_SHOWN_BYTES_MAX]!r}{cut}, then {seen.ending} after {seen.elapsed_s:.2f} s"


def _print_json(results: "list[Result]", command: str) -> None:
    import json

    rows = [
        {
            "fault": result.fault.name,
            "layer": result.fault.layer,
            "what_happens": result.fault.text,
            "wanted": result.fault.wanted,
            "fate": result.survival.fate,
            "tries": result.survival.tries,
            "judged": judged(result),
            "exit_code": result.run.exit_code,
            "elapsed_s": round(result.run.elapsed_s, 3),
            "said": result.run.said,
            "verdicts": {verdict.rule: verdict.count for verdict in result.verdicts},
            "bytes": None if result.seen is None else result.seen.data.decode("latin-1"),
            "ending": None if result.seen is None else result.seen.ending,
            "again": f"earthwire gauntlet --only {result.fault.name} {command}",
        }
        for result in results
    ]
    print(json.dumps({"faults": rows}, indent=2))
