"""``earthwire mcp``: puts the draw between an MCP host and a stdio server."""

import difflib
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earthwire.cli.agents.children import own_program
from earthwire.cli.console import fail, messages
from earthwire.cli.help_text import CommandGroup
from earthwire.config.recipe import McpServerSection, RecipeFile
from earthwire.fault_models.steps.layer import LAYERS, Layer

if TYPE_CHECKING:
    from earthwire.config.mcp_hosts import Launch
    from earthwire.proxy.calls.planner import Planner
    from earthwire.proxy.mcp.stdio_session import StdioSettings

app = CommandGroup(help="MCP servers over stdio: wrap, wrap-config.")

BACKUP_SUFFIX = ".before-earthwire"
EPISODE_VARIABLE = "EARTHWIRE_EPISODE"

RecipeOption = Annotated[Path | None, typer.Option("--recipe", help="Recipe: file or name of a shipped one.")]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile", "-p", help="Profile to simulate: file or name; without one calls pass through."
    ),
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Same seed, same calls: same plans.")]
SeverityOption = Annotated[
    float | None, typer.Option("--severity", help="0 clean, 1 as recorded, up to 8: harsher.")
]
LayersOption = Annotated[
    str | None,
    typer.Option(
        "--layers", help="Where faults surface, of tool,jsonrpc,http,transport; the first two by default."
    ),
]
RecordOption = Annotated[
    Path | None, typer.Option("--record", "-r", help="Append a trace record of each call (.jsonl).")
]


@app.command("wrap", context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True})
def wrap(
    command: Annotated[
        list[str] | None, typer.Argument(help="After --: program and arguments of the server.")
    ] = None,
    recipe: RecipeOption = None,
    profile: ProfileOption = None,
    seed: SeedOption = None,
    severity: SeverityOption = None,
    layers: LayersOption = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the server: in the recipe, and in tool keys.")
    ] = None,
    episode: Annotated[
        str | None,
        typer.Option(
            "--episode", envvar=EPISODE_VARIABLE, help="Episode of calls that name none themselves."
        ),
    ] = None,
    record: RecordOption = None,
    record_bodies: Annotated[
        bool, typer.Option("--record-bodies", help="Records hold the answers, redacted.")
    ] = False,
) -> None:
    """Run a stdio MCP server with simulated latency and faults, in place of the server itself.

    Put it in front of the command in a host's configuration (earthwire mcp wrap-config does it). Standard output holds
    the protocol and nothing else; messages go to standard error, what episodes spent at the end among them, where the
    recipe has prices or a budget. It ends with the server's own status.

    Example: earthwire mcp wrap -p tools.yaml -- npx -y @modelcontextprotocol/server-everything
    """
    from earthwire.cli.serving.recipe_planner import planner_of
    from earthwire.cli.telling.run_report import print_ledgers
    from earthwire.proxy.mcp.wrap import wrap as run_wrapped

    given = _recipe(recipe, command, {"profile": profile, "seed": seed, "severity": severity})
    server_name, section = _server(given, name, command)
    argv = command or section.command or []
    planner = planner_of(given)
    settings = _settings(given, planner, server_name, section, layers, episode)
    record_path = record or (None if given.record is None else Path(given.record.path))
    if record_bodies or (given.record is not None and given.record.bodies):
        import msgspec

        settings = msgspec.structs.replace(settings, keep_bodies=True)
    status = run_wrapped(argv, settings, planner, record_path)
    if settings.spending is not None:
        unit = "cost" if given.costs is None else given.costs.unit
        print_ledgers(settings.spending.all(), unit, 0.0, messages())
    sys.exit(status)


@app.command("wrap-config")
def wrap_config(
    file: Annotated[
        Path, typer.Argument(help="Configuration of the host, such as .mcp.json or .vscode/mcp.json.")
    ],
    server: Annotated[str | None, typer.Option("--server", help="Name of the server to wrap.")] = None,
    recipe: RecipeOption = None,
    profile: ProfileOption = None,
    seed: SeedOption = None,
    severity: SeverityOption = None,
    layers: LayersOption = None,
    record: RecordOption = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="Print what would change, and change nothing.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Have the host start the server itself again.")
    ] = False,
) -> None:
    """Change a host's configuration so that it starts a server wrapped by `earthwire mcp wrap`.

    Works on `mcpServers` (Claude Desktop, .mcp.json, Cursor) and `servers` (VS Code). Only the command and the
    arguments of one server change; comments stay. The file as it was is kept beside it.
    """
    from earthwire.cli.serving.recipe_planner import planner_of
    from earthwire.config.mcp_hosts import HostConfigError

    text = _read(file)
    options: list[str] = []
    for option, value in (("--recipe", recipe), ("--profile", profile), ("--record", record)):
        if value is not None:
            options += [option, _absolute(value)]
    for option, number in (("--seed", seed), ("--severity", severity)):
        if number is not None:
            options += [option, f"{number}"]
    if layers is not None:
        options += ["--layers", ",".join(_layers(layers))]
    if not undo:
        # What the host would be told by nobody: its server would just not start.
        planner_of(_recipe(recipe, ["server"], {"profile": profile, "seed": seed, "severity": severity}))
    try:
        changed = _unwrapped(file, text, server) if undo else _wrapped(text, server, options)
    except HostConfigError as error:
        fail(f"{file}: {error}")
    if diff:
        lines = difflib.unified_diff(
            text.splitlines(keepends=True), changed.splitlines(keepends=True), str(file), str(file)
        )
        sys.stdout.writelines(lines)
        return
    _write(file, text, changed)


