"""``earthwire serve``: put the proxy between an agent and its tools."""

from pathlib import Path
from typing import Annotated

import typer

from earthwire.cli.console import fail
from earthwire.cli.serving.admin_options import AdminPort, AdminTokenFile, admin_config
from earthwire.cli.serving.recipe_options import (
    mcp_servers_of,
    paths_as_text,
    routes_of,
    set_given,
    update_section,
    validated_recipe,
    written_recipe,
)
from earthwire.cli.serving.served_recipe import start
from earthwire.cli.telling.client_timeouts import ClientTimeout
from earthwire.config.recipe import MissPolicy, RecipeFile, Timing
from earthwire.fault_models.laws.outcome_path import RegimeClock


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
