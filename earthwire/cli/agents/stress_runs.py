"""Runs of a stress test: from a recipe, an exposure and a seed to what an agent made of it."""

import asyncio
import math
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from earthwire.cli.agents._policy_agent import SPEED_VARIABLE
from earthwire.cli.serving.recipe_channels import with_channels
from earthwire.cli.serving.recipe_planner import planner_of
from earthwire.cli.serving.served_recipe import serve_config
from earthwire.config.agent_command import check_places, filled_command
from earthwire.config.agent_environment import PLACEHOLDER_KEYS, UnknownPlaceError, agent_environment
from earthwire.config.channel_models import expectations_of, has_ledger, open_ledger
from earthwire.config.channel_sections import ChannelsSection
from earthwire.config.exposed_recipe import exposed
from earthwire.config.recipe import RecipeFile
from earthwire.fault_models.conditions.exposure import Exposure
from earthwire.fault_models.grounded import GroundedSimulation
from earthwire.fault_models.reward import Ledgers
from earthwire.fault_models.runs.retry_policy import POLICIES
from earthwire.fault_models.simulation import Simulation
from earthwire.grounding.stress import (
    Ending,
    EpisodeResult,
    EpisodeTimings,
    findings_of_calls,
    task_scores,
    with_all_tasks,
)
from earthwire.proxy.calls.planner import Planner
from earthwire.proxy.stress import ServedRun, serve_run

BUILT_IN = "builtin:"
"""Agents whose name begins so come with the package: one for each retry policy."""

PLACES = ("url", "seed")
"""Places in braces in an agent's command that are filled."""

RunKey = tuple[Exposure, int]
"""Exposure and seed: what a run follows from."""


class UnknownAgentError(ValueError):
    """A built-in agent of that name does not exist, or a command cannot be started as it is meant."""


def agent_command(text: str) -> list[str]:
    """Return the program and arguments of an agent.

    Raises:
        UnknownAgentError: if there is no such built-in agent, the text is no command, or it has a place in braces
            that nothing is put into.
    """
    if text.startswith(BUILT_IN):
        name = text.removeprefix(BUILT_IN)
        if name not in POLICIES:
            raise UnknownAgentError(f"there is no built-in agent {name!r}; there is {', '.join(POLICIES)}")
        return [sys.executable, "-m", "earthwire.cli.agents._policy_agent", name]
    try:
        command = shlex.split(text)
    except ValueError as error:
        raise UnknownAgentError(f"{text!r} is no command: {error}") from error
    if not command:
        raise UnknownAgentError("the agent's command is empty")
    try:
        check_places(command, PLACES)
    except UnknownPlaceError as error:
        raise UnknownAgentError(str(error)) from error
    return command