def _recipe(path: Path | None, command: list[str] | None, options: dict[str, object]) -> RecipeFile:
    """Return the recipe with options that win over it; without one, what the command line alone says."""
    from pydantic import ValidationError

    from earthwire.config.recipe import read_recipe
    from earthwire.config.shipped import recipe_path

    if path is None and not command:
        fail("no server to run: give its command after --, or a recipe whose `mcp` section has one")
    values: dict[str, object] = {"earthwire_recipe": 1, "mcp": {"server": {"command": command}}}
    given = {key: value for key, value in options.items() if value is not None}
    try:
        if path is not None:
            values = read_recipe(recipe_path(str(path))).model_dump(exclude_unset=True)
        return RecipeFile.model_validate({**values, **given})
    except ValidationError as error:
        problems = (
            f"--{one['loc'][0]}: {one['msg'].removeprefix('Value error, ')}" for one in error.errors()
        )
        fail("\n".join(problems))


def _server(recipe: RecipeFile, name: str | None, command: list[str] | None) -> tuple[str, McpServerSection]:
    """Return what the server is called and what the recipe says of it."""
    sections = {key: section for key, section in recipe.mcp.items() if section.command is not None}
    if name is None and command is None and len(sections) == 1:
        return next(iter(sections.items()))
    if name in recipe.mcp:
        return name, recipe.mcp[name]
    if command is None:
        fail(f"say with --name which server of the recipe to run: {', '.join(sections) or 'it has none'}")
    return name or _name_of(command), McpServerSection(command=command)


def _settings(
    recipe: RecipeFile,
    planner: "Planner",
    name: str,
    section: McpServerSection,
    layers: str | None,
    episode: str | None,
) -> "StdioSettings":
    from earthwire.cli.serving.recipe_channels import spending_of
    from earthwire.cli.serving.recipe_planner import tool_keys
    from earthwire.config.channel_models import channels_of, has_channels
    from earthwire.fault_models.conditions.virtual_time import Patience
    from earthwire.proxy.mcp.stdio_session import StdioSettings

    scale = {"real": 1.0, "virtual": 0.0, "scaled": 1.0 / recipe.clock.speed}[recipe.clock.mode]
    return StdioSettings(
        server=name,
        layers=tuple(section.layers) if layers is None else _layers(layers),
        methods=tuple(section.methods),
        tool_keys=tool_keys(planner),
        recorded_server=section.server,
        episode=episode or "default",
        time_scale=scale,
        patience=Patience(recipe.client_timeout_s),
        channels=channels_of(recipe, name) if has_channels(recipe.channels) else None,
        spending=spending_of(recipe),
    )


def _layers(text: str) -> tuple[Layer, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    wrong = [name for name in names if name not in LAYERS]
    if wrong:
        fail(f"--layers: {wrong[0]!r} is no layer; there is {', '.join(LAYERS)}")
    return tuple(layer for layer in LAYERS if layer in names)


def _name_of(argv: list[str]) -> str:
    """Return what to call a server that has no name: the last part of its command that is no option."""
    words = [word for word in argv if not word.startswith("-")]
    return Path(words[-1] if words else argv[0]).stem or "server"


def _wrapped(text: str, server: str | None, options: list[str]) -> str:
    from earthwire.config.mcp_hosts import read_launch, with_launch, wrapped_launch

    name = _chosen(text, server)
    launch = read_launch(text, name)
    launch = launch.wrapped or launch
    program = shutil.which(launch.command) or launch.command
    return with_launch(text, name, wrapped_launch(launch, own_program(), [*options, "--name", name], program))


def _unwrapped(file: Path, text: str, server: str | None) -> str:
    from earthwire.config.mcp_hosts import HostConfigError, read_launch, with_launch

    name = _chosen(text, server)
    inner = read_launch(text, name).wrapped
    if inner is None:
        raise HostConfigError(f"server {name!r} is not wrapped")
    return with_launch(text, name, _as_written_before(file, name, inner) or inner)


def _as_written_before(file: Path, name: str, inner: "Launch") -> "Launch | None":
    """Return how the backup starts the server, if that is the same program with the same arguments."""
    from earthwire.config.mcp_hosts import HostConfigError, read_launch

    try:
        before = read_launch(_backup(file).read_text("utf-8"), name)
    except (OSError, UnicodeDecodeError, HostConfigError):
        return None
    is_same = before.args == inner.args and inner.command in (before.command, shutil.which(before.command))
    return before if is_same else None


def _backup(file: Path) -> Path:
    return file.with_name(file.name + BACKUP_SUFFIX)


def _chosen(text: str, server: str | None) -> str:
    from earthwire.config.mcp_hosts import HostConfigError, server_names

    names = server_names(text)
    if server is not None:
        return server
    if len(names) == 1:
        return names[0]
    raise HostConfigError(f"say which server with --server: {', '.join(names) or 'there is none'}")


def _absolute(value: Path | str) -> str:
    """Return a path as hosts can use it, who start servers anywhere; names of shipped files stay names."""
    path = Path(value)
    return str(path.absolute()) if path.exists() or path.suffix or len(path.parts) > 1 else str(value)


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except OSError as error:
        fail(f"{file}: {error.strerror}")
    except UnicodeDecodeError:
        fail(f"{file}: is not text in UTF-8")


def _write(file: Path, before: str, after: str) -> None:
    """Write a file in one step, after keeping it as it was; an older backup stays, since it is the original."""
    if before == after:
        print(f"{file}: nothing to change")
        return
    backup = _backup(file)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        if not backup.exists():
            shutil.copy2(file, backup)
        fresh.write_bytes(after.encode("utf-8"))
        shutil.copymode(file, fresh)
        fresh.replace(file)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        fail(f"{file}: cannot be changed, or kept as {backup.name} beside it: {error.strerror}")
    print(f"{file}: changed; as it was: {backup}. Restart the host.")
