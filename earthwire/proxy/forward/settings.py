"""What a forward proxy is told, and how mitmproxy is told it."""

import re
from pathlib import Path

import msgspec

from earthwire.config.channel_sections import ChannelsSection
from earthwire.config.recipe import RecipeFile

ADDON_SCRIPT = Path(__file__).with_name("script.py")
"""The file for ``mitmdump -s``."""


class ForwardSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What one forward proxy does.

    Attributes:
        hosts: names of the tools' hosts; only connections to them are opened and simulated, all else is tunnelled
            untouched. ``*.example.com`` stands for all names below a domain.
        host: address to listen on.
        port: TCP port.
        authority_folder: where its certificate authority lives.
        recipe: recipe whose laws count where nothing below says otherwise: a file, or the name of a shipped one.
        profile: profile file, or name of one that comes with the package; with neither, nothing is changed.
        seed: of all draws; None as the recipe says, or 0.
        severity: 0 clean, 1 as recorded; None as the recipe says, or 1.
        record_path: JSONL file that trace records are appended to, or None.
        upstream_ca: PEM file of the authorities that upstreams are verified against, instead of the usual ones.
    """

    hosts: tuple[str, ...]
    host: str = "127.0.0.1"
    port: int = 8901
    authority_folder: Path
    recipe: str | None = None
    profile: str | None = None
    seed: int | None = None
    severity: float | None = None
    record_path: Path | None = None
    upstream_ca: Path | None = None


def mitmproxy_arguments(settings: ForwardSettings) -> list[str]:
    """Return the arguments of ``mitmdump`` that bring these settings about."""
    arguments = [
        "--quiet",
        f"--listen-host={settings.host}",
        f"--listen-port={settings.port}",
        f"--scripts={ADDON_SCRIPT}",
    ]
    options = {
        "confdir": str(settings.authority_folder),
        # A call that is answered by the plan alone must not be seen by its tool.
        "connection_strategy": "lazy",
        "earthwire_recipe": settings.recipe or "",
        "earthwire_profile": settings.profile or "",
        "earthwire_seed": "" if settings.seed is None else str(settings.seed),
        "earthwire_severity": "" if settings.severity is None else repr(settings.severity),
        "earthwire_record": "" if settings.record_path is None else str(settings.record_path),
    }
    if settings.upstream_ca is not None:
        options["ssl_verify_upstream_trusted_ca"] = str(settings.upstream_ca)
    for name, value in options.items():
        arguments += ["--set", f"{name}={value}"]
    for host in settings.hosts:
        arguments += ["--allow-hosts", host_pattern(host)]
    return arguments


def left_out(recipe: RecipeFile) -> list[str]:
    """Return the parts of a recipe that a forward proxy does not perform, by their keys."""
    parts = {
        "channels": recipe.channels != ChannelsSection(),
        "clock": recipe.clock.mode != "real",
        "costs": recipe.costs is not None,
        "budget": recipe.budget is not None,
        "replay": recipe.replay is not None,
        "ground": recipe.ground,
    }
    return [key for key, is_set in parts.items() if is_set]


def host_pattern(host: str) -> str:
    r"""Return the regular expression by which mitmproxy finds a host in ``name:port``.

    >>> host_pattern("*.example.com"), host_pattern("127.0.0.1:8443")
    ('^([^:]+\\.)?example\\.com(:\\d+)?$', '^127\\.0\\.0\\.1:8443$')
    """
    below, name = ("([^:]+\\.)?", host[2:]) if host.startswith("*.") else ("", host)
    port = "" if re.search(r":\d+$", name) else r"(:\d+)?"
    return f"^{below}{re.escape(name)}{port}$"