class StressRuns:
    """Makes the runs of a stress test, some at once, and remembers them.

    Attributes:
        results: by exposure and seed.

    Args:
        recipe: with the upstreams that are to be used.
        command: of the agent.
        limit_s: time that each run has.
        at_once: runs that go on at the same time.
        folder: for recordings, each of which is removed once it was looked at.
        known: results of earlier runs, which are not made again.
        done: called after each run.
        warn: takes warnings.
    """

    def __init__(
        self,
        recipe: RecipeFile,
        command: Sequence[str],
        limit_s: float,
        at_once: int,
        folder: Path,
        known: Iterable[EpisodeResult],
        done: Callable[[], None],
        warn: Callable[[str], None],
    ) -> None:
        self._recipe = recipe
        self._command = tuple(command)
        self._limit_s = limit_s
        self._places = asyncio.Semaphore(at_once)
        self._folder = folder
        self._done = done
        self._warn = warn
        self._planner = planner_of(recipe)
        bare = recipe.model_copy(update={"channels": ChannelsSection(), "costs": None, "budget": None})
        self._config = msgspec.structs.replace(
            serve_config(bare, self._planner),
            host="127.0.0.1",
            port=0,
            unix_path=None,
            certificate=None,
            allow_public=False,
            keep_bodies=True,
        )
        self.results: dict[RunKey, EpisodeResult] = {
            (result.exposure, result.seed): result for result in known
        }
        self._made = 0

    async def run(self, keys: Iterable[RunKey]) -> None:
        """Make the runs that were not made yet.

        Raises:
            OSError: if the agent cannot be started.
            ServeError: if a proxy cannot.
        """
        missing = [key for key in dict.fromkeys(keys) if key not in self.results]
        try:
            async with asyncio.TaskGroup() as group:
                for exposure, seed in missing:
                    group.create_task(self._run(exposure, seed))
        except ExceptionGroup as several:
            # They all run the same agent: what is wrong with one is wrong with all.
            raise several.exceptions[0] from several

    def of(self, exposure: Exposure, seeds: Iterable[int]) -> list[EpisodeResult]:
        """Return runs that were made, with a score for every task that any run told of."""
        tasks = {task for result in self.results.values() for task in result.tasks}
        return [
            msgspec.structs.replace(result, tasks=with_all_tasks(result.tasks, tasks))
            for result in (self.results[exposure, seed] for seed in seeds)
        ]

    def all(self) -> tuple[EpisodeResult, ...]:
        """Return all runs, by exposure and seed."""
        return tuple(self.results[key] for key in sorted(self.results))

    async def _run(self, exposure: Exposure, seed: int) -> None:
        async with self._places:
            self._made += 1
            recipe = exposed(self._recipe, exposure, seed)
            config = msgspec.structs.replace(
                with_channels(self._config, recipe), record_path=self._folder / f"{self._made}.jsonl"
            )
            planner = _variant(self._planner, seed, recipe.severity)
            environment = partial(_environment, recipe, seed)
            command = filled_command(self._command, {"seed": str(seed)})
            served = await serve_run(config, planner, command, environment, self._limit_s, self._warn)
        self.results[exposure, seed] = _result(self._recipe, recipe, exposure, seed, served)
        self._done()


def _variant(planner: Planner, seed: int, severity: float) -> Planner:
    if isinstance(planner, Simulation | GroundedSimulation):
        return planner.variant(seed, severity)
    return planner


def _environment(recipe: RecipeFile, seed: int, url: str) -> Mapping[str, str]:
    clock = recipe.clock
    speed = math.inf if clock.mode == "virtual" else clock.speed
    own = {"EARTHWIRE_SEED": str(seed), SPEED_VARIABLE: f"{speed:g}"}
    return {**PLACEHOLDER_KEYS, **agent_environment(os.environ, url, recipe.run.environment), **own}


def _result(
    recipe: RecipeFile, charged: RecipeFile, exposure: Exposure, seed: int, served: ServedRun
) -> EpisodeResult:
    """Return what came of a run; costs are counted at the recipe's own prices as well as at those charged."""
    prices = Ledgers(partial(open_ledger, recipe)) if has_ledger(recipe) else None
    charges = Ledgers(partial(open_ledger, charged)) if has_ledger(charged) else None
    time_is_virtual = recipe.clock.mode == "virtual"
    found = findings_of_calls(served.records, prices, charges, time_is_virtual, expectations_of(recipe))
    client = served.client
    ending: Ending = "exited"
    if client.exit_code is None:
        ending = "out of time"
    elif client.exit_code < 0:
        ending = "killed"
    return EpisodeResult(
        exposure=exposure,
        seed=seed,
        tasks=task_scores(client.printed, client.exit_code),
        ending=ending,
        exit_code=client.exit_code,
        attempts=found.attempts,
        refused=found.refused,
        injected=found.injected,
        changes=found.changes,
        declared=found.declared,
        spent=found.spent,
        charged=found.charged,
        shaping=found.shaping,
        timings=EpisodeTimings(client.elapsed_s, found.timed_spent, found.timed_charged),
    )
