"""The recipe: one YAML file that says what to serve, which profile, which seed, and what to record."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from earthwire.config.located_yaml import Section, read_yaml
from earthwire.fault_models.outcome_path import RegimeClock
from earthwire.fault_models.severity import SEVERITY_MAX

MissPolicy = Literal["error", "forward", "nearest"]
Timing = Literal["recorded", "calibrated"]

Seed = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
"""As wide as a trace record can hold."""

Severity = Annotated[float, Field(ge=0.0, le=SEVERITY_MAX)]

Port = Annotated[int, Field(ge=0, le=65535)]
RouteName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class ListenSection(Section):
    """Where the proxy listens."""

    host: str = "127.0.0.1"
    port: Port = 8900
    allow_public: bool = False


class RecordSection(Section):
    """What is recorded of each call."""

    path: str
    bodies: bool = False


class ReplaySection(Section):
    """Answers from recorded traces instead of an upstream."""

    traces: Annotated[list[str], Field(min_length=1)]
    on_miss: MissPolicy = "error"
    timing: Timing = "recorded"


class RouteSection(Section):
    """One tool server behind the proxy."""

    upstream: Annotated[str, Field(pattern=r"^https?://[^/?#]")]


class RecipeFile(Section):
    """A recipe, version 1."""

    earthwire_recipe: Literal[1]
    profile: str | None = None
    seed: Seed = 0
    server: str | None = None
    severity: Severity = 1.0
    randomize: bool = False
    ground: bool = False
    regime_clock: RegimeClock = "calls"
    routes: dict[RouteName, RouteSection] = {}
    replay: ReplaySection | None = None
    listen: ListenSection = ListenSection()
    record: RecordSection | None = None

    @model_validator(mode="after")
    def _has_source(self) -> Self:
        if not self.routes and self.replay is None:
            raise ValueError("name at least one of `routes` and `replay`, or there is nothing to answer with")
        return self


def read_recipe(path: Path) -> RecipeFile:
    """Read and validate a recipe; relative paths in it count from the recipe's own folder.

    Raises:
        FileError: naming file, line and column of every problem.
    """
    recipe = read_yaml(path, RecipeFile)
    folder = path.parent
    update: dict[str, object] = {}
    if recipe.profile is not None:
        update["profile"] = str(folder / recipe.profile)
    if recipe.record is not None:
        record_path = str(folder / recipe.record.path)
        update["record"] = recipe.record.model_copy(update={"path": record_path})
    if recipe.replay is not None:
        traces = [str(folder / name) for name in recipe.replay.traces]
        update["replay"] = recipe.replay.model_copy(update={"traces": traces})
    return recipe.model_copy(update=update)
