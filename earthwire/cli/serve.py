"""``earthwire serve``: put the proxy between an agent and its tools."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from earthwire.cli.admin_options import AdminPort, AdminTokenFile, admin_config
from earthwire.cli.announcing import announcement
from earthwire.cli.client_timeouts import ClientTimeout, timeout_sentences
from earthwire.cli.console import fail, messages
from earthwire.cli.recipe_options import (
    mcp_servers_of,
    paths_as_text,
    routes_of,
    set_given,
    update_section,
    validated_recipe,
    written_recipe,
)
from earthwire.cli.recipe_planner import mcp_configs, planner_of, tool_keys, warn
from earthwire.config.recipe import MissPolicy, RecipeFile, ReplaySection, Timing
from earthwire.fault_models.outcome_path import RegimeClock

if TYPE_CHECKING:
    from earthwire.proxy.admin_config import AdminConfig
    from earthwire.proxy.planner import Planner
    from earthwire.proxy.replay_upstream import ReplayConfig
    from earthwire.proxy.serve_config import ServeConfig
    from earthwire.proxy.tls import Certificate


def serve(
    recipe: Annotated[
        Path | None,
        typer.Argument(help="Recipe: file (YAML) or name of a shipped one; options given here win over it."),
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(
            "--profile", "-p", help="Profile to simulate: file or name; without one calls pass through."
        ),
    ] = None,
    upstream: Annotated[
        list[str] | None,
        typer.Option("--upstream", "-u", help="Tool or mock to forward to: URL, or NAME=URL for /t/NAME/…"),
    ] = None,
    mcp: Annotated[
        list[str] | None,
        typer.Option("--mcp", help="MCP server to forward to: NAME=URL for /m/NAME/mcp; a recipe says more."),
    ] = None,
    replay: Annotated[
        list[Path] | None, typer.Option("--replay", help="Answer from these traces instead of an upstream.")
    ] = None,
    on_miss: Annotated[
        MissPolicy | None, typer.Option("--on-miss", help="Replay: what to do with an unrecorded request.")
    ] = None,
    timing: Annotated[
        Timing | None, typer.Option("--timing", help="Replay: the recorded times, or drawn from the profile.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Same seed, same calls: same plans.")] = None,
    server: Annotated[
        str | None, typer.Option("--server", help="Host in the profile's tool keys that requests stand for.")
    ] = None,
    severity: Annotated[
        float | None, typer.Option("--severity", help="0 clean, 1 as recorded, up to 8: harsher.")
    ] = None,
    randomize: Annotated[
        bool,
        typer.Option(
            "--randomize", help="Vary the laws from episode to episode, as far as they are uncertain."
        ),
    ] = False,
    ground: Annotated[
        bool,
        typer.Option(
            "--ground",
            help="Learn what the upstream takes by itself, and wait so much less; plans depend on it.",
        ),
    ] = False,
    pass_client_errors: Annotated[
        bool,
        typer.Option(
            "--pass-client-errors",
            help="Draw no 4xx that is the caller's own mistake (404, 422, …); the upstream judges requests.",
        ),
    ] = False,
    upstream_recording: Annotated[
        Path | None,
        typer.Option(
            "--upstream-recording",
            help="With --ground: what the upstream takes by itself is known from this recording, not learned first.",
        ),
    ] = None,
    regime_clock: Annotated[
        RegimeClock | None,
        typer.Option(
            "--regime-clock",
            help="What outages and rate limits advance by: each tool's calls, or time since the episode's first call.",
        ),
    ] = None,
    record: Annotated[
        Path | None, typer.Option("--record", "-r", help="Append a trace record of each call (.jsonl).")
    ] = None,
    record_bodies: Annotated[
        bool, typer.Option("--record-bodies", help="Records hold URLs, headers and bodies, redacted.")
    ] = False,
    client_timeout: ClientTimeout = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0: any free one.")
    ] = None,
    allow_public: Annotated[
        bool, typer.Option("--allow-public", help="Listen on an address other machines can reach.")
    ] = False,
    unix: Annotated[
        Path | None, typer.Option("--unix", help="Socket file to listen on instead of a port.")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", help="Serve https with this certificate (PEM).")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", help="Its key (PEM), if that is a file of its own.")
    ] = None,
    upstream_ca: Annotated[
        Path | None,
        typer.Option(
            "--upstream-ca", help="Authorities (PEM) that verify https upstreams, not the system's."
        ),
    ] = None,
    upstream_cert: Annotated[
        Path | None,
        typer.Option("--upstream-cert", help="Certificate (PEM) shown to upstreams that ask for one."),
    ] = None,
    upstream_key: Annotated[
        Path | None, typer.Option("--upstream-key", help="Its key (PEM), if that is a file of its own.")
    ] = None,
    admin_port: AdminPort = None,
    admin_token_file: AdminTokenFile = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            help="Processes; each episode has one of them. Plans do not depend on it. Without a recipe: 1.",
        ),
    ] = None,
) -> None:
    """Serve simulated tools: point the agent's base URL at the address that is printed.

    Episodes (agent runs) are told apart by the path prefix /e/EPISODE/ or the header x-earthwire-episode. Ctrl-C or
    SIGTERM ends calls in flight and writes all records. SIGHUP reads recipe and profile anew: new calls get what they
    say, calls in flight end as they began, and where a file is wrong the old one stays.
    """
    options: dict[str, object] = {}
    if profile is not None:
        options["profile"] = str(profile)
    if upstream:
        options["routes"] = routes_of(upstream)
    if mcp:
        options["mcp"] = mcp_servers_of(mcp)
    if replay:
        options["replay"] = {"traces": [str(path) for path in replay]}
    set_given(options, "seed", seed)
    set_given(options, "server", server)
    set_given(options, "severity", severity)
    set_given(options, "randomize", randomize or None)
    set_given(options, "ground", ground or None)
    set_given(options, "faults", {"pass_client_errors": True} if pass_client_errors else None)
    set_given(options, "regime_clock", regime_clock)
    if record is not None:
        options["record"] = {"path": str(record), "bodies": record_bodies}

    def read() -> RecipeFile:
        merged = {**written_recipe(recipe), **options}
        update_section(merged, "record", {"bodies": record_bodies or None})
        update_section(merged, "replay", {"on_miss": on_miss, "timing": timing})
        update_section(merged, "listen", {"host": host, "port": port, "allow_public": allow_public or None})
        update_section(merged, "listen", {"workers": workers})
        update_section(merged, "listen", paths_as_text(unix=unix, certificate=tls_cert, key=tls_key))
        update_section(
            merged, "upstream_tls", paths_as_text(ca=upstream_ca, certificate=upstream_cert, key=upstream_key)
        )
        return validated_recipe(merged)

    merged_recipe = read()
    if record_bodies and merged_recipe.record is None:
        fail("--record-bodies says what records hold; it goes with --record FILE")
    if merged_recipe.replay is None and (on_miss is not None or timing is not None):
        fail("--on-miss and --timing say how recordings are replayed; they go with --replay TRACES")
    admin = admin_config(admin_port, admin_token_file, merged_recipe.listen.workers)
    start(merged_recipe, client_timeout, upstream_recording, read, admin)


def start(
    recipe: RecipeFile,
    client_timeout_s: float | None = None,
    upstream_recording: Path | None = None,
    read: Callable[[], RecipeFile] | None = None,
    admin: "AdminConfig | None" = None,
) -> None:
    """Run the proxy that a recipe describes until it is told to stop.

    Args:
        recipe: what to serve.
        client_timeout_s: patience of the client, to be told how often it will give up; changes nothing else.
        upstream_recording: tells a grounded simulation what the upstream takes by itself.
        read: reads the recipe anew, on SIGHUP.
        admin: where its admin side listens, or None.
    """
    from earthwire.cli.recipe_channels import RunEnd
    from earthwire.cli.upstream_fit import fit_sentences, observe_recording
    from earthwire.fault_models.grounded import GroundedSimulation
    from earthwire.fault_models.simulation import Simulation
    from earthwire.proxy.running import run
    from earthwire.proxy.serve_config import ServeError
    from earthwire.proxy.supervisor import run_workers

    worker_count = recipe.listen.workers
    end = RunEnd(recipe, worker_count)
    client_timeout_s = recipe.client_timeout_s if client_timeout_s is None else client_timeout_s
    planner = planner_of(recipe)
    if client_timeout_s is not None and isinstance(planner, Simulation):
        for sentence in timeout_sentences(planner.profile, client_timeout_s):
            messages().print(sentence, markup=False, soft_wrap=True)
    grounded = planner if isinstance(planner, GroundedSimulation) else None
    if upstream_recording is not None:
        if grounded is None:
            fail("--upstream-recording says what an upstream takes by itself; it goes with --ground")
        observe_recording(grounded, upstream_recording)
    try:
        config = msgspec.structs.replace(serve_config(recipe, planner), admin=admin)
        announce = announcement(config, planner, recipe.profile is not None)
        reread = None if read is None else _reread(read, recipe, planner, admin)
        if worker_count == 1:
            run(config, planner, announce, warn, reread)
        else:
            run_workers(config, planner, worker_count, announce, warn, reread)
    except ServeError as error:
        fail(str(error))
    for sentence in () if grounded is None else fit_sentences(grounded):
        warn(sentence)
    end.report()


def serve_config(recipe: RecipeFile, planner: "Planner") -> "ServeConfig":
    """Return what is served of a recipe."""
    from earthwire.cli.recipe_channels import with_channels
    from earthwire.proxy.replay_upstream import ReplayConfig
    from earthwire.proxy.serve_config import ServeConfig

    record = recipe.record
    upstreams: dict[str, str | ReplayConfig] = {name: route.upstream for name, route in recipe.routes.items()}
    if recipe.replay is not None:
        upstreams = {"replay": _replay_config(recipe.replay, recipe)}
    config = ServeConfig(
        upstreams=upstreams,
        mcp=mcp_configs(recipe, planner),
        host=recipe.listen.host,
        port=recipe.listen.port,
        unix_path=None if recipe.listen.unix is None else Path(recipe.listen.unix),
        certificate=_certificate(recipe.listen.certificate, recipe.listen.key),
        allow_public=recipe.listen.allow_public,
        record_path=None if record is None else Path(record.path),
        keep_bodies=record is not None and record.bodies,
        upstream_ca=None if recipe.upstream_tls.ca is None else Path(recipe.upstream_tls.ca),
        upstream_certificate=_certificate(recipe.upstream_tls.certificate, recipe.upstream_tls.key),
        tool_keys=tool_keys(planner),
    )
    return with_channels(config, recipe)


def _certificate(path: str | None, key_path: str | None) -> "Certificate | None":
    from earthwire.proxy.tls import Certificate

    if path is None:
        return None
    return Certificate(Path(path), None if key_path is None else Path(key_path))


def _replay_config(replay: ReplaySection, recipe: RecipeFile) -> "ReplayConfig":
    from earthwire.proxy.replay_upstream import ReplayConfig
    from earthwire.traces import ReadOptions, ReplayIndex, read_all

    options = ReadOptions(keep_bodies=True, keep_urls=True)
    index = ReplayIndex(read_all([Path(path) for path in replay.traces], options))
    for reason, count in index.not_replayable.items():
        warn(f"{count} recordings cannot be replayed: {reason}")
    if not index.replayable_count:
        fail(
            f"no recording in {', '.join(replay.traces)} can be replayed; record with --bodies, or import with "
            "--keep-bodies"
        )
    live = next((route.upstream for route in recipe.routes.values()), None)
    if replay.on_miss == "forward" and live is None:
        fail("on_miss: forward needs an upstream to forward to; give one with --upstream")
    if replay.timing == "calibrated" and recipe.profile is None:
        fail("timing: calibrated needs a profile to draw from; give one with --profile")
    return ReplayConfig(index=index, miss=replay.on_miss, timing=replay.timing, url=live)


def _reread(
    read: Callable[[], RecipeFile], recipe: RecipeFile, planner: "Planner", admin: "AdminConfig | None"
) -> Callable[[], "tuple[ServeConfig, Planner] | None"]:
    """Return what reads the recipe anew; it returns None where that changes nothing."""
    from earthwire.proxy.serve_config import ServeError

    served = (recipe, planner.profile_hash)
    spokesman = os.getpid()

    def reread() -> "tuple[ServeConfig, Planner] | None":
        nonlocal served
        try:
            wanted = read()
            new_planner = planner_of(wanted)
            config = msgspec.structs.replace(serve_config(wanted, new_planner), admin=admin)
        except SystemExit as ended:
            # What ends a command that starts must not end a proxy that serves; the message is out already.
            raise ServeError("see the error above") from ended
        if (wanted, new_planner.profile_hash) == served and wanted.replay is None:
            return None
        served = (wanted, new_planner.profile_hash)
        for key in ("port", "workers"):
            if getattr(wanted.listen, key) != getattr(recipe.listen, key) and os.getpid() == spokesman:
                warn(f"listen.{key}: changed in the recipe, and stays as it is until the next start")
        return config, new_planner

    return reread
