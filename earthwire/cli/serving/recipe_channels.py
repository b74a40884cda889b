"""From a recipe to what a proxy needs of it beside routes and laws: channels, accounts, clocks, and the last word."""

import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from earthwire.cli.console import EXIT_INVALID, messages
from earthwire.config.recipe import RecipeFile
from earthwire.proxy.serve_config import ServeConfig

if TYPE_CHECKING:
    from earthwire.proxy.calls.spending import Spending

REFUSAL_STATUS = 429
"""HTTP status of calls beyond a budget, where the recipe does not say."""


def with_channels(config: ServeConfig, recipe: RecipeFile) -> ServeConfig:
    """Return what is served with the channels of a recipe, its prices and its clock; nothing where all are off."""
    from earthwire.config.channel_models import channels_of, has_channels, has_ledger
    from earthwire.fault_models.conditions.virtual_time import Patience
    from earthwire.proxy.episodes.episodes import EpisodeSettings

    clock = recipe.clock
    if has_channels(recipe.channels):
        config = msgspec.structs.replace(config, channels=partial(channels_of, recipe))
    if has_ledger(recipe):
        config = msgspec.structs.replace(config, spending=partial(_spending, recipe))
    if clock.mode != "real":
        patience = Patience(recipe.client_timeout_s)
        implied = EpisodeSettings(clock=clock.mode, speed=clock.speed, patience=patience)
        config = msgspec.structs.replace(config, implied_episodes=implied)
    return config


def spending_of(recipe: RecipeFile) -> "Spending | None":
    """Return empty accounts of what episodes spend; None where a recipe has neither prices nor a budget."""
    from earthwire.config.channel_models import has_ledger

    return _spending(recipe) if has_ledger(recipe) else None


def _spending(recipe: RecipeFile) -> "Spending":
    from earthwire.config.channel_models import open_ledger
    from earthwire.proxy.calls.spending import Spending

    status = REFUSAL_STATUS if recipe.budget is None else recipe.budget.refusal_status
    return Spending(partial(open_ledger, recipe), status)


class RunEnd:
    """Says at the end of a run whether it showed what its recipe declares.

    Args:
        recipe: that is served.
        worker_count: processes that serve it; each records to a file of its own.
    """

    def __init__(self, recipe: RecipeFile, worker_count: int) -> None:
        self._recipe = recipe
        self._worker_count = worker_count
        self._started_unix_nano = time.time_ns()
        if recipe.expectations is not None and recipe.record is None:
            text = "warning: expectations are held against what is recorded, and nothing is; add `record` or --record"
            messages().print(text, markup=False, soft_wrap=True)

    def report(self) -> None:
        """Print the verdict; a run that is INVALID ends with exit code 4."""
        from earthwire.cli.telling.run_report import report_served
        from earthwire.traces import shard_path

        recipe, count = self._recipe, self._worker_count
        if recipe.expectations is None or recipe.record is None:
            return
        path = Path(recipe.record.path)
        recordings = [path] if count == 1 else [shard_path(path, index) for index in range(count)]
        if not report_served(recipe, recordings, self._started_unix_nano).is_valid:
            sys.exit(EXIT_INVALID)
