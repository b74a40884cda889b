"""The recipe: one YAML file that says what to serve, how it behaves, and what a run must show."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from earthwire.config.channel_sections import ChannelsSection
from earthwire.config.cost_sections import BudgetSection, CostsSection, ExpectationsSection, RewardSection
from earthwire.config.located_yaml import Section, read_yaml
from earthwire.config.run_section import RunSection
from earthwire.config.shipped import is_shipped_name, shipped_profile_path
from earthwire.fault_models.conditions.severity import SEVERITY_MAX
from earthwire.fault_models.laws.outcome_path import RegimeClock
from earthwire.fault_models.steps.layer import MCP_LAYERS, Layer, may_fail

MissPolicy = Literal["error", "forward", "nearest"]
Timing = Literal["recorded", "calibrated"]
ClockMode = Literal["real", "scaled", "virtual"]

SEED_MIN, SEED_MAX = -(2**63), 2**63 - 1
Seed = Annotated[int, Field(ge=SEED_MIN, le=SEED_MAX)]
"""As wide as a trace record can hold."""

Severity = Annotated[float, Field(ge=0.0, le=SEVERITY_MAX)]

Port = Annotated[int, Field(ge=0, le=65535)]
RouteName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
McpUrl = Annotated[str, Field(pattern=r"^https?://[^/?#]+(/[^#\s]*)?$")]
Url = Annotated[str, Field(pattern=r"^(https?|http\+unix)://[^/?#]")]


class CertificateSection(Section):
    """A certificate and its key."""

    certificate: Annotated[
        str | None,
        Field(description="PEM file with certificate and chain: of the listener, or shown to upstreams."),
    ] = None
    key: Annotated[str | None, Field(description="PEM file with its key, if that is a file of its own.")] = (
        None
    )

    @model_validator(mode="after")
    def _key_has_certificate(self) -> Self:
        if self.key is not None and self.certificate is None:
            raise ValueError("`key` is that of a `certificate`; give both")
        return self


WORKERS_MAX = 64
"""Most processes that serve together."""


class ListenSection(CertificateSection):
    """Where the proxy listens."""

    host: Annotated[str, Field(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[Port, Field(description="TCP port; 0: any free one.")] = 8900
    allow_public: Annotated[bool, Field(description="Listen on an address other machines can reach.")] = False
    unix: Annotated[str | None, Field(description="Socket file to listen on instead of a port.")] = None
    workers: Annotated[
        int,
        Field(
            ge=1,
            le=WORKERS_MAX,
            description="Processes of `earthwire serve`; each episode has one of them. Plans do not depend on it.",
        ),
    ] = 1

    @model_validator(mode="after")
    def _workers_share_a_port(self) -> Self:
        if self.unix is not None and self.workers > 1:
            raise ValueError("`unix` goes with one worker: several share a port, not a socket file")
        return self


class UpstreamTlsSection(CertificateSection):
    """How https upstreams are verified, and what they are shown; verification is never off."""

    ca: Annotated[str | None, Field(description="PEM file of authorities, instead of the system's.")] = None


class RecordSection(Section):
    """What is recorded of each call."""

    path: Annotated[str, Field(description="File that trace records are appended to (.jsonl).")]
    bodies: Annotated[bool, Field(description="Records hold URLs, headers and bodies, redacted.")] = False


class ReplaySection(Section):
    """Answers from recorded traces instead of an upstream."""

    traces: Annotated[list[str], Field(min_length=1, description="Files or directories of traces.")]
    on_miss: Annotated[MissPolicy, Field(description="What to do with an unrecorded request.")] = "error"
    timing: Annotated[Timing, Field(description="The recorded times, or drawn from the profile.")] = (
        "recorded"
    )


class RouteSection(Section):
    """One tool server behind the proxy."""

    upstream: Annotated[
        Url,
        Field(description="Base URL of the tool server or model API.", examples=["http://127.0.0.1:8000"]),
    ]


McpMethod = Annotated[str, Field(pattern=r"^[A-Za-z_$/]{1,64}$")]


class McpServerSection(Section):
    """One MCP server behind the proxy: by URL, or a command that speaks over its standard streams."""

    url: Annotated[McpUrl | None, Field(description="Streamable HTTP endpoint.")] = None
    command: Annotated[
        list[str] | None, Field(min_length=1, description="Program and arguments of a stdio server.")
    ] = None
    layers: Annotated[
        list[Layer],
        Field(description="Where faults surface; at `http` and `transport` most clients end the session."),
    ] = list(MCP_LAYERS)
    methods: Annotated[
        list[McpMethod],
        Field(description="Requests that can fail; what holds a session together never does."),
    ] = ["tools/call"]
    server: Annotated[
        str | None, Field(description="What the profile's tool keys call the server, if not by this name.")
    ] = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.url is None) == (self.command is None):
            raise ValueError("give either `url` or `command`, and not both")
        return self

    @field_validator("methods")
    @classmethod
    def _methods_may_fail(cls, value: list[str]) -> list[str]:
        wrong = [method for method in value if not may_fail(method)]
        if wrong:
            raise ValueError(f"{wrong[0]} holds sessions together and never fails here; leave it out")
        return value


class ClockSection(Section):
    """How time passes: as it does, faster, or not at all."""

    mode: Annotated[
        ClockMode, Field(description="`real` waits, `scaled` waits less, `virtual` only accounts the time.")
    ] = "real"
    speed: Annotated[
        float, Field(gt=0.0, le=1e6, description="With `scaled`: simulated seconds in a real one.")
    ] = 1.0

    @model_validator(mode="after")
    def _speed_is_used(self) -> Self:
        if self.mode != "scaled" and self.speed != 1.0:
            raise ValueError(f"speed {self.speed:g} says nothing with mode {self.mode}; use mode: scaled")
        return self


class FaultsSection(Section):
    """Which faults are drawn."""

    pass_client_errors: Annotated[
        bool,
        Field(
            description="Never draw a 4xx that is the caller's own mistake: the upstream judges the request."
        ),
    ] = False
    episode_drift: Annotated[
        bool,
        Field(description="A schema that drifts does so for a whole episode, everywhere at the same path."),
    ] = False


class RecipeFile(Section):
    """A recipe, version 1."""

    earthwire_recipe: Annotated[Literal[1], Field(description="Version of the format.")]
    name: Annotated[RouteName | None, Field(description="Name under which it is released.")] = None
    version: Annotated[
        int | None, Field(ge=1, le=10**6, description="Release; a released version never changes.")
    ] = None
    description: Annotated[str | None, Field(max_length=2000, description="What it is for.")] = None
    profile: Annotated[
        str | None,
        Field(description="Profile: the name of a shipped one, or a path from the recipe's own folder."),
    ] = None
    seed: Annotated[Seed, Field(description="Same seed, same calls: same plans.")] = 0
    server: Annotated[
        str | None, Field(description="Host in the profile's tool keys that requests stand for.")
    ] = None
    severity: Annotated[Severity, Field(description="Of the profile's laws: 0 clean, 1 as recorded.")] = 1.0
    randomize: Annotated[
        bool, Field(description="Laws vary from episode to episode, as far as the traces leave them open.")
    ] = False
    faults: Annotated[FaultsSection, Field(description="Which faults are drawn.")] = FaultsSection()
    ground: Annotated[bool, Field(description="Wait less by what the upstream takes by itself.")] = False
    regime_clock: Annotated[RegimeClock, Field(description="What outages and rate limits advance by.")] = (
        "calls"
    )
    clock: Annotated[ClockSection, Field(description="How time passes.")] = ClockSection()
    client_timeout_s: Annotated[
        float | None, Field(gt=0.0, le=1e6, description="Patience of the client, in seconds.")
    ] = None
    routes: Annotated[
        dict[RouteName, RouteSection],
        Field(description="Tool servers by name; served at `/t/<name>/`.", examples=["my-tools"]),
    ] = {}
    upstream_tls: Annotated[UpstreamTlsSection, Field(description="TLS towards https upstreams.")] = (
        UpstreamTlsSection()
    )
    mcp: Annotated[
        dict[RouteName, McpServerSection],
        Field(description="MCP servers by name; served at `/m/<name>/mcp`.", examples=["my-server"]),
    ] = {}
    replay: Annotated[
        ReplaySection | None, Field(description="Answer from recordings instead of the upstreams.")
    ] = None
    channels: Annotated[
        ChannelsSection, Field(description="Observation, action and shield; transition is the profile.")
    ] = ChannelsSection()
    costs: Annotated[CostsSection | None, Field(description="Prices and penalties.")] = None
    budget: Annotated[BudgetSection | None, Field(description="What an episode may spend.")] = None
    reward: Annotated[RewardSection, Field(description="How costs count against reward.")] = RewardSection()
    expectations: Annotated[
        ExpectationsSection | None, Field(description="What a run must have shown to be valid.")
    ] = None
    listen: Annotated[ListenSection, Field(description="Where the proxy listens.")] = ListenSection()
    run: Annotated[RunSection, Field(description="The agent that `earthwire run` starts.")] = RunSection()
    record: Annotated[RecordSection | None, Field(description="What is recorded of each call.")] = None

    @model_validator(mode="after")
    def _has_source(self) -> Self:
        if not self.routes and not self.mcp and self.replay is None:
            raise ValueError(
                "name at least one of `routes`, `mcp` and `replay`, or there is nothing to answer with"
            )
        return self

    @model_validator(mode="after")
    def _budget_has_prices(self) -> Self:
        if self.budget is not None and self.budget.cost_max is not None and self.costs is None:
            raise ValueError("budget.cost_max needs `costs` to say what calls cost")
        return self

    @field_validator("profile")
    @classmethod
    def _profile_is_known(cls, value: str | None) -> str | None:
        if value is not None and is_shipped_name(value):
            shipped_profile_path(value)
        return value


def read_recipe(path: Path) -> RecipeFile:
    """Read and validate a recipe; relative paths in it count from the recipe's own folder.

    Raises:
        FileError: naming file, line and column of every problem.
    """
    recipe = read_yaml(path, RecipeFile)
    folder = path.parent
    update: dict[str, object] = {}
    if recipe.profile is not None and not is_shipped_name(recipe.profile):
        update["profile"] = str(folder / recipe.profile)
    if recipe.record is not None:
        record_path = str(folder / recipe.record.path)
        update["record"] = recipe.record.model_copy(update={"path": record_path})
    if recipe.replay is not None:
        traces = [str(folder / name) for name in recipe.replay.traces]
        update["replay"] = recipe.replay.model_copy(update={"traces": traces})
    if listen := _located(folder, recipe.listen, ("unix", "certificate", "key")):
        update["listen"] = recipe.listen.model_copy(update=listen)
    if tls := _located(folder, recipe.upstream_tls, ("ca", "certificate", "key")):
        update["upstream_tls"] = recipe.upstream_tls.model_copy(update=tls)
    return recipe.model_copy(update=update)


def _located(folder: Path, section: Section, names: tuple[str, ...]) -> dict[str, object]:
    """Return the paths among some settings of a section, counted from a folder."""
    values = {name: getattr(section, name) for name in names}
    return {name: str(folder / value) for name, value in values.items() if value is not None}
