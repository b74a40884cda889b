"""``earthwire run``: start an agent with the proxies around it, and say what it met."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from earthwire.cli.agents.children import (
    MITM_PYTHON_VARIABLE,
    STANDARD_ERROR,
    forward_program,
    forwarding,
    serving,
    without_mitmproxy,
)
from earthwire.cli.console import fail, messages

if TYPE_CHECKING:
    from earthwire.config.agent_environment import ForwardAddress
    from earthwire.config.run_section import RunSection

_SIGNAL_EXIT = 128


def run(
    agent: Annotated[list[str], typer.Argument(help="The agent's command, after --.")],
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="Recipe: a file, or the name of a shipped one.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", "-p", help="Profile: a file, or the name of a shipped one.")
    ] = None,
    upstream: Annotated[
        list[str] | None,
        typer.Option("--upstream", "-u", help="Tool or mock to forward to: URL, or NAME=URL for /t/NAME/…"),
    ] = None,
    intercept: Annotated[
        list[str] | None,
        typer.Option(
            "--intercept", "-i", help="Host whose TLS is opened by a forward proxy, such as api.example.com."
        ),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option("--env", "-e", help="NAME=VALUE for the agent; {base} stands for the proxy's URL."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Same seed, same calls: same plans.")] = None,
    severity: Annotated[
        float | None, typer.Option("--severity", help="0 clean, 1 as recorded, up to 8: harsher.")
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            "--record", "-r", help="Append the trace records to this file (.jsonl), not to the recipe's."
        ),
    ] = None,
    record_bodies: Annotated[
        bool, typer.Option("--record-bodies", help="They hold URLs, headers and bodies, redacted.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print what the agent met as JSON; its own standard output goes to standard error."
        ),
    ] = False,
) -> None:
    """Run an agent among simulated tools: `earthwire run --recipe R -- python agent.py`. Exits as the agent does.

    A reverse proxy answers at base URLs that the agent is told by environment variables (--env, or `run.environment`
    in the recipe). With --intercept a forward proxy stands in front of hosts that the agent calls by their own names:
    HTTP(S)_PROXY and the variables by which clients learn whom to trust are set. That needs mitmproxy, in an
    environment of its own: `earthwire forward --help`.
    """
    from earthwire.cli.telling.agent_report import agent_report, print_met
    from earthwire.config.agent_environment import UnknownPlaceError, agent_environment

    if not agent[0]:
        fail("the agent's command is empty; give it after --, such as: -- python agent.py")
    section, kept = _sections(recipe)
    hosts = intercept or list(section.intercept)
    options = _options(profile=profile, seed=seed, severity=severity)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        recordings = [record or kept or Path(folder) / "served.jsonl"]
        base_url = None
        if recipe is not None or upstream:
            source = [*([] if recipe is None else [recipe]), *(f"--upstream={one}" for one in upstream or ())]
            # Retries are told by the arguments of calls; what is not kept may as well hold them.
            keeps = ["--record-bodies"] if record_bodies or (record is None and kept is None) else []
            recorded = [] if record is None and kept is not None else [f"--record={recordings[0]}"]
            base_url = running.enter_context(serving([*source, *options, *recorded, *keeps]))
        elif not hosts:
            fail("nothing to simulate: give --recipe, --upstream URL or --intercept HOST")
        forward = None
        if hosts:
            if base_url is not None:  # Two processes do not write to the same file.
                recordings.append(recordings[0].with_suffix(".forward.jsonl"))
            laws = [*([] if recipe is None else [f"--recipe={recipe}"]), *options]
            forward = _forward(running, Path(folder), hosts, [*laws, f"--record={recordings[-1]}"])
        try:
            values = {**section.environment, **_assignments(env or [])}
            environment = agent_environment(os.environ, base_url, values, forward)
        except UnknownPlaceError as error:
            fail(str(error))
        started_unix_nano = time.time_ns()
        code = _run_agent(agent, environment, STANDARD_ERROR if as_json else None)
        running.close()
        report = agent_report(recordings, started_unix_nano)
        if as_json:
            print(msgspec.json.encode({"exit_code": code, **msgspec.structs.asdict(report)}).decode())
        else:
            print_met(report)
    raise typer.Exit(code)


def _sections(recipe: str | None) -> "tuple[RunSection, Path | None]":
    """Return what a recipe says of the agent, and the file that it records to."""
    from earthwire.config.recipe import read_recipe
    from earthwire.config.run_section import RunSection
    from earthwire.config.shipped import recipe_path

    if recipe is None:
        return RunSection(), None
    read = read_recipe(recipe_path(recipe))
    return read.run, None if read.record is None else Path(read.record.path)


def _options(**values: object) -> list[str]:
    return [f"--{name}={value}" for name, value in values.items() if value is not None]


def _assignments(texts: list[str]) -> dict[str, str]:
    assignments = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            fail(f"--env: {text!r} is not NAME=VALUE")
        assignments[name] = value
    return assignments


def _forward(
    running: contextlib.ExitStack, folder: Path, hosts: list[str], options: list[str]
) -> "ForwardAddress":
    from earthwire.config.agent_environment import ForwardAddress
    from earthwire.proxy.forward import AUTHORITY_FOLDER, authority_certificate
    from earthwire.proxy.forward.trust import write_bundle

    program = forward_program()
    if program is None:
        then = f"{MITM_PYTHON_VARIABLE}=earthwire-forward/bin/python earthwire run …"
        fail(without_mitmproxy("--intercept", then))
    url = running.enter_context(forwarding(program, [*(f"--intercept={host}" for host in hosts), *options]))
    bundle = folder / "trusted.pem"
    write_bundle(bundle, authority_certificate(AUTHORITY_FOLDER))
    return ForwardAddress(url, str(bundle))


def _run_agent(command: list[str], environment: dict[str, str], stdout: int | None) -> int:
    """Run the agent; return its exit code, or 128 and the signal that ended it.

    Args:
        command: of the agent.
        environment: that it gets.
        stdout: what its standard output is; None for that of this process.
    """
    try:
        process = subprocess.Popen(command, env=environment, stdout=stdout)
    except OSError as error:
        fail(f"{command[0]}: {error.strerror}")
    # Ctrl-C reaches the agent by itself; whoever ends this process means the agent.
    before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    interrupt_before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = process.wait()
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, interrupt_before)
    code = code if code >= 0 else _SIGNAL_EXIT - code
    messages().print(f"the agent ended with exit code {code}", markup=False)
    return code
