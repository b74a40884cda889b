"""What a run showed and what it cost, told from its recording: valid or INVALID, faults, channels, ledger."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console

from earthwire.cli.console import messages, output

if TYPE_CHECKING:
    from earthwire.config.recipe import RecipeFile
    from earthwire.fault_models.reward import Ledger, Ledgers
    from earthwire.fault_models.runs.run_check import RunCheck
    from earthwire.fault_models.runs.run_origin import RunOrigin
    from earthwire.traces.record import TraceRecord


def check_recording(
    recipe: "RecipeFile", records: "Iterable[TraceRecord]"
) -> "tuple[RunCheck, Ledgers | None]":
    """Return what a recorded run showed, and the ledgers of its episodes if the recipe has prices or a budget."""
    from earthwire.config.channel_models import expectations_of, has_ledger, open_ledger
    from earthwire.fault_models.reward import Ledgers
    from earthwire.fault_models.runs.run_check import Expectations, check_run

    ledgers = Ledgers(partial(open_ledger, recipe)) if has_ledger(recipe) else None

    def accounted() -> "Iterator[TraceRecord]":
        for record in records:
            if ledgers is not None:
                ledgers.add(record)
            yield record

    return check_run(accounted(), expectations_of(recipe) or Expectations()), ledgers


def origin_of(recipe: "RecipeFile") -> "RunOrigin":
    """Return what counts by what the calls of a run were drawn from, beside what a recipe says.

    Raises:
        FileError: if the profile of the recipe cannot be read.
    """
    from earthwire.config.profile_file import read_profile
    from earthwire.config.shipped import profile_path
    from earthwire.fault_models.profile import profile_hash
    from earthwire.fault_models.runs.run_origin import NO_PROFILE, RunOrigin

    replays_times = recipe.replay is not None and recipe.replay.timing == "recorded"
    if recipe.profile is None or replays_times:
        return RunOrigin(recipe.seed, NO_PROFILE)
    return RunOrigin(recipe.seed, profile_hash(read_profile(profile_path(recipe.profile))))


def run_values(check: "RunCheck", ledgers: "Ledgers | None", task_reward: float) -> dict[str, object]:
    """Return a run's report as plain values."""
    values: dict[str, object] = {
        "verdict": "valid" if check.is_valid else "INVALID",
        "reasons": list(check.reasons),
        "calls": check.calls,
        "injected": check.injected,
        "channels": check.changes,
    }
    if ledgers is not None:
        values["episodes"] = {
            episode: {
                "spending": msgspec.structs.asdict(ledger.spending),
                "reward": msgspec.structs.asdict(ledger.reward(task_reward)),
            }
            for episode, ledger in ledgers.all()
        }
    return values


def report_served(recipe: "RecipeFile", recordings: list[Path], started_unix_nano: int) -> "RunCheck":
    """Print, at the end of what was served, whether the run showed what its recipe declares.

    Args:
        recipe: that was served.
        recordings: files that were recorded to; those of earlier runs are left out.
        started_unix_nano: when this run began.
    """
    from earthwire.traces import ReadOptions, read_all

    existing = [path for path in recordings if path.exists()]
    records = (
        record
        for record in read_all(existing, ReadOptions(keep_urls=True))
        if (record.start_time_unix_nano or 0) >= started_unix_nano
    )
    check, ledgers = check_recording(recipe, records)
    print_run(check, ledgers, "cost" if recipe.costs is None else recipe.costs.unit, 0.0, messages())
    return check


def print_run(
    check: "RunCheck",
    ledgers: "Ledgers | None",
    unit: str,
    task_reward: float,
    console: Console | None = None,
) -> None:
    """Print a run's report; to stdout, if no console is given."""
    console = console or output()
    console.print(f"{check.calls:,} calls; injected: {_counts(check.injected)}", markup=False, soft_wrap=True)
    if check.changes:
        console.print(f"channels: {_counts(check.changes)}", markup=False, soft_wrap=True)
    if ledgers is not None:
        print_ledgers(ledgers.all(), unit, task_reward, console)
    for reason in check.reasons:
        console.print(f"  {reason}", markup=False, soft_wrap=True)
    console.print(f"verdict: {'valid' if check.is_valid else 'INVALID'}")


def print_ledgers(
    ledgers: "Iterable[tuple[str, Ledger]]", unit: str, task_reward: float, console: Console
) -> None:
    """Print what each episode has spent, a line each."""
    for episode, ledger in ledgers:
        console.print(_ledger_line(episode, ledger, unit, task_reward), markup=False, soft_wrap=True)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "nothing"


def _ledger_line(episode: str, ledger: "Ledger", unit: str, task_reward: float) -> str:
    reward = ledger.reward(task_reward)
    terms = "".join(f" - {value:g} {name.replace('_', ' ')}" for name, value in reward.costs.items())
    shaping = f" + {reward.shaping:g} shaping" if reward.shaping else ""
    spent, refused = ledger.exceeded(), ledger.spending.refused
    budget = "" if spent is None else f"; the budget of {spent} is spent, {refused:,} calls were refused"
    return (
        f"{episode}: {ledger.spending.cost:g} {unit}; R' = {task_reward:g}{terms}{shaping} = {reward.total:g}"
        f"{budget}"
    )
