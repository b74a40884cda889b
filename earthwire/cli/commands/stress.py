"""``earthwire stress``: what each channel takes from an agent, and how much of reality it can stand."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earthwire.cli.commands import panel
from earthwire.cli.console import (
    EXIT_FAIL,
    EXIT_INSUFFICIENT_DATA,
    EXIT_INVALID,
    EXIT_OK,
    fail,
    messages,
    output,
)
from earthwire.cli.help_text import CommandGroup
from earthwire.cli.writing import check_target

if TYPE_CHECKING:
    from earthwire.cli.agents.stress_test import ResultFile, StressPlan
    from earthwire.config.recipe import RecipeFile
    from earthwire.grounding.stress import StressReport

app = CommandGroup(invoke_without_command=True)
app.command("panel", short_help="Do retry policies fare in simulation as along recorded calls?")(panel.panel)

EXIT_OF_WORD = {
    "PASS": EXIT_OK,
    "FAIL": EXIT_FAIL,
    "INCONCLUSIVE": EXIT_INSUFFICIENT_DATA,
    "INVALID": EXIT_INVALID,
}
_SEVERITY_TEXT = (
    "Multiple of what the recipe says, such as 0.5 or 2; again for more arms. The first one is judged."
)


@app.callback()
def stress(
    context: typer.Context,
    agent: Annotated[
        str | None,
        typer.Option(
            "--agent",
            "-a",
            help="The agent's command, with {url} and {seed} filled; or builtin:POLICY. Needed to run one.",
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe", help="Recipe: a file, or the name of a shipped one. Needed to run an agent."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", "-n", min=2, max=100_000, help="Runs of each arm.")] = 20,
    severity: Annotated[list[float] | None, typer.Option("--severity", help=_SEVERITY_TEXT)] = None,
    target: Annotated[
        float, typer.Option("--target", min=0.01, max=0.99, help="Success rate that is asked for.")
    ] = 0.8,
    radius: Annotated[
        bool, typer.Option("--radius", help="Find the multiple at which success falls below the target.")
    ] = False,
    radius_step: Annotated[
        float, typer.Option("--radius-step", min=0.01, max=4.0, help="How finely: distance of multiples.")
    ] = 0.25,
    adr: Annotated[
        bool, typer.Option("--adr", help="Automatic domain randomisation: how wide a range it copes with.")
    ] = False,
    adr_rounds: Annotated[
        int, typer.Option("--adr-rounds", min=1, max=10_000, help="Edges that are tried, channels in turn.")
    ] = 12,
    upstream: Annotated[
        str | None,
        typer.Option("--upstream", "-u", help="URL of tool or mock, instead of the recipe's routes."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=64, help="Runs at the same time.")] = 4,
    limit: Annotated[
        float, typer.Option("--limit", min=0.1, max=86_400.0, help="Seconds that each run has.")
    ] = 300.0,
    result: Annotated[
        Path,
        typer.Option("--output", "-o", help="The one result file; runs that it holds are not made again."),
    ] = Path("stress.json"),
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Make all runs anew, whatever the file holds.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result file instead of tables.")] = False,
) -> None:
    """Run an agent clean, with each channel alone and with all together, and say what each channel takes from it.

    Each run is a process of the agent with a proxy of its own, at EARTHWIRE_URL ({url} in the command);
    `run.environment` in the recipe names further variables. It succeeds with exit code 0, or as JSON lines on stdout
    say: {"success": true}, for several tasks {"task": "t1", "success": true, "reward": 0.5}. One run again, by itself:
    earthwire run --recipe R --seed K -- CMD. Built-in agents: none, immediate, back-off, retry-after, verify; what
    they make of recorded calls and of their simulation, `earthwire stress panel TRACES` shows without running any.
    Exit code 0: PASS, success is surely at or above the target. 1: FAIL, surely below. 3: INCONCLUSIVE. 4: INVALID, a
    channel that is on changed nothing, or no call came through.
    """
    if context.invoked_subcommand is not None:
        return
    if agent is None or recipe is None:
        missing = "--agent" if agent is None else "--recipe"
        fail(
            f"{missing} is needed to run an agent; see earthwire stress --help, or earthwire stress panel --help"
        )
    from earthwire.cli.agents.stress_test import ResultFile
    from earthwire.cli.telling.stress_tables import print_stress
    from earthwire.grounding.stress import encoded

    multiples = tuple(dict.fromkeys(severity or [1.0]))
    if not all(0.0 < multiple <= 8.0 for multiple in multiples):
        fail("--severity: a multiple lies above 0 and up to 8; clean runs are made in any case")
    check_target(result)
    plan = _plan(
        agent, recipe, seeds, multiples, target, radius_step if radius else None, adr_rounds if adr else None
    )
    file = ResultFile(result, plan)
    earlier = file.earlier(fresh)
    report = _run(plan, file, agent, earlier, upstream, jobs, limit)
    file.save(report)
    if as_json:
        print(encoded(report).decode(), end="")
    else:
        print_stress(report, output())
        messages().print(f"all runs: {result}", markup=False, soft_wrap=True)
    assert report.verdict is not None, "a report that is complete has one"
    raise typer.Exit(EXIT_OF_WORD[report.verdict.word])


def _plan(
    agent: str,
    recipe: str,
    seeds: int,
    multiples: tuple[float, ...],
    target: float,
    radius_step: float | None,
    adr_rounds: int | None,
) -> "StressPlan":
    from earthwire.cli.agents.stress_test import StressPlan
    from earthwire.cli.commands.recipes import hash_of
    from earthwire.config.recipe import read_recipe
    from earthwire.config.shipped import recipe_path
    from earthwire.grounding.stress import RandomisationSettings, Subject

    path = recipe_path(recipe)
    read = read_recipe(path)
    plan = StressPlan(
        subject=Subject(recipe=read.name or path.name, recipe_hash=hash_of(read), agent=agent),
        recipe=read,
        seeds=seeds,
        multiples=multiples,
        target=target,
        radius_step=radius_step,
        randomisation=None
        if adr_rounds is None
        else RandomisationSettings(rounds=adr_rounds, widen_from=target),
    )
    if not plan.channels:
        fail(f"{path}: has no profile, no channels and no costs: there is nothing to stress an agent with")
    return plan


def _run(
    plan: "StressPlan",
    file: "ResultFile",
    agent: str,
    earlier: "StressReport | None",
    upstream: str | None,
    jobs: int,
    limit_s: float,
) -> "StressReport":
    import asyncio
    import tempfile

    from earthwire.cli.agents.stress_runs import StressRuns, UnknownAgentError, agent_command
    from earthwire.cli.agents.stress_test import conduct, unfinished
    from earthwire.cli.progress import late_progress
    from earthwire.proxy.serve_config import ServeError

    told: set[str] = set()

    def warn(text: str) -> None:
        if text not in told:
            told.add(text)
            messages().print(f"warning: {text}", markup=False, soft_wrap=True)

    async def run(folder: Path) -> "StressReport":
        async with _upstream(agent, plan.recipe, upstream) as recipe:
            command = agent_command(agent)
            known = () if earlier is None else earlier.episodes

            def done() -> None:
                progress.advance(1)
                file.save_now_and_then(runs)

            runs = StressRuns(recipe, command, limit_s, jobs, folder, known, done, warn)
            try:
                return await conduct(plan, runs, progress)
            finally:
                # Also where somebody ends it: what was done is kept.
                file.save(unfinished(plan, runs))

    with tempfile.TemporaryDirectory() as folder, late_progress() as progress:
        try:
            return asyncio.run(run(Path(folder)))
        except UnknownAgentError as error:
            fail(f"--agent: {error}")
        except OSError as error:
            fail(f"{agent}: {error.strerror or error}")
        except ServeError as error:
            fail(str(error))


@contextlib.asynccontextmanager
async def _upstream(agent: str, recipe: "RecipeFile", url: str | None) -> "AsyncIterator[RecipeFile]":
    """Give the recipe with the upstreams that are to be used; built-in agents bring their tool along."""
    from earthwire.cli.agents.stress_runs import BUILT_IN
    from earthwire.proxy.stress import OrderServer

    if url is not None:
        yield _with_upstream(recipe, url)
    elif agent.startswith(BUILT_IN):
        async with OrderServer() as server:
            yield _with_upstream(recipe, server.url)
    else:
        yield recipe


def _with_upstream(recipe: "RecipeFile", url: str) -> "RecipeFile":
    """Return a recipe whose routes all lead to one URL; one without any gets one."""
    from pydantic import ValidationError

    from earthwire.config.recipe import RouteSection

    try:
        section = RouteSection(upstream=url)
    except ValidationError:
        fail(f"--upstream: {url!r} is not an http:// or https:// URL")
    names = list(recipe.routes) or ["tools"]
    return recipe.model_copy(update={"routes": dict.fromkeys(names, section)})
