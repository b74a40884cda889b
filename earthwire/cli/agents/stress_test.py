"""The course of a stress test: arms first, then the search for the radius, then the ranges; and its result file."""

import time
from pathlib import Path

import msgspec

from earthwire.cli.agents.stress_runs import StressRuns
from earthwire.cli.console import fail
from earthwire.cli.progress import LateProgress
from earthwire.cli.writing import write_whole
from earthwire.config.exposed_recipe import declared_channels
from earthwire.config.recipe import RecipeFile
from earthwire.fault_models.conditions.exposure import Channel
from earthwire.fault_models.conditions.severity import SEVERITY_MAX
from earthwire.grounding.stress import (
    CLEAN_ARM,
    Arm,
    ArmFinding,
    Estimate,
    Radius,
    RadiusSearch,
    Randomisation,
    RandomisationSettings,
    ReportTimings,
    StressReport,
    StressVerdict,
    Subject,
    after_trial,
    all_arm,
    arm_finding,
    arms_of,
    decoded,
    edge_exposures,
    edge_of,
    edge_seeds,
    encoded,
    first_limits,
    gaps,
    next_multiple,
    radius,
    seed_scores,
    stress_verdict,
    success_rate,
    untested_channels,
)

_SAVED_EVERY_S = 1.0


class StressPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done.

    Attributes:
        subject: what runs.
        recipe: with the upstreams that are to be used.
        seeds: runs of each arm.
        multiples: of the channels; the first one is judged.
        target: success rate that is asked for.
        radius_step: distance of the multiples that the search for the radius tries; None for no search.
        randomisation: settings of automatic domain randomisation; None for none.
    """

    subject: Subject
    recipe: RecipeFile
    seeds: int
    multiples: tuple[float, ...]
    target: float
    radius_step: float | None
    randomisation: RandomisationSettings | None

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels that the recipe has anything for."""
        return declared_channels(self.recipe)

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms, the clean one first."""
        return arms_of(self.channels, self.multiples)


class ResultFile:
    """The one file that holds what was done so far, written whole each time.

    Args:
        path: of the file.
        plan: what is to be done.
    """

    def __init__(self, path: Path, plan: StressPlan) -> None:
        self._path = path
        self._plan = plan
        self._due_s = 0.0

    def earlier(self, is_fresh: bool) -> StressReport | None:
        """Return what an earlier test of the same subject has left; None if there is no such file, or none is wanted.

        A file that is something else ends the command with a message in any case, since it would be replaced; one of
        another subject does unless all runs are made anew.

        Args:
            is_fresh: all runs are made anew.
        """
        if not self._path.exists():
            return None
        try:
            report = decoded(self._path.read_bytes())
        except OSError as error:
            fail(f"{self._path}: cannot be read: {error.strerror}")
        except msgspec.DecodeError as error:
            fail(f"{self._path}: is no result of a stress test ({error}); choose another --output")
        if is_fresh:
            return None
        if report.subject != self._plan.subject:
            names = type(report.subject).__struct_fields__
            differ = [
                name for name in names if getattr(report.subject, name) != getattr(self._plan.subject, name)
            ]
            fail(
                f"{self._path}: holds runs of another {' and '.join(differ).replace('_', ' ')}; "
                "choose another --output, or start anew with --fresh"
            )
        return report

    def save_now_and_then(self, runs: StressRuns) -> None:
        """Save what was done so far, but not all the time."""
        now_s = time.monotonic()
        if now_s >= self._due_s:
            self._due_s = now_s + _SAVED_EVERY_S
            self.save(unfinished(self._plan, runs))

    def save(self, report: StressReport) -> None:
        """Write a report."""
        write_whole(self._path, encoded(report).decode())


def unfinished(plan: StressPlan, runs: StressRuns) -> StressReport:
    """Return the report of a test that is not over."""
    return StressReport(
        subject=plan.subject,
        channels=plan.channels,
        multiples=plan.multiples,
        seeds=plan.seeds,
        is_complete=False,
        episodes=runs.all(),
    )


async def conduct(plan: StressPlan, runs: StressRuns, progress: LateProgress) -> StressReport:
    """Do all runs of a test; return its report.

    Raises:
        OSError: if the agent cannot be started.
        ServeError: if a proxy cannot.
    """
    arms, seeds = plan.arms, range(plan.seeds)
    keys = [(arm.exposure, seed) for arm in arms for seed in seeds]
    progress.start("runs", sum(key not in runs.results for key in keys))
    await runs.run(keys)
    found_radius = await _search_radius(plan, runs, progress)
    found_ranges = await _randomise(plan, runs, progress)
    results = {arm.name: runs.of(arm.exposure, seeds) for arm in arms}
    findings = tuple(arm_finding(arm, results[arm.name]) for arm in arms)
    elapsed_s = sum(result.timings.elapsed_s for result in runs.all())
    return msgspec.structs.replace(
        unfinished(plan, runs),
        is_complete=True,
        verdict=_verdict(plan, findings, runs),
        arms=findings,
        gaps=gaps(arms, results),
        radius=found_radius,
        randomisation=found_ranges,
        timings=ReportTimings(elapsed_s),
    )


def _verdict(plan: StressPlan, findings: tuple[ArmFinding, ...], runs: StressRuns) -> StressVerdict:
    by_name = {finding.arm: finding for finding in findings}
    sections = plan.recipe.channels
    shield_only = sections.action is None
    untested = [
        reason
        for arm in plan.arms
        for reason in untested_channels(arm, runs.of(arm.exposure, range(plan.seeds)), shield_only)
    ]
    judged = all_arm(plan.channels, plan.multiples[0]).name
    return stress_verdict(plan.target, by_name[CLEAN_ARM], by_name[judged], untested)


async def _search_radius(plan: StressPlan, runs: StressRuns, progress: LateProgress) -> Radius | None:
    if plan.radius_step is None:
        return None
    most = SEVERITY_MAX / max(plan.recipe.severity, 1.0)
    search = RadiusSearch(plan.target, most, plan.radius_step)
    known: dict[float, Estimate] = {}
    while (multiple := next_multiple(search, known)) is not None:
        exposure = all_arm(plan.channels, multiple).exposure
        keys = [(exposure, seed) for seed in range(plan.seeds)]
        progress.start(f"runs at {multiple:g} times the recipe", sum(key not in runs.results for key in keys))
        await runs.run(keys)
        known[multiple] = success_rate(seed_scores(runs.of(exposure, range(plan.seeds))))
    return radius(search, known)


async def _randomise(plan: StressPlan, runs: StressRuns, progress: LateProgress) -> Randomisation | None:
    settings = plan.randomisation
    if settings is None:
        return None
    limits = first_limits(plan.channels, settings)
    trials = []
    for index in range(settings.rounds):
        channel = edge_of(plan.channels, index)
        exposures = edge_exposures(settings, limits, channel, index)
        keys = list(zip(exposures, edge_seeds(settings, index), strict=True))
        progress.start(f"range of {channel}, round {index + 1}", settings.batch)
        await runs.run(keys)
        results = [result for exposure, seed in keys for result in runs.of(exposure, [seed])]
        success = success_rate(seed_scores(results)).value
        trials.append(after_trial(settings, limits, channel, success))
        limits[channel] = trials[-1].next_limit
    return Randomisation(settings, tuple(trials), limits)
