"""``earthwire stress panel``: do retry policies fare in a simulation as they do along recorded calls?"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earthwire.cli.console import (
    EXIT_FAIL,
    EXIT_INSUFFICIENT_DATA,
    EXIT_OK,
    LateStatus,
    late_status,
    messages,
    output,
)

if TYPE_CHECKING:
    from earthwire.cli.loading import LoadedTraces
    from earthwire.config.recipe import RecipeFile
    from earthwire.fault_models.profile import Profile
    from earthwire.fault_models.simulation import Simulation
    from earthwire.grounding.stress import PanelReport, Tolerance, World

_EXIT_OF_WORD = {"PASS": EXIT_OK, "FAIL": EXIT_FAIL, "INCONCLUSIVE": EXIT_INSUFFICIENT_DATA}


def panel(
    traces: Annotated[
        list[Path], typer.Argument(help="Trace files, or directories of them, in any known format.")
    ],
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            help="Simulate as this recipe says, a file or a shipped one: its severity, randomisation, rules and "
            "regime clock; and by its profile, if it names one.",
        ),
    ] = None,
    runs: Annotated[
        int,
        typer.Option("--runs", min=1, max=1_000, help="Simulations of each session, for steadier figures."),
    ] = 10,
    times: Annotated[
        float,
        typer.Option(
            "--times", min=1.01, max=100.0, help="Ratio to the recorded figure that is close enough."
        ),
    ] = 1.25,
    share: Annotated[
        float,
        typer.Option(
            "--share",
            min=0.0,
            max=0.5,
            help="Difference of exhausted shares that is small, whatever its ratio.",
        ),
    ] = 0.0001,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the split and of the draws.")] = 0,
    skip_bad_lines: Annotated[
        bool, typer.Option("--skip-bad-lines", help="Leave bad records out and report them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Show the behaviour gap: the built-in retry policies along recorded calls, and along a simulation of them.

    The policies are those of the built-in agents: none, immediate, back-off, retry-after, verify. Each makes its calls
    along the recorded series of a tool in a session, an attempt meeting the next call that began late enough; then
    along the same sessions as simulated. Without a profile in a recipe the sessions are split: each half is simulated
    by what the other half teaches.

    Of each policy: how many calls fail to the last attempt, attempts per call, and their ratios with intervals at 95 %
    over sessions. PASS: surely within --times of the recorded figure. FAIL: surely beyond it. n/a: the traces cannot
    tell this policy from a simpler one. Exit code 0: PASS. 1: FAIL of any policy. 2: bad input. 3: INCONCLUSIVE, too
    little was recorded to tell.
    """
    from earthwire.cli.loading import load_traces
    from earthwire.grounding.stress import AskedWaits, Tolerance, World

    read = _read_recipe(recipe)
    waits = AskedWaits()
    with late_status() as status:
        loaded = load_traces(traces, skip_bad_lines, status, waits.add)
        recorded = World.of(loaded.calls, waits.of(loaded.calls))
        source = ", ".join(map(str, traces))
        report = _report(loaded, recorded, source, read, runs, Tolerance(times, share), seed, status)
    if as_json:
        import msgspec

        print(msgspec.json.encode(report).decode())
    else:
        from earthwire.cli.panel_table import print_panel

        print_panel(report, output())
    raise typer.Exit(_EXIT_OF_WORD[report.word])


def _read_recipe(name: str | None) -> "RecipeFile | None":
    from earthwire.config.recipe import read_recipe
    from earthwire.config.shipped import recipe_path

    return None if name is None else read_recipe(recipe_path(name))


def _report(
    loaded: "LoadedTraces",
    recorded: "World",
    source: str,
    recipe: "RecipeFile | None",
    runs: int,
    tolerance: "Tolerance",
    seed: int,
    status: LateStatus,
) -> "PanelReport":
    from earthwire.config.recipe_simulation import recipe_simulation
    from earthwire.grounding.stress import PanelReport, panel_rows, panel_word, too_little, unjudged_rows

    calls = loaded.calls
    simulation = None if recipe is None else recipe_simulation(recipe)
    missing = too_little(calls)
    if missing is not None:
        rows = unjudged_rows(recorded, missing)
    else:
        worlds = _worlds(loaded, recipe, simulation, seed, runs, status)
        rows = panel_rows(recorded, worlds, runs, tolerance)
    word, reasons = panel_word(rows)
    return PanelReport(
        source=source,
        calls=len(calls),
        sessions=calls.session_count,
        world=_world_text(recipe, simulation),
        runs=runs,
        seed=seed,
        tolerance=tolerance,
        policies=rows,
        word=word,
        reasons=reasons,
    )


def _worlds(
    loaded: "LoadedTraces",
    recipe: "RecipeFile | None",
    simulation: "Simulation | None",
    seed: int,
    runs: int,
    status: LateStatus,
) -> "Iterable[World]":
    """Return simulations of the recorded sessions: by the recipe's own profile, else by what was held out."""
    from earthwire.config.recipe_simulation import simulation_under
    from earthwire.fault_models.simulation import Simulation
    from earthwire.grounding.stress import held_out_worlds, simulated_worlds

    def learned(profile: "Profile") -> Simulation:
        return Simulation(profile, seed) if recipe is None else simulation_under(recipe, profile)

    if simulation is not None:
        _warn_of_overlap(loaded, simulation)
        return simulated_worlds(simulation, loaded.calls, seed, runs, status)
    return held_out_worlds(loaded.calls, loaded.payloads, learned, seed, runs, status)


def _warn_of_overlap(loaded: "LoadedTraces", simulation: "Simulation") -> None:
    """Say where a profile was learned from these very files, and where it knows none of their tools."""
    profile = simulation.profile
    learned_from = {source.sha256 for source in profile.provenance.sources}
    again = [source.name for source in loaded.provenance.sources if source.sha256 in learned_from]
    console = messages()
    if again:
        text = f"warning: the profile was learned from {', '.join(again)}: these sessions were not held out"
        console.print(text, markup=False, soft_wrap=True)
    known = set(profile.tools) & set(loaded.calls.tool_names)
    if not known:
        text = (
            "warning: the profile knows none of the recorded tools: it simulates them as it does unknown ones"
        )
        console.print(text, markup=False, soft_wrap=True)


def _world_text(recipe: "RecipeFile | None", simulation: "Simulation | None") -> str:
    """Return what the simulated world is, in words."""
    by = "by what the other half of the sessions teaches"
    if recipe is None:
        return by
    if simulation is not None:
        by = f"by the profile {recipe.profile}"
    conditions = [f"severity {recipe.severity:g}", f"regime clock {recipe.regime_clock}"]
    conditions += ["laws drawn for each episode"] if recipe.randomize else []
    return f"{by}, {', '.join(conditions)}"
