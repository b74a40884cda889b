"""``earthwire forward``: a forward proxy that opens TLS, for agents that only know HTTPS_PROXY."""

import importlib.util
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earthwire.cli.agents.children import without_mitmproxy
from earthwire.cli.console import fail, messages

if TYPE_CHECKING:
    from earthwire.config.recipe import RecipeFile


def forward(
    intercept: Annotated[
        list[str] | None,
        typer.Option("--intercept", "-i", help="Host of a tool, such as api.example.com or *.example.com."),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe", help="Recipe, for its profile, seed, severity, hosts to intercept and record."
        ),
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", "-p", help="Profile: a file, or the name of a shipped one.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Same seed, same calls: same plans.")] = None,
    severity: Annotated[
        float | None,
        typer.Option("--severity", min=0.0, max=8.0, help="0 clean, 1 as recorded, up to 8: harsher."),
    ] = None,
    record: Annotated[
        Path | None, typer.Option("--record", "-r", help="Append a trace record of each call (.jsonl).")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 8901,
    allow_public: Annotated[
        bool, typer.Option("--allow-public", help="Listen on an address other machines can reach.")
    ] = False,
    authority: Annotated[
        Path | None, typer.Option("--authority", help="Folder of its certificate authority.")
    ] = None,
    upstream_ca: Annotated[
        Path | None, typer.Option("--upstream-ca", help="PEM file that upstreams are verified against.")
    ] = None,
    print_addon: Annotated[
        bool, typer.Option("--print-addon", help="Print the file for `mitmdump -s` and end.")
    ] = False,
    print_authority: Annotated[
        bool, typer.Option("--print-authority", help="Print the certificate that clients must trust and end.")
    ] = False,
) -> None:
    """Run a forward proxy that simulates the tools behind some hosts, over TLS too; all else is tunnelled untouched.

    Clients need HTTPS_PROXY set to its address, and must trust its certificate authority (--print-authority);
    `earthwire run` sets both for the agent it starts. The authority is made at the first start, with a key that only
    its owner can read.
    """
    from earthwire.proxy.forward import (
        AUTHORITY_FOLDER,
        ForwardSettings,
        authority_certificate,
        mitmproxy_arguments,
        prepare_authority,
    )
    from earthwire.proxy.forward.settings import ADDON_SCRIPT
    from earthwire.proxy.recording.recorder import open_recording

    folder = authority or AUTHORITY_FOLDER
    if print_addon or print_authority:
        print(ADDON_SCRIPT if print_addon else authority_certificate(folder))
        return
    written = None if recipe is None else _written(recipe)
    hosts = intercept or ([] if written is None else written.run.intercept)
    if not hosts:
        fail("--intercept: name the hosts whose tools are simulated, such as --intercept api.example.com")
    if host not in ("127.0.0.1", "::1", "localhost") and not allow_public:
        fail(f"--host: {host} can be reached from other machines; listen on 127.0.0.1, or add --allow-public")
    record_path = _record_path(record, written)
    _check_hosts(hosts)
    _check_files(profile or (None if written is None else written.profile), upstream_ca)
    _check_address(host, port)
    if importlib.util.find_spec("mitmproxy") is None:
        fail(without_mitmproxy("the forward proxy", "earthwire-forward/bin/earthwire forward …"))
    if record_path is not None:
        os.close(open_recording(record_path))
    prepare_authority(folder)
    settings = ForwardSettings(
        hosts=tuple(hosts),
        host=host,
        port=port,
        authority_folder=folder,
        recipe=recipe,
        profile=profile,
        seed=seed,
        severity=severity,
        record_path=record_path,
        upstream_ca=upstream_ca,
    )
    messages().print(
        f"earthwire forwards on http://{host}:{port}; clients must trust {authority_certificate(folder)}",
        markup=False,
        soft_wrap=True,
    )
    _run(mitmproxy_arguments(settings))


def _written(name: str) -> "RecipeFile":
    """Read the recipe, and say what of it is not performed here."""
    from earthwire.config.recipe import read_recipe
    from earthwire.config.shipped import recipe_path
    from earthwire.proxy.forward.settings import left_out

    recipe = read_recipe(recipe_path(name))
    if parts := left_out(recipe):
        text = (
            f"earthwire: warning: {name}: only `earthwire serve` performs {', '.join(parts)}; left out here"
        )
        messages().print(text, markup=False, soft_wrap=True)
    return recipe


def _record_path(given: Path | None, recipe: "RecipeFile | None") -> Path | None:
    if given is not None or recipe is None or recipe.record is None:
        return given
    return Path(recipe.record.path)


def _check_hosts(hosts: list[str]) -> None:
    """End the command where a URL stands for a host: nothing would ever be intercepted."""
    wrong = next((one for one in hosts if "/" in one), None)
    if wrong is not None:
        fail(
            f"--intercept: {wrong!r} is no host; give the name alone, such as api.example.com or *.example.com"
        )


def _check_files(profile: str | None, upstream_ca: Path | None) -> None:
    """End the command where a file cannot be used; mitmproxy would show a stack trace, or nothing."""
    from earthwire.config.profile_file import read_profile
    from earthwire.config.shipped import profile_path
    from earthwire.proxy.wire.tls import client_context

    if profile is not None:
        read_profile(profile_path(profile))
    try:
        client_context(upstream_ca, None)
    except ValueError as error:
        fail(f"--upstream-ca: {error}")


def _check_address(host: str, port: int) -> None:
    """End the command where the address cannot be listened on."""
    from earthwire.proxy.listening import listen_problem
    from earthwire.proxy.serve_config import ServeConfig

    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            fail(listen_problem(ServeConfig(upstreams={}, host=host, port=port), error))


def _run(arguments: list[str]) -> None:
    from mitmproxy.tools.main import mitmdump

    mitmdump(arguments)
