"""``earthwire stress panel``: do retry policies fare in a simulation as they do along recorded calls?"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from earthwire.cli.console import (
    EXIT_FAIL,
    EXIT_INSUFFICIENT_DATA,
    EXIT_OK,
    LateStatus,
    fail,
    late_status,
    messages,
    output,
)
from earthwire.cli.telling.drawn_calls import left_out_sentences

if TYPE_CHECKING:
    from earthwire.cli.reading.loading import LoadedTraces
    from earthwire.config.recipe import RecipeFile
    from earthwire.fault_models.profile import Profile
    from earthwire.fault_models.simulation import Simulation
    from earthwire.grounding.stress import PolicyGap, Tolerance, World
    from earthwire.traces.record import TraceRecord

    Rows = tuple[PolicyGap, ...]

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
    sim: Annotated[
        list[Path] | None,
        typer.Option(
            "--sim", help="Traces of the simulated tools, as the proxy recorded them, instead; repeatable."
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
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the split and of the draws.")] = 0,
    skip_bad_lines: Annotated[
        bool, typer.Option("--skip-bad-lines", help="Leave bad records out and report them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Show the behaviour gap: the built-in retry policies along recorded calls, and along a simulation of them.

    The policies are those of the built-in agents: none, immediate, back-off, retry-after, verify. Each makes its calls
    along the recorded series of a tool in a session, an attempt meeting the next call that began late enough; then
    along the same sessions as simulated. Without a profile in a recipe the sessions are split: each half is simulated
    by what the other half teaches. With --sim the other world is what the proxy served and recorded.

    Of each policy: how many calls fail to the last attempt, attempts per call, and their ratios with intervals at 95 %
    over sessions. PASS: surely within --times of the recorded figure. FAIL: surely beyond it. n/a: the traces cannot
    tell this policy from a simpler one. Exit code 0: PASS. 1: FAIL of any policy. 2: bad input. 3: INCONCLUSIVE, too
    little was recorded to tell.
    """
    from earthwire.cli.reading.loading import refuse_same_files
    from earthwire.grounding.gap.never_drawn import DrawnCalls
    from earthwire.grounding.stress import PanelReport, Tolerance, panel_word

    if sim and recipe is not None:
        fail("--sim: a recording was made as its own recipe says; leave --recipe out")
    refuse_same_files(traces, sim or ())
    read, tolerance = _read_recipe(recipe), Tolerance(times, share)
    with late_status() as status:
        drawn = DrawnCalls(() if read is None else _drawn_methods(read))
        # The simulation first: it shows for which requests plans were drawn.
        served = _load(sim, skip_bad_lines, status, drawn.in_simulation) if sim else None
        recorded = _load(traces, skip_bad_lines, status, drawn.in_reality)
        for sentence in left_out_sentences(drawn):
            messages().print(sentence, markup=False, soft_wrap=True)
        if served is not None:
            rows, world = _beside(recorded, served, tolerance)
            runs = 1
        else:
            rows, world = _simulated(recorded, read, runs, tolerance, seed, status)
    word, reasons = panel_word(rows)
    calls = recorded.world.calls
    report = PanelReport(
        source=recorded.source,
        calls=len(calls),
        sessions=calls.session_count,
        world=world,
        runs=runs,
        seed=seed,
        tolerance=tolerance,
        policies=rows,
        word=word,
        reasons=reasons,
    )
    if as_json:
        import msgspec

        print(msgspec.json.encode(report).decode())
    else:
        from earthwire.cli.telling.panel_table import print_panel

        print_panel(report, output())
    raise typer.Exit(_EXIT_OF_WORD[report.word])


class _Recorded(NamedTuple):
    """A recording: its name, all that was read of it, and its calls as a policy meets them."""

    source: str
    loaded: "LoadedTraces"
    world: "World"


def _drawn_methods(recipe: "RecipeFile") -> set[str]:
    """Return the methods of MCP that a recipe lets fail."""
    return {method for section in recipe.mcp.values() for method in section.methods}


def _load(
    paths: list[Path], skip_bad_lines: bool, status: LateStatus, chosen: "Callable[[TraceRecord], bool]"
) -> _Recorded:
    from earthwire.cli.reading.loading import load_traces
    from earthwire.grounding.stress import AskedWaits, World

    waits = AskedWaits()
    loaded = load_traces(paths, skip_bad_lines, status, waits.add, chosen)
    return _Recorded(", ".join(map(str, paths)), loaded, World.of(loaded.calls, waits.of(loaded.calls)))


def _read_recipe(name: str | None) -> "RecipeFile | None":
    from earthwire.config.recipe import read_recipe
    from earthwire.config.shipped import recipe_path

    return None if name is None else read_recipe(recipe_path(name))


def _beside(recorded: _Recorded, other: _Recorded, tolerance: "Tolerance") -> tuple["Rows", str]:
    """Return the rows of two recordings, and what the other one is."""
    from earthwire.grounding.stress import panel_rows, too_little, unjudged_rows, with_common_tools

    real, simulated = with_common_tools(recorded.world, other.world)
    if not len(real.calls):
        fail("the recordings have no tool in common; name tools alike (import --template)")
    left_out = len(recorded.world.calls) - len(real.calls)
    if left_out:
        text = f"{left_out:,} recorded calls are left out: their tools are not in {other.source}"
        messages().print(text, markup=False, soft_wrap=True)
    calls = simulated.calls
    world = f"{other.source} ({len(calls):,} calls, {calls.session_count:,} sessions)"
    missing = too_little(real.calls) or too_little(calls)
    if missing is not None:
        return unjudged_rows(real, missing), world
    return panel_rows(real, [simulated], 1, tolerance, has_same_sessions=False), world


def _simulated(
    recorded: _Recorded,
    recipe: "RecipeFile | None",
    runs: int,
    tolerance: "Tolerance",
    seed: int,
    status: LateStatus,
) -> tuple["Rows", str]:
    """Return the rows of a recording and its simulation, and how that is made."""
    from earthwire.config.recipe_simulation import recipe_simulation
    from earthwire.grounding.stress import panel_rows, too_little, unjudged_rows

    simulation = None if recipe is None else recipe_simulation(recipe)
    world = f"the same sessions {_how(recipe, simulation)}; {runs} times, seed {seed}"
    missing = too_little(recorded.world.calls)
    if missing is not None:
        return unjudged_rows(recorded.world, missing), world
    worlds = _worlds(recorded.loaded, recipe, simulation, seed, runs, status)
    return panel_rows(recorded.world, worlds, runs, tolerance), world


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


def _how(recipe: "RecipeFile | None", simulation: "Simulation | None") -> str:
    """Return how the simulated world is made, in words."""
    by = "by what the other half of the sessions teaches"
    if recipe is None:
        return by
    if simulation is not None:
        by = f"by the profile {recipe.profile}"
    conditions = [f"severity {recipe.severity:g}", f"regime clock {recipe.regime_clock}"]
    conditions += ["laws drawn for each episode"] if recipe.randomize else []
    return f"{by}, {', '.join(conditions)}"
